//! Child processes that never outlive their test.

use std::{
    io::Read,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

/// The program `name` of this workspace, built beside the running test or benchmark.
///
/// # Errors
/// It has not been built.
pub fn program(name: &str) -> Result<PathBuf> {
    let path = build_folder()?.join(name);
    if !path.exists() {
        bail!(
            "{} is not there; run `cargo build --workspace --bins` first, as `make test` does",
            path.display()
        );
    }
    Ok(path)
}

/// The folder of this build's programs: `target/debug`, `target/release`.
///
/// # Errors
/// The running program has no path.
pub fn build_folder() -> Result<PathBuf> {
    let own = std::env::current_exe().context("the path of the running program")?;
    let mut folder = own.parent().context("a program lies in a folder")?;
    // Tests lie in deps/, examples in examples/.
    if folder.ends_with("deps") || folder.ends_with("examples") {
        folder = folder.parent().context("deps/ lies in the build folder")?;
    }
    Ok(folder.to_path_buf())
}

/// The root of the repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this crate lies in a folder of the repository")
}

/// How a process ended, and what it said.
#[derive(Debug)]
pub struct Ended {
    /// Exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// From start to end.
    pub took: Duration,
}

/// A process that is killed when this is dropped, or when the thread that started it ends, however it ends.
#[derive(Debug)]
pub struct Process {
    child: Child,
    name: String,
    started: Instant,
    stdout: Option<JoinHandle<String>>,
    stderr: Option<JoinHandle<String>>,
    saying: Arc<Mutex<Vec<u8>>>,
}

impl Process {
    /// Starts `command` with its output collected.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(command: &mut Command) -> Result<Self> {
        command.stdout(Stdio::piped());
        let mut process = Self::start_with_output(command)?;
        process.stdout = process.child.stdout.take().map(|stdout| collect(stdout, Arc::default()));
        Ok(process)
    }

    /// Starts `command` with standard output as it says itself; standard error is collected.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start_with_output(command: &mut Command) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        end_with_parent(command);
        let started = Instant::now();
        let child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut child = child.with_context(|| format!("starting {name}"))?;
        let saying = Arc::default();
        let stderr = child.stderr.take().map(|stderr| collect(stderr, Arc::clone(&saying)));
        Ok(Self { child, name, started, stdout: None, stderr, saying })
    }

    /// The child's standard output, where it was piped and nobody took it yet.
    pub fn take_stdout(&mut self) -> Option<std::process::ChildStdout> {
        self.child.stdout.take()
    }

    /// What it has said on standard error so far.
    pub fn said_so_far(&self) -> String {
        let saying = self.saying.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&saying).into_owned()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends `signal` (such as `libc::SIGINT`).
    ///
    /// # Errors
    /// The process has ended.
    pub fn signal(&mut self, signal: i32) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("{} has ended already: {status}", self.name);
        }
        let pid = libc::pid_t::try_from(self.child.id()).context("a process id fits")?;
        // SAFETY: kill takes two integers; the child is not reaped yet, so that the id is its own.
        let sent = unsafe { libc::kill(pid, signal) };
        if sent != 0 {
            return Err(std::io::Error::last_os_error()).context("sending a signal");
        }
        Ok(())
    }

    /// Waits for its end, `within` at most; after that it is killed and the wait is an error that shows what it said.
    ///
    /// # Errors
    /// It did not end in time.
    pub fn wait(mut self, within: Duration) -> Result<Ended> {
        let status = self.wait_status(within)?;
        let took = self.started.elapsed();
        let (stdout, stderr) = self.said();
        let Some(status) = status else {
            bail!("{} did not end within {within:?}\n{stdout}\n{stderr}", self.name);
        };
        Ok(Ended { code: status.code(), stdout, stderr, took })
    }

    /// Whether it still runs.
    ///
    /// # Errors
    /// The system does not know the process.
    pub fn is_running(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    fn wait_status(&mut self, within: Duration) -> Result<Option<ExitStatus>> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(Some(status));
            }
            if Instant::now() > deadline {
                self.child.kill()?;
                self.child.wait()?;
                return Ok(None);
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn said(&mut self) -> (String, String) {
        let joined =
            |output: Option<JoinHandle<String>>| output.and_then(|it| it.join().ok()).unwrap_or_default();
        (joined(self.stdout.take()), joined(self.stderr.take()))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A process that has ended already is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs `command` to its end.
///
/// # Errors
/// It cannot be started or does not end within a minute.
pub fn run(command: &mut Command) -> Result<Ended> {
    Process::start(command)?.wait(Duration::from_secs(60))
}

/// Has the kernel kill the child when the thread that starts it ends: a test that is itself killed runs no drop.
fn end_with_parent(command: &mut Command) {
    let die = || {
        // SAFETY: prctl is a system call that takes integers; it is safe between fork and exec.
        let set = unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
        if set == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
    };
    // SAFETY: the closure makes one system call, allocates nothing and takes no lock.
    unsafe { command.pre_exec(die) };
}

fn collect(mut output: impl Read + Send + 'static, into: Arc<Mutex<Vec<u8>>>) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut piece = [0; 4096];
        // What was said before a pipe broke is still worth showing.
        while let Ok(count @ 1..) = output.read(&mut piece) {
            into.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&piece[..count]);
        }
        let said = into.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&said).into_owned()
    })
}
