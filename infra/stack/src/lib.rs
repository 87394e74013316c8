//! Real servers on this machine: each started by one call, on free loopback ports, in a folder of its own, and stopped
//! when what stands for it is dropped.

pub mod ports;
