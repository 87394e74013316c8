//! The real load generator as a process, with scenarios written for the test and the record it leaves.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use record::{Record, files};
use tempfile::TempDir;

use crate::process::{Ended, Process, program, run};

/// A `loadgen` command in a folder of its own.
#[derive(Debug)]
pub struct Loadgen {
    folder: TempDir,
    command: Command,
}

impl Loadgen {
    /// `loadgen VERB FILE`, where the file holds `scenario`.
    ///
    /// # Errors
    /// The file cannot be written or loadgen has not been built.
    pub fn new(verb: &str, scenario: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("scenario.yaml");
        fs::write(&file, scenario)?;
        Self::in_folder(folder, verb, &file)
    }

    /// `loadgen run` of `scenario` against `target`, the record in this folder.
    ///
    /// # Errors
    /// As [`Loadgen::new`].
    pub fn run(scenario: &str, target: &str) -> Result<Self> {
        Ok(Self::new("run", scenario)?.against(target))
    }

    /// `loadgen capacity` of `scenario` against `target`, the answer in this folder.
    ///
    /// # Errors
    /// As [`Loadgen::new`].
    pub fn capacity(scenario: &str, target: &str) -> Result<Self> {
        Ok(Self::new("capacity", scenario)?.against(target))
    }

    /// `loadgen run` of a file that is shipped or was written before.
    ///
    /// # Errors
    /// As [`Loadgen::new`].
    pub fn run_file(file: &Path, target: &str) -> Result<Self> {
        Ok(Self::in_folder(tempfile::tempdir()?, "run", file)?.against(target))
    }

    fn in_folder(folder: TempDir, verb: &str, file: &Path) -> Result<Self> {
        let mut command = Command::new(program("loadgen")?);
        command.arg(verb).arg(file).current_dir(folder.path());
        command.env_remove("LOADGEN_TARGET").env("NO_COLOR", "1");
        Ok(Self { folder, command })
    }

    fn against(self, target: &str) -> Self {
        let record = self.record_folder();
        let record = record.to_string_lossy().into_owned();
        self.args(&["--target", target, "--no-tui", "--out", &record])
    }

    /// The same with more arguments.
    #[must_use]
    pub fn args(mut self, arguments: &[&str]) -> Self {
        self.command.args(arguments);
        self
    }

    /// The same with a variable of the environment set.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// The same command, started by another: `nice -n 5 loadgen …`.
    #[must_use]
    pub fn started_by(mut self, starter: &[&str]) -> Self {
        let mut command = Command::new(starter[0]);
        command.args(&starter[1..]).arg(self.command.get_program()).args(self.command.get_args());
        command.current_dir(self.folder.path()).env_remove("LOADGEN_TARGET").env("NO_COLOR", "1");
        self.command = command;
        self
    }

    fn record_folder(&self) -> PathBuf {
        self.folder.path().join("record")
    }

    /// Runs it to its end.
    ///
    /// # Errors
    /// It does not end within two minutes.
    pub fn finish(self) -> Result<Finished> {
        self.start()?.finish()
    }

    /// Starts it.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(mut self) -> Result<Started> {
        let process = Process::start(&mut self.command)?;
        Ok(Started { record: self.record_folder(), folder: self.folder, process })
    }
}

/// A load generator at work.
#[derive(Debug)]
pub struct Started {
    folder: TempDir,
    /// Where its record comes to be.
    pub record: PathBuf,
    /// Its process.
    pub process: Process,
}

impl Started {
    /// Waits until `seconds` whole seconds are in the record.
    ///
    /// # Errors
    /// They are not there after a minute, or loadgen ended before.
    pub fn until_recorded(&mut self, seconds: usize) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let series = fs::read_to_string(self.record.join(files::SERIES)).unwrap_or_default();
            // The first line is the header.
            if series.lines().count() > seconds {
                return Ok(());
            }
            if Instant::now() > deadline || !self.process.is_running()? {
                bail!("{seconds} seconds were not recorded; series.csv holds:\n{series}");
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// It does not end within two minutes.
    pub fn finish(self) -> Result<Finished> {
        let ended = self.process.wait(Duration::from_secs(120))?;
        Ok(Finished { ended, folder: self.folder })
    }
}

/// A load generator that has ended.
#[derive(Debug)]
pub struct Finished {
    /// How, and what it said.
    pub ended: Ended,
    folder: TempDir,
}

impl Finished {
    /// The folder of its record.
    pub fn record_folder(&self) -> PathBuf {
        self.folder.path().join("record")
    }

    /// Its record.
    ///
    /// # Errors
    /// There is none, or it is damaged; the error shows what loadgen said.
    pub fn record(&self) -> Result<Record> {
        Record::open(&self.record_folder()).with_context(|| format!("{:?}", self.ended))
    }

    /// Makes sure that it ended with `code`.
    ///
    /// # Errors
    /// It ended otherwise; the error shows what it said.
    pub fn expect(&self, code: i32) -> Result<()> {
        if self.ended.code != Some(code) {
            bail!(
                "exit {:?} instead of {code}\n{}\n{}",
                self.ended.code,
                self.ended.stdout,
                self.ended.stderr
            );
        }
        Ok(())
    }
}

/// Writes the page of `records` to `page` with the real `reports`.
///
/// # Errors
/// It cannot be started or does not end.
pub fn reports_html(record: &Path, page: &Path) -> Result<Ended> {
    run(Command::new(program("reports")?).arg("html").arg(record).arg("--out").arg(page))
}
