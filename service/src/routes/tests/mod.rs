//! The routes over a real socket.

mod accounts;
mod background;
mod caching;
mod catalog;
mod operations;
mod tasks;
