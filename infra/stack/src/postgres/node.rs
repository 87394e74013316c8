//! One PostgreSQL server: its data, its settings, its process.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use super::account::{Account, give, run_as};
use super::template::SETTINGS;
use super::{PASSWORD, USER, finished};
use crate::daemon::{Daemon, Signals};
use crate::folder;
use crate::ports;
use crate::programs::POSTGRES;

/// Recovery after a crash included, on a busy machine.
const START: Duration = Duration::from_secs(60);
const STOP: Duration = Duration::from_secs(30);

/// A server with a folder of its own.
#[derive(Debug)]
pub struct Node {
    // Ends the server before the folder goes.
    pub daemon: Daemon,
    pub port: u16,
    pub programs: PathBuf,
    pub account: Option<Account>,
    settings: Mutex<Vec<(String, String)>>,
    folder: TempDir,
}

impl Node {
    /// A server called `name` in messages, without data and not started.
    ///
    /// # Errors
    /// PostgreSQL is not installed, or there is no port or folder to be had.
    pub fn new(name: &str, settings: Vec<(String, String)>) -> Result<Self> {
        let server = POSTGRES.find()?;
        let programs = server.parent().context("a program lies in a folder")?.to_owned();
        let account = Account::to_be()?;
        let folder = folder::temporary("postgres")?;
        give(folder.path(), account)?;
        // Fast shutdown when asked; immediate, which still gives its shared memory back, when nobody waits.
        let signals = Signals { stop: libc::SIGINT, last: libc::SIGQUIT };
        let daemon = Daemon::new(name, folder.path().join("log"), signals, Some(folder.path()));
        let settings = Mutex::new(settings);
        Ok(Self { daemon, port: ports::free()?, programs, account, settings, folder })
    }

    /// The folder of its data.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Starts it on its port and waits until it answers.
    pub fn start(&self) -> Result<()> {
        self.write_settings()?;
        let mut command = Command::new(self.programs.join("postgres"));
        self.daemon.start(run_as(&mut command, self.account).arg("-D").arg(self.data()))?;
        let ready = || {
            let mut ask = Command::new(self.programs.join("pg_isready"));
            ask.args(["-q", "-t", "1", "-h", "127.0.0.1", "-p", &self.port.to_string()]);
            ask.current_dir("/").status().is_ok_and(|status| status.success())
        };
        self.daemon.wait_ready(START, ready)
    }

    /// Shuts it down; transactions in progress are rolled back.
    pub fn stop(&self) -> Result<()> {
        self.daemon.stop(STOP)
    }

    /// Changes a setting; a server that runs takes it at once where PostgreSQL can.
    pub fn set(&self, name: &str, value: &str) -> Result<()> {
        let mut settings = self.settings.lock().unwrap_or_else(PoisonError::into_inner);
        settings.retain(|(there, _)| there != name);
        settings.push((name.to_owned(), value.to_owned()));
        drop(settings);
        self.write_settings()?;
        if self.daemon.is_running() {
            self.daemon.signal(libc::SIGHUP)?;
        }
        Ok(())
    }

    fn write_settings(&self) -> Result<()> {
        let settings = self.settings.lock().unwrap_or_else(PoisonError::into_inner);
        let quoted = |value: &str| value.replace('\'', "''");
        let mut text = format!("port = {}\n", self.port);
        for (name, value) in settings.iter() {
            text += &format!("{name} = '{}'\n", quoted(value));
        }
        // In one step: the server may read it while it is written.
        let (draft, file) = (self.folder.path().join("settings"), self.data().join(SETTINGS));
        fs::write(&draft, text)?;
        give(&draft, self.account)?;
        fs::rename(&draft, &file).with_context(|| format!("writing {}", file.display()))
    }

    /// Where `database` is.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{USER}:{PASSWORD}@127.0.0.1:{}/{database}", self.port)
    }

    /// Runs `statement` there; the rows come back as lines, columns with `|` between them.
    pub fn query(&self, database: &str, statement: &str) -> Result<String> {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-U", USER, "-d", database]);
        psql.args(["-p", &self.port.to_string(), "-c", statement]).env("PGPASSWORD", PASSWORD);
        finished(psql.current_dir("/"), statement)
    }

    /// Copies `primary` into this one's data, as a standby that follows it through a slot of its own.
    pub fn copy_of(&self, primary: &Self, slot: &str) -> Result<()> {
        let mut copy = Command::new(self.programs.join("pg_basebackup"));
        run_as(&mut copy, self.account).arg("-D").arg(self.data()).env("PGPASSWORD", PASSWORD);
        copy.args(["-h", "127.0.0.1", "-p", &primary.port.to_string(), "-U", USER, "-R", "-C", "-S", slot]);
        copy.args(["-X", "stream", "-c", "fast", "--no-sync"]);
        finished(&mut copy, "pg_basebackup")?;
        Ok(())
    }
}
