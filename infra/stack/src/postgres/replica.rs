//! A streaming replica.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::node::Node;
use super::{MAINTENANCE, Options, settings};
use crate::daemon::Daemon;

/// How long a replica may take to have everything that its primary has.
const CATCH_UP: Duration = Duration::from_secs(30);

/// A running hot standby: it answers reads, and follows its primary whenever that is there.
#[derive(Debug)]
pub struct Replica {
    node: Node,
}

impl Replica {
    pub(super) fn start_of(primary: &Node, number: u32) -> Result<Self> {
        let node = Node::new(&format!("PostgreSQL replica {number}"), settings(Options::default()))?;
        node.copy_of(primary, &format!("replica_{number}"))?;
        node.start()?;
        Ok(Self { node })
    }

    /// Where its copy of `database` is.
    pub fn url(&self, database: &str) -> String {
        self.node.url(database)
    }

    /// The port that it listens on, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.node.port
    }

    /// Its process and its log.
    pub fn daemon(&self) -> &Daemon {
        &self.node.daemon
    }

    /// Runs a reading `statement` in `database`; the rows come back as lines, columns with `|` between them.
    ///
    /// # Errors
    /// PostgreSQL refuses it; the error is its message.
    pub fn query(&self, database: &str, statement: &str) -> Result<String> {
        self.node.query(database, statement)
    }

    /// Has it show every commit `seconds` after the primary made it; 0 is as soon as it can.
    ///
    /// # Errors
    /// Its settings cannot be written.
    pub fn lag(&self, seconds: u32) -> Result<()> {
        self.node.set("recovery_min_apply_delay", &format!("{seconds}s"))
    }

    /// Waits until it has everything that its primary had committed at the time of the call.
    ///
    /// # Errors
    /// It takes longer than half a minute, or one of the two does not answer.
    pub fn catch_up(&self, primary: &super::Postgres) -> Result<()> {
        let there = primary.query(MAINTENANCE, "SELECT pg_current_wal_insert_lsn()")?;
        let ask = format!("SELECT coalesce(pg_last_wal_replay_lsn() >= '{there}', false)");
        let deadline = Instant::now() + CATCH_UP;
        while self.query(MAINTENANCE, &ask)? != "t" {
            if Instant::now() > deadline {
                bail!("{} had not caught up within {} s", self.node.daemon.name(), CATCH_UP.as_secs());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Ends all its processes as a crash does.
    pub fn kill(&self) {
        self.node.daemon.kill();
    }

    /// Shuts it down in order.
    ///
    /// # Errors
    /// It does not end in time and had to be killed.
    pub fn stop(&self) -> Result<()> {
        self.node.stop()
    }

    /// Starts it again, on the same port and data, and waits until it answers.
    ///
    /// # Errors
    /// It runs, or does not come up.
    pub fn start(&self) -> Result<()> {
        self.node.start()
    }
}
