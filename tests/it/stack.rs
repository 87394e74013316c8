//! `stack` as a command: what it starts, and that nothing of it is left, however it ends.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use harness::process::{Ended, Process, program, run};
use serde_json::Value;
use tempfile::TempDir;

/// PostgreSQL, a replica, Redis, two processes and a worker, nginx: one of everything that starts quickly.
const SMALL: [&str; 10] =
    ["single", "--api", "2", "--replicas", "1", "--no-prometheus", "--users", "3", "--products", "5"];

/// A machine's folder for temporary files, so that deployments of several tests do not know of each other.
struct Machine(TempDir);

impl Machine {
    fn new() -> Result<Self> {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir()?;
        // PostgreSQL, which is another user, must be able to go through it.
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755))?;
        Ok(Self(folder))
    }

    fn stack(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(program("stack")?);
        command.args(arguments).env("TMPDIR", self.0.path());
        Ok(command)
    }

    fn up(&self) -> Result<Process> {
        Process::start(self.stack(&["up"])?.args(SMALL))
    }

    fn status(&self) -> Result<Ended> {
        run(&mut self.stack(&["status", "--json"])?)
    }

    /// What is known of a deployment once all of it answers.
    fn whole(&self, up: &mut Process) -> Result<Value> {
        let deadline = Instant::now() + Duration::from_secs(120);
        loop {
            let state: Value = serde_json::from_str(&self.status()?.stdout).unwrap_or(Value::Null);
            if state["url"].is_string() {
                return Ok(state);
            }
            ensure!(
                up.is_running()? && Instant::now() < deadline,
                "it did not come up: {}",
                up.said_so_far()
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Processes that were told of this machine's folder: all servers and their watches were.
    fn processes(&self) -> Vec<String> {
        let folder = self.0.path().to_string_lossy().into_owned();
        let entries = std::fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
        let told = |process: &Path, what: &str| {
            let text = std::fs::read(process.join(what)).unwrap_or_default();
            String::from_utf8_lossy(&text).replace('\0', " ")
        };
        let of_ours = entries.map(|entry| entry.path()).filter(|process| {
            told(process, "cmdline").contains(&folder) || told(process, "environ").contains(&folder)
        });
        of_ours.map(|process| told(&process, "cmdline")).filter(|line| !line.is_empty()).collect()
    }

    /// Nothing runs and nothing lies about any more, at the latest after `within`.
    fn is_clean(&self, within: Duration) -> Result<()> {
        let deadline = Instant::now() + within;
        loop {
            let (processes, folders) = (self.processes(), self.folders()?);
            if processes.is_empty() && folders.is_empty() {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "left: {processes:#?} {folders:#?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn folders(&self) -> Result<Vec<String>> {
        let names =
            std::fs::read_dir(self.0.path())?.map(|it| Ok(it?.file_name().to_string_lossy().into_owned()));
        // What is kept on purpose: the fresh cluster that the next deployment is copied from.
        Ok(names
            .collect::<Result<Vec<_>>>()?
            .into_iter()
            .filter(|it| !it.starts_with("headroom-stack-"))
            .collect())
    }
}

#[test]
fn a_deployment_in_the_background_is_shown_answers_and_is_gone_after_down() -> Result<()> {
    let machine = Machine::new()?;
    let up = Process::start(machine.stack(&["up"])?.args(SMALL).arg("--detach"))?;
    let up = up.wait(Duration::from_secs(120))?;
    ensure!(up.code == Some(0), "{up:?}");
    let status = machine.status()?;
    let state: Value = serde_json::from_str(&status.stdout)?;
    let names: Vec<&str> =
        state["entries"].as_array().context("entries")?.iter().filter_map(|it| it["name"].as_str()).collect();
    assert_eq!(names, ["nginx", "api-1", "api-2", "worker", "postgres", "postgres-replica-1", "redis"]);
    for name in names {
        assert!(up.stdout.contains(name), "{name} is not in\n{}", up.stdout);
    }
    let url = state["url"].as_str().context("a URL")?;
    assert!(up.stdout.contains(url), "{url} is not in\n{}", up.stdout);
    let port = url.rsplit(':').next().context("a port")?.parse()?;
    assert_eq!(::stack::http::get(port, "/api/v2/products?limit=1").map(|(status, _)| status), Some(200));

    let again = run(machine.stack(&["up"])?.args(SMALL).arg("--detach"))?;
    assert!(again.code == Some(1) && again.stderr.contains("runs already"), "{again:?}");
    let down = run(&mut machine.stack(&["down"])?)?;
    assert_eq!(down.code, Some(0), "{down:?}");
    machine.is_clean(Duration::from_secs(1))?;
    assert_eq!(machine.status()?.code, Some(3));
    Ok(())
}

#[test]
fn ctrl_c_stops_everything() -> Result<()> {
    let machine = Machine::new()?;
    let mut up = machine.up()?;
    machine.whole(&mut up)?;
    up.signal(libc::SIGINT)?;
    let ended = up.wait(Duration::from_secs(20))?;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    machine.is_clean(Duration::from_secs(1))
}

#[test]
fn ctrl_c_while_it_starts_and_a_kill_leave_nothing_running_either() -> Result<()> {
    let machine = Machine::new()?;
    let mut up = machine.up()?;
    // PostgreSQL at least is there.
    let deadline = Instant::now() + Duration::from_secs(60);
    while !up.said_so_far().contains("PostgreSQL is up") {
        ensure!(Instant::now() < deadline, "{}", up.said_so_far());
        std::thread::sleep(Duration::from_millis(10));
    }
    up.signal(libc::SIGINT)?;
    let ended = up.wait(Duration::from_secs(10))?;
    assert_eq!(ended.code, Some(130), "{ended:?}");
    machine.is_clean(Duration::from_secs(10))?;

    let mut up = machine.up()?;
    machine.whole(&mut up)?;
    up.signal(libc::SIGKILL)?;
    up.wait(Duration::from_secs(5))?;
    machine.is_clean(Duration::from_secs(10))?;
    assert_eq!(machine.status()?.code, Some(3), "nobody is there to be asked");
    Ok(())
}

#[test]
fn a_start_that_fails_says_why_and_leaves_nothing_running() -> Result<()> {
    let machine = Machine::new()?;
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    let port = taken.local_addr()?.port().to_string();
    let ended = run(machine.stack(&["up"])?.args(SMALL).args(["--port", &port]))?;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended.stderr.contains("nginx ended while it was starting") && ended.stderr.contains(&port),
        "{ended:?}"
    );
    machine.is_clean(Duration::from_secs(1))?;
    for (arguments, hint) in [
        (["up", "embedded", "--api", "2"], "one process over one SQLite file"),
        (["up", "single", "--set", "cache.policy"], "SECTION.KEY=VALUE"),
    ] {
        let ended = run(&mut machine.stack(&arguments)?)?;
        assert!(ended.code != Some(0) && ended.stderr.contains(hint), "{ended:?}");
    }
    Ok(())
}
