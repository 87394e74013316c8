//! Redis: one server, or a cluster of them.

mod cluster;
mod node;

use std::sync::LazyLock;

use anyhow::Result;

pub use self::cluster::RedisCluster;
use self::node::Node;
use crate::daemon::Daemon;

/// A running server, which keeps nothing when it ends.
#[derive(Debug)]
pub struct Redis {
    node: Node,
}

impl Redis {
    /// Starts one, empty.
    ///
    /// # Errors
    /// Redis is not installed or does not come up; the error shows the end of its log.
    pub fn start() -> Result<Self> {
        Ok(Self { node: Node::start_new("Redis", Vec::new())? })
    }

    /// The one that all tests of a process share: started by the first that asks, ended with the process.
    ///
    /// # Panics
    /// It does not come up: the message says why.
    pub fn shared() -> &'static Self {
        static SHARED: LazyLock<Redis> =
            LazyLock::new(|| Redis::start().unwrap_or_else(|error| panic!("{error:#}")));
        &SHARED
    }

    /// Where it is.
    pub fn url(&self) -> String {
        url(self.node.port)
    }

    /// The port that it listens on, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.node.port
    }

    /// Its process and its log.
    pub fn daemon(&self) -> &Daemon {
        &self.node.daemon
    }

    /// What it answers to `command`, a line as one would type it into `redis-cli`: a status, a number or one text.
    ///
    /// # Errors
    /// It does not answer, or with an error or something else than those.
    pub fn ask(&self, command: &str) -> Result<String> {
        self.node.ask(command)
    }

    /// Ends it as a crash does; what it held is gone.
    pub fn kill(&self) {
        self.node.daemon.kill();
    }

    /// Stops it in order; what it held is gone all the same.
    ///
    /// # Errors
    /// It does not end in time and had to be killed.
    pub fn stop(&self) -> Result<()> {
        self.node.stop()
    }

    /// Starts it again on the same port, empty, and waits until it answers.
    ///
    /// # Errors
    /// It runs, or does not come up.
    pub fn start_again(&self) -> Result<()> {
        self.node.start()
    }
}

fn url(port: u16) -> String {
    format!("redis://127.0.0.1:{port}/")
}
