//! A server as a child process with a log of its own: started, awaited, stopped, killed, started again.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::guard::Guard;
use crate::process::{await_end, descendants, send, send_to_group};

/// How long a server may take to end before it is killed when nobody waits for it any more.
const LAST: Duration = Duration::from_secs(5);
/// Lines of a log that an error shows.
const TAIL: usize = 12;

/// How a server is asked to end; numbers of signals.
#[derive(Clone, Copy, Debug)]
pub struct Signals {
    /// By [`Daemon::stop`]: in order.
    pub stop: i32,
    /// When it is dropped or its owner is gone: at once, but leaving nothing behind.
    pub last: i32,
}

/// A server; it ends when this is dropped, and when this process ends in any way.
#[derive(Debug)]
pub struct Daemon {
    name: String,
    log: PathBuf,
    signals: Signals,
    folder: Option<PathBuf>,
    running: Mutex<Option<Running>>,
}

#[derive(Debug)]
struct Running {
    child: Child,
    // Ends its watch when dropped, which must be after the child has ended.
    _guard: Guard,
}

impl Daemon {
    /// Nothing is started yet. What the server says goes to the file `log`; `folder` is removed when this process is
    /// killed and cannot remove it itself.
    pub fn new(name: impl Into<String>, log: PathBuf, signals: Signals, folder: Option<&Path>) -> Self {
        let folder = folder.map(Path::to_owned);
        Self { name: name.into(), log, signals, folder, running: Mutex::new(None) }
    }

    /// What it is called in messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file that its output goes to.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Its process id while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.lock().as_ref().map(|running| running.child.id())
    }

    /// Whether its process is there.
    pub fn is_running(&self) -> bool {
        matches!(self.ended(), Ok(None))
    }

    /// Starts `command` as this server, in a process group of its own.
    ///
    /// # Errors
    /// It runs already or cannot be started.
    pub fn start(&self, command: &mut Command) -> Result<()> {
        let mut running = self.lock();
        if let Some(there) = running.as_mut()
            && there.child.try_wait()?.is_none()
        {
            bail!("{} runs already", self.name);
        }
        let log = File::options().create(true).append(true).open(&self.log);
        let log = log.with_context(|| format!("opening {}", self.log.display()))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0);
        let child = command.spawn().with_context(|| format!("starting {}", self.name))?;
        let mut child = Some(child);
        let group = child.as_ref().map_or(0, Child::id);
        match Guard::over(group, self.signals.last, self.folder.as_deref()) {
            Ok(guard) => *running = child.take().map(|child| Running { child, _guard: guard }),
            Err(error) => {
                send_to_group(group, libc::SIGKILL);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Waits until `ready` says so.
    ///
    /// # Errors
    /// The server ended, or `within` is over; the error shows the end of its log.
    pub fn wait_ready(&self, within: Duration, mut ready: impl FnMut() -> bool) -> Result<()> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(status) = self.ended()? {
                bail!("{} ended while it was starting ({status}); {}", self.name, self.said());
            }
            if ready() {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("{} was not ready within {} s; {}", self.name, within.as_secs(), self.said());
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Sends `signal` (such as `libc::SIGHUP`) to the server's first process.
    ///
    /// # Errors
    /// It does not run.
    pub fn signal(&self, signal: i32) -> Result<()> {
        let mut running = self.lock();
        let Some(there) = running.as_mut() else { bail!("{} does not run", self.name) };
        if let Some(status) = there.child.try_wait()? {
            bail!("{} has ended already ({status})", self.name);
        }
        send(there.child.id(), signal);
        Ok(())
    }

    /// Asks it to stop and waits for its end; after `within` it is killed. Nothing to do when it does not run.
    ///
    /// # Errors
    /// It had to be killed; the error shows the end of its log.
    pub fn stop(&self, within: Duration) -> Result<()> {
        let Some(mut there) = self.lock().take() else { return Ok(()) };
        let descendants = descendants(there.child.id());
        send(there.child.id(), self.signals.stop);
        let in_time = wait(&mut there.child, within);
        finish(&mut there.child, &descendants);
        if in_time.is_none() {
            bail!("{} did not stop within {} s and was killed; {}", self.name, within.as_secs(), self.said());
        }
        Ok(())
    }

    /// Ends all its processes as a crash does. Nothing to do when it does not run.
    pub fn kill(&self) {
        if let Some(mut there) = self.lock().take() {
            let descendants = descendants(there.child.id());
            send(there.child.id(), libc::SIGKILL);
            for process in &descendants {
                send(*process, libc::SIGKILL);
            }
            finish(&mut there.child, &descendants);
        }
    }

    fn ended(&self) -> Result<Option<ExitStatus>> {
        match self.lock().as_mut() {
            Some(there) => Ok(there.child.try_wait()?),
            None => bail!("{} does not run", self.name),
        }
    }

    fn said(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let tail = &lines[lines.len().saturating_sub(TAIL)..];
        if tail.is_empty() {
            return format!("its log {} is empty", self.log.display());
        }
        format!("its log {} ends with:\n  {}", self.log.display(), tail.join("\n  "))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let running = self.running.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut there) = running {
            let descendants = descendants(there.child.id());
            send_to_group(there.child.id(), self.signals.last);
            let _ = wait(&mut there.child, LAST);
            finish(&mut there.child, &descendants);
        }
    }
}

/// Ends what is left of the child's group, and the child; only then are ports and memory free again.
fn finish(child: &mut Child, descendants: &[u32]) {
    send_to_group(child.id(), libc::SIGKILL);
    // It is gone or about to be; there is nobody to tell.
    let _ = child.wait();
    await_end(descendants, LAST);
}

fn wait(child: &mut Child, within: Duration) -> Option<ExitStatus> {
    let deadline = Instant::now() + within;
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        if Instant::now() > deadline {
            return None;
        }
        thread::sleep(Duration::from_millis(5));
    }
}
