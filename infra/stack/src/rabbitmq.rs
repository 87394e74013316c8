//! RabbitMQ, and the name server that Erlang's nodes need.

use std::fs;
use std::io::{Read as _, Write as _};
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use crate::daemon::{Daemon, Signals};
use crate::http::connect;
use crate::programs::{EPMD, RABBITMQ};
use crate::{folder, ports};

/// It takes eight to ten seconds on an idle machine.
const START: Duration = Duration::from_secs(120);
const STOP: Duration = Duration::from_secs(60);
const NAMES_START: Duration = Duration::from_secs(20);

/// A running broker with one virtual host `/` and the user `guest`.
#[derive(Debug)]
pub struct RabbitMq {
    // Ends the servers before the folder goes.
    daemon: Daemon,
    names: Daemon,
    ports: Ports,
    folder: TempDir,
}

/// The ports of one broker, all on 127.0.0.1.
#[derive(Clone, Copy, Debug)]
struct Ports {
    amqp: u16,
    metrics: u16,
    distribution: u16,
    names: u16,
}

impl RabbitMq {
    /// Starts one, empty. What it has accepted as durable outlives its end.
    ///
    /// # Errors
    /// RabbitMQ is not installed or does not come up; the error shows the end of its log.
    pub fn start() -> Result<Self> {
        RABBITMQ.find()?;
        let folder = folder::temporary("rabbitmq")?;
        let ports = Ports {
            amqp: ports::free()?,
            metrics: ports::free()?,
            distribution: ports::free()?,
            names: ports::free()?,
        };
        let settings = format!(
            "listeners.tcp.1 = 127.0.0.1:{}\n\
             prometheus.tcp.ip = 127.0.0.1\n\
             prometheus.tcp.port = {}\n\
             log.console = true\n\
             log.console.level = warning\n\
             log.file = false\n",
            ports.amqp, ports.metrics
        );
        fs::write(folder.path().join("rabbitmq.conf"), settings)?;
        fs::write(folder.path().join("plugins"), "[rabbitmq_prometheus].\n")?;
        let signals = Signals { stop: libc::SIGTERM, last: libc::SIGKILL };
        let daemon = Daemon::new("RabbitMQ", folder.path().join("log"), signals, Some(folder.path()));
        let names = Daemon::new("epmd", folder.path().join("epmd.log"), signals, None);
        let broker = Self { daemon, names, ports, folder };
        broker.start_names()?;
        broker.start_again()?;
        Ok(broker)
    }

    /// The one that all tests of a process share: started by the first that asks, ended with the process.
    ///
    /// # Panics
    /// It does not come up: the message says why.
    pub fn shared() -> &'static Self {
        static SHARED: LazyLock<RabbitMq> =
            LazyLock::new(|| RabbitMq::start().unwrap_or_else(|error| panic!("{error:#}")));
        &SHARED
    }

    /// Where it is: an AMQP URL.
    pub fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.ports.amqp)
    }

    /// The port that it speaks AMQP on, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.ports.amqp
    }

    /// The port on which Prometheus finds `/metrics`.
    pub fn metrics_port(&self) -> u16 {
        self.ports.metrics
    }

    /// Its process and its log.
    pub fn daemon(&self) -> &Daemon {
        &self.daemon
    }

    /// Ends it as a crash does.
    pub fn kill(&self) {
        self.daemon.kill();
    }

    /// Stops it in order.
    ///
    /// # Errors
    /// It does not end in time and had to be killed.
    pub fn stop(&self) -> Result<()> {
        self.daemon.stop(STOP)
    }

    /// Starts it again, on the same port and data, and waits until it speaks AMQP.
    ///
    /// # Errors
    /// It runs, or does not come up.
    pub fn start_again(&self) -> Result<()> {
        let folder = self.folder.path();
        let mut command = Command::new(RABBITMQ.find()?);
        self.as_erlang(&mut command)
            .env("RABBITMQ_NODENAME", format!("stack{}@localhost", self.ports.amqp))
            .env("RABBITMQ_BASE", folder)
            .env("RABBITMQ_MNESIA_BASE", folder.join("data"))
            .env("RABBITMQ_LOG_BASE", folder.join("logs"))
            .env("RABBITMQ_PID_FILE", folder.join("pid"))
            .env("RABBITMQ_CONFIG_FILE", folder.join("rabbitmq.conf"))
            .env("RABBITMQ_CONF_ENV_FILE", folder.join("rabbitmq-env.conf"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", folder.join("plugins"))
            .env("RABBITMQ_DIST_PORT", self.ports.distribution.to_string())
            // No scheduler of Erlang's turns in circles while it has nothing to do: the cores are shared.
            .env(
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none",
            );
        self.daemon.start(&mut command)?;
        self.daemon.wait_ready(START, || greets(self.ports.amqp).is_some())
    }

    fn start_names(&self) -> Result<()> {
        let mut command = Command::new(EPMD.find()?);
        let port = self.ports.names.to_string();
        self.as_erlang(&mut command).args(["-port", &port, "-address", "127.0.0.1"]);
        self.names.start(&mut command).context("starting the name server of Erlang's nodes")?;
        self.names.wait_ready(NAMES_START, || connect(self.ports.names).is_some())
    }

    /// What both need: where the name server is, and a home for the cookie that the node makes itself.
    fn as_erlang<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .current_dir(self.folder.path())
            .env("HOME", self.folder.path())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("ERL_EPMD_PORT", self.ports.names.to_string())
    }
}

/// Whether a broker on `port` answers the header of AMQP 0-9-1 with a frame (type 1: a method, `connection.start`).
fn greets(port: u16) -> Option<()> {
    let mut stream = connect(port)?;
    stream.write_all(b"AMQP\0\0\x09\x01").ok()?;
    let mut kind = [0];
    stream.read_exact(&mut kind).ok()?;
    (kind == [1]).then_some(())
}
