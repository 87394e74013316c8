//! Real servers on this machine: each started by one call, on free loopback ports, in a folder of its own, and stopped
//! when what stands for it is dropped, when its process ends, and when its process is killed.

pub mod daemon;
mod exporters;
mod folder;
mod guard;
pub mod http;
pub mod nginx;
pub mod ports;
mod postgres;
pub mod process;
pub mod programs;
pub mod prometheus;
mod rabbitmq;
mod redis;
pub mod service;
pub mod topology;

pub use folder::shelf;
pub use nginx::Nginx;
pub use postgres::{Options as PostgresOptions, Postgres, Replica};
pub use rabbitmq::RabbitMq;
pub use redis::{Redis, RedisCluster};
pub use topology::{Phase, Plan, Topology};
