//! The service under test, before and after the load: started if the scenario says how, waited for, stopped.

use std::{
    fs::File,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, anyhow, bail};

use crate::{
    control::Control,
    plan::model::{Plan, Target},
    transport::{Origin, TlsOptions, root_cause, side_client},
};

/// How long a target that we started may take to answer.
const STARTED_WITHIN: Duration = Duration::from_secs(60);
/// How long a target that should be there already may take.
const THERE_WITHIN: Duration = Duration::from_secs(3);
/// How long one question whether it is ready may take.
const ANSWERED_WITHIN: Duration = Duration::from_secs(2);
/// How long a target that we started may take to stop when it is asked to.
const STOPPED_WITHIN: Duration = Duration::from_secs(10);

/// A target that we started; stopped when dropped.
#[derive(Debug)]
pub struct Started(Child);

/// Starts the scenario's `command`, if it has one, in the scenario's folder; what it prints goes to `log`.
///
/// # Errors
/// It cannot be started.
pub fn start(plan: &Plan, log: &Path) -> anyhow::Result<Option<Started>> {
    let Some((program, arguments)) = plan.target.command.as_ref().and_then(|command| command.split_first())
    else {
        return Ok(None);
    };
    let out = File::create(log).with_context(|| log.display().to_string())?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out);
    if let Some(folder) = plan.source.file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        command.current_dir(folder);
    }
    let child = command.spawn().with_context(|| format!("target.command: `{program}` cannot be started"))?;
    Ok(Some(Started(child)))
}

impl Started {
    fn exited(&mut self) -> Option<std::process::ExitStatus> {
        self.0.try_wait().ok().flatten()
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let Ok(pid) = i32::try_from(self.0.id()) else { return };
        // SAFETY: kill sends a signal to a child that has not been waited for, so its number is still its own.
        unsafe {
            libc::kill(pid, libc::SIGTERM);
        }
        let until = Instant::now() + STOPPED_WITHIN;
        while Instant::now() < until {
            if self.exited().is_some() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until the target answers: its `ready` path with 2xx, or, without one, its port.
///
/// # Errors
/// It did not within the time allowed, it ended, or the user stopped waiting.
pub async fn wait(
    target: &Target,
    tls: &TlsOptions,
    origin: &Origin,
    mut started: Option<&mut Started>,
    control: &Control,
) -> anyhow::Result<()> {
    let began = Instant::now();
    let within = if started.is_some() { STARTED_WITHIN } else { THERE_WITHIN };
    let client = side_client(tls, ANSWERED_WITHIN)?;
    let mut told = false;
    loop {
        let why = match &target.ready {
            Some(path) => ask(&client, target, path).await,
            None => tokio::net::TcpStream::connect((origin.host.as_str(), origin.port))
                .await
                .map(drop)
                .map_err(anyhow::Error::from),
        };
        let Err(why) = why else { return Ok(()) };
        if let Some(status) = started.as_mut().and_then(|started| started.exited()) {
            bail!(
                "target.command ended with {status} before it answered; what it printed is in the record's target.log"
            );
        }
        if began.elapsed() >= within {
            bail!("{origin} does not answer: {why:#}");
        }
        if control.interrupted() {
            bail!("stopped while waiting for {origin}");
        }
        if began.elapsed() > Duration::from_secs(2) && !told {
            told = true;
            eprintln!("waiting for {origin} to answer, {} s at most", within.as_secs());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn ask(client: &reqwest::Client, target: &Target, path: &str) -> anyhow::Result<()> {
    let base = target.base_url.as_str().trim_end_matches('/');
    let url = if path.starts_with('/') { format!("{base}{path}") } else { path.to_owned() };
    let status = client.get(&url).send().await.map_err(|error| anyhow!(root_cause(error)))?.status();
    if status.is_success() { Ok(()) } else { bail!("{url} answered {status}") }
}
