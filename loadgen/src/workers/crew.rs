//! The processes that share a load.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    os::{fd::OwnedFd, unix::net::UnixStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus},
    time::{Duration, Instant},
};

use record::{Exit, Follow, Record, Second};

use super::leash;
use crate::{
    cli::{Reach, RunArgs, Scenario},
    run::StartAt,
    share::Share,
    stop::Stop,
};

/// How long workers may take to end once they were told to, or their plan is over.
const ENDED_WITHIN: Duration = Duration::from_secs(15);
/// Bytes of a worker's last words that are worth showing.
const LAST_WORDS: usize = 1_000;

/// One process of several.
pub struct Worker {
    share: Share,
    folder: PathBuf,
    child: Child,
    line: UnixStream,
    ready: bool,
    follow: Follow,
    /// The next second, as soon as it is in its record.
    pub head: Option<Second>,
    ended: Option<ExitStatus>,
    recorded_s: u64,
}

impl Worker {
    /// Starts the worker of `share`; its record goes to `folder`, what it says to a file beside.
    fn start(share: Share, folder: PathBuf, arguments: &RunArgs, seed: u64) -> io::Result<Self> {
        let (line, its_end) = UnixStream::pair()?;
        line.set_nonblocking(true)?;
        let log = File::create(log_of(&folder))?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(line_of(share, &folder, arguments, seed));
        command.stdin(OwnedFd::from(its_end)).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn()?;
        let follow = Follow::new(&folder);
        Ok(Self { share, folder, child, line, ready: false, follow, head: None, ended: None, recorded_s: 0 })
    }

    /// Whether it could begin.
    fn is_ready(&mut self) -> bool {
        let mut said = [0; 64];
        // It says one thing; an error is that it has said nothing yet.
        self.ready = self.ready || self.line.read(&mut said).is_ok_and(|bytes| bytes > 0);
        self.ready
    }

    /// A worker that is gone hears nothing.
    fn tell(&mut self, what: &str) {
        let _ = writeln!(self.line, "{what}");
    }

    /// Whether its process has ended.
    fn has_ended(&mut self) -> bool {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().ok().flatten();
        }
        self.ended.is_some()
    }

    /// Looks for its next second; whether there is one, or none will ever come.
    ///
    /// # Errors
    /// Its record is damaged.
    pub fn look(&mut self) -> Result<bool, Stop> {
        if self.head.is_none() {
            // In this order: what it wrote before it ended is read when it is known to have ended.
            let ended = self.has_ended();
            self.head = self.follow.second()?;
            self.recorded_s = self.head.as_ref().map_or(self.recorded_s, |second| second.row.second + 1);
            return Ok(self.head.is_some() || ended);
        }
        Ok(true)
    }

    /// What is new in its record beside the seconds.
    pub fn follow(&mut self) -> &mut Follow {
        &mut self.follow
    }

    /// Why its record cannot be whole; nothing when it ended as it should.
    pub fn died(&self) -> Option<String> {
        let status = self.ended?;
        let verdicts = [Exit::Pass, Exit::BudgetMissed, Exit::Invalid, Exit::NoData, Exit::Interrupted];
        if status.code().is_some_and(|code| verdicts.iter().any(|exit| i32::from(exit.code()) == code)) {
            return None;
        }
        let words = self.last_words();
        Some(format!("worker {} ended with {status} after {} s{words}", self.share, self.recorded_s))
    }

    /// Its record, as far as it came.
    pub fn record(&self) -> Option<Record> {
        Record::open(&self.folder).ok()
    }

    fn last_words(&self) -> String {
        let said = fs::read(log_of(&self.folder)).unwrap_or_default();
        let said = String::from_utf8_lossy(&said[said.len().saturating_sub(LAST_WORDS)..]).trim().to_owned();
        if said.is_empty() { said } else { format!(": {said}") }
    }

    /// The exit code that it ended with.
    fn exit_code(&self) -> Option<i32> {
        self.ended?.code()
    }
}

impl Drop for Worker {
    /// No worker outlives its parent.
    fn drop(&mut self) {
        if !self.has_ended() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// All processes of a run.
pub struct Crew(pub Vec<Worker>);

impl Crew {
    /// Starts `count` workers, whose records go to folders of `folder`.
    ///
    /// # Errors
    /// A process cannot be started, or a folder not be made.
    pub fn start(count: u64, folder: &Path, arguments: &RunArgs, seed: u64) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let start =
            |share: Share| Worker::start(share, folder.join(share.index().to_string()), arguments, seed);
        Share::all(count).map(start).collect::<io::Result<_>>().map(Self)
    }

    /// Whether all could begin.
    ///
    /// # Errors
    /// One has ended instead; the error is its own.
    pub fn are_ready(&mut self) -> Result<bool, Stop> {
        let mut all = true;
        for worker in &mut self.0 {
            all &= worker.is_ready();
            if worker.has_ended() {
                let words = worker.last_words();
                let said = words.trim_start_matches(": ").to_owned();
                return Err(match worker.exit_code() {
                    Some(2) => Stop::Usage(said),
                    Some(13) => Stop::NoData(said),
                    Some(130) => Stop::Interrupted,
                    _ => {
                        Stop::Internal(format!("worker {} ended before the load began{words}", worker.share))
                    }
                });
            }
        }
        Ok(all)
    }

    /// Has all begin at the same instant.
    pub fn begin(&mut self, start: StartAt) {
        let since_epoch = start.0.duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap_or_default();
        let word = format!("{}{:.9}", leash::BEGIN, since_epoch.as_secs_f64());
        self.0.iter_mut().for_each(|worker| worker.tell(&word));
    }

    /// Has all end.
    pub fn stop(&mut self) {
        self.0.iter_mut().for_each(|worker| worker.tell(leash::STOP));
    }

    /// Kills those that should have ended at `over` and have not: they hang.
    pub fn cut(&mut self, over: Instant) {
        if Instant::now() > over + ENDED_WITHIN {
            for worker in self.0.iter_mut().filter(|worker| worker.ended.is_none()) {
                let _ = worker.child.kill();
            }
        }
    }
}

fn log_of(folder: &Path) -> PathBuf {
    folder.with_extension("log")
}

/// The command line of a worker. Every argument of `run` is named here, so that a new one cannot be forgotten: either the
/// workers need it, or it is the parent's.
fn line_of(share: Share, folder: &Path, arguments: &RunArgs, seed: u64) -> Vec<std::ffi::OsString> {
    let RunArgs {
        scenario: Scenario { file, target, scale, vars, allow },
        reach: Reach { insecure },
        max_rate,
        // The parent's own.
        out: _,
        seed: _,
        workers: _,
        shard: _,
        start_at: _,
        worker: _,
        report: _,
        junit: _,
        github: _,
        json: _,
        quiet: _,
        no_tui: _,
        web: _,
        export,
    } = arguments;
    let mut line: Vec<std::ffi::OsString> = vec!["run".into(), file.into()];
    let mut add = |name: &str, value: &str| line.push(format!("--{name}={value}").into());
    if let Some(target) = target {
        add("target", target);
    }
    if let Some(scale) = scale {
        add("scale", &scale.to_string());
    }
    vars.iter().for_each(|(key, value)| add("var", &format!("{key}={value}")));
    allow.iter().for_each(|host| add("allow", host));
    add("max-rate", &max_rate.to_string());
    add("seed", &seed.to_string());
    add("shard", &share.to_string());
    line.extend(["--worker".into(), "--quiet".into(), "--out".into(), folder.into()]);
    if *insecure {
        line.push("--insecure".into());
    }
    line.extend(export.of_worker(share));
    line
}
