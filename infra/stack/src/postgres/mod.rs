//! PostgreSQL: a primary and its streaming replicas.

mod account;
mod node;
mod replica;
mod template;

use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result, bail};

use self::node::Node;
pub use self::replica::Replica;
use crate::daemon::Daemon;

/// The role that the service is: it owns its databases and is no superuser.
const USER: &str = "headroom";
/// For servers that listen on loopback alone and hold made-up data; a password at all, so that clients need one.
const PASSWORD: &str = "headroom";
/// The database in which one says that another is to be made.
const MAINTENANCE: &str = "postgres";

/// How a primary is to be.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Whether data must outlive a loss of power. Without it, they outlive the end of PostgreSQL's processes, however
    /// sudden, and writes take no longer than the memory does.
    pub durable: bool,
    /// Settings of PostgreSQL's own, such as `max_connections`; they win over the ones made here.
    pub settings: Vec<(String, String)>,
}

/// A running primary. Its replicas are [`Postgres::replica`]s.
#[derive(Debug)]
pub struct Postgres {
    node: Node,
    replicas: AtomicU32,
}

impl Postgres {
    /// Starts a primary with an empty cluster.
    ///
    /// # Errors
    /// PostgreSQL is not installed or does not come up; the error shows the end of its log.
    pub fn start() -> Result<Self> {
        Self::start_with(Options::default())
    }

    /// The one that all tests of a process share: started by the first that asks, ended with the process. Each test makes
    /// databases of its own in it.
    ///
    /// # Panics
    /// It does not come up: the message says why.
    pub fn shared() -> &'static Self {
        static SHARED: LazyLock<Postgres> =
            LazyLock::new(|| Postgres::start().unwrap_or_else(|error| panic!("{error:#}")));
        &SHARED
    }

    /// The same, as `options` say.
    ///
    /// # Errors
    /// As [`Postgres::start`].
    pub fn start_with(options: Options) -> Result<Self> {
        let node = Node::new("PostgreSQL", settings(options))?;
        template::copy_to(&node.data(), &node.programs, node.account)?;
        node.start()?;
        Ok(Self { node, replicas: AtomicU32::new(0) })
    }

    /// Where `database` is, whether or not it has been created.
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

    /// Creates a database and says where it is.
    ///
    /// # Errors
    /// It exists, the name is not one (`[a-z][a-z0-9_]*`), or the server does not answer.
    pub fn create_database(&self, name: &str) -> Result<String> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(plain) {
            bail!(
                "`{name}` is no name for a database; take lower-case letters, digits and _, a letter first"
            );
        }
        self.query(MAINTENANCE, &format!("CREATE DATABASE {name}"))?;
        Ok(self.url(name))
    }

    /// Runs `statement` in `database`; the rows come back as lines, columns with `|` between them.
    ///
    /// # Errors
    /// PostgreSQL refuses it; the error is its message.
    pub fn query(&self, database: &str, statement: &str) -> Result<String> {
        self.node.query(database, statement)
    }

    /// Starts a streaming replica of everything that is here.
    ///
    /// # Errors
    /// The copy cannot be made or does not come up.
    pub fn replica(&self) -> Result<Replica> {
        let number = self.replicas.fetch_add(1, Ordering::Relaxed) + 1;
        Replica::start_of(&self.node, number)
    }

    /// Ends all its processes as a crash does. [`Postgres::start`] brings it back with what was committed.
    pub fn kill(&self) {
        self.node.daemon.kill();
    }

    /// Shuts it down in order; transactions in progress are rolled back.
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
    pub fn start_again(&self) -> Result<()> {
        self.node.start()
    }

    /// Stops it and starts it again.
    ///
    /// # Errors
    /// As [`Postgres::stop`] and [`Postgres::start_again`].
    pub fn restart(&self) -> Result<()> {
        self.stop()?;
        self.start_again()
    }
}

/// What a primary and its replicas have in common; replicas need at least the primary's numbers.
fn settings(options: Options) -> Vec<(String, String)> {
    let mut settings: Vec<(String, String)> = [
        ("listen_addresses", "127.0.0.1"),
        ("unix_socket_directories", ""),
        ("max_connections", "400"),
        ("shared_buffers", "128MB"),
        ("wal_level", "replica"),
        ("max_wal_senders", "10"),
        ("max_replication_slots", "10"),
        ("hot_standby", "on"),
        // A replica that lost its primary tries again soon: the default is five seconds.
        ("wal_retrieve_retry_interval", "200ms"),
        ("shared_preload_libraries", "pg_stat_statements"),
        // Committed is what reached the log, and the log reaches replicas at once.
        ("synchronous_commit", "on"),
        ("fsync", if options.durable { "on" } else { "off" }),
        ("log_line_prefix", "%m [%p] "),
        ("timezone", "UTC"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    // The last one of a name counts.
    settings.extend(options.settings);
    settings
}

/// What `command` wrote, once it is done.
///
/// # Errors
/// It cannot be started or fails; the error says what it was about and what it said.
fn finished(command: &mut Command, about: &str) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let name =
        Path::new(&program).file_name().map_or(program.clone(), |it| it.to_string_lossy().into_owned());
    let ended = command.output().with_context(|| format!("starting {name}"))?;
    if !ended.status.success() {
        bail!("{about}: {}", String::from_utf8_lossy(&ended.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&ended.stdout).trim_end().to_owned())
}
