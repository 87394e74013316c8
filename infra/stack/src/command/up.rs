//! `stack up`.

use std::io::{IsTerminal as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;
use std::{fs, thread};

use anyhow::{Context as _, Result, bail};
use indicatif::ProgressBar;
use stack::process::is_alive;
use stack::topology::{Cache, Plan, Seed, Topology};

use super::state::{self, State};
use super::{Up, table};

const INTERRUPTED: u8 = 130;
/// How often the servers are looked after.
const LOOK: Duration = Duration::from_secs(1);

/// Starts a deployment, shows it, and keeps it until SIGINT or SIGTERM.
///
/// # Errors
/// It cannot be started; nothing of it is left running.
pub fn up(arguments: &Up) -> Result<ExitCode> {
    let plan = plan(arguments);
    plan.check()?;
    plan.check_programs()?;
    let name = &arguments.name.name;
    if arguments.detach {
        return detach(name);
    }
    let _claim = state::claim(name)?;
    let (interrupt, interrupted) = mpsc::channel();
    ctrlc::set_handler(move || {
        // Told a second time, or while it was starting, when nobody listens yet: what is there is ended by its guards.
        if interrupt.send(()).is_err() {
            std::process::exit(INTERRUPTED.into());
        }
    })
    .context("listening for Ctrl-C")?;

    let mut state = State::starting(name, plan.phase);
    state.keep()?;
    let kept = keep(&plan, &mut state, interrupted);
    state::forget(name)?;
    kept
}

fn keep(plan: &Plan, state: &mut State, interrupted: mpsc::Receiver<()>) -> Result<ExitCode> {
    let Some(topology) = start(plan, &interrupted)? else {
        eprintln!("interrupted; nothing is left running");
        return Ok(ExitCode::from(INTERRUPTED));
    };
    state.url = Some(topology.url());
    state.accounts = plan.seed.map(|_| topology.accounts());
    state.entries = topology.inventory();
    state.keep()?;
    let mut stdout = std::io::stdout();
    // A reader that went away, as `head` does, is no failure.
    let _ = writeln!(stdout, "{}", table::show(state)).and_then(|()| stdout.flush());
    eprintln!("Ctrl-C stops all of it");
    attend(state, &interrupted);
    // A second signal finds nobody who listens.
    drop(interrupted);
    eprintln!("stopping");
    drop(topology);
    Ok(ExitCode::SUCCESS)
}

/// Starts all of it; `None` when it was interrupted meanwhile.
fn start(plan: &Plan, interrupted: &mpsc::Receiver<()>) -> Result<Option<Topology>> {
    let progress = progress();
    let say = {
        let progress = progress.clone();
        move |what: &str| match &progress {
            Some(bar) => bar.set_message(what.to_owned()),
            None => eprintln!("{what}"),
        }
    };
    let plan = plan.clone();
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        // Nobody waits any more when it was interrupted: then it is dropped, which stops it.
        let _ = tell.send(Topology::start_saying(&plan, &say));
    });
    let started = loop {
        match told.recv_timeout(Duration::from_millis(50)) {
            Ok(started) => break started.map(Some),
            Err(RecvTimeoutError::Disconnected) => bail!("starting the servers panicked"),
            Err(RecvTimeoutError::Timeout) if interrupted.try_recv().is_ok() => break Ok(None),
            Err(RecvTimeoutError::Timeout) => {}
        }
    };
    if let Some(bar) = progress {
        bar.finish_and_clear();
    }
    started
}

/// Says once of every server that ended by itself that it did, until the first signal.
fn attend(state: &State, interrupted: &mpsc::Receiver<()>) {
    let mut gone = Vec::new();
    while let Err(RecvTimeoutError::Timeout) = interrupted.recv_timeout(LOOK) {
        for entry in &state.entries {
            if !is_alive(entry.pid) && !gone.contains(&entry.pid) {
                gone.push(entry.pid);
                eprintln!("{} has ended; its log is {}", entry.name, entry.log);
            }
        }
    }
}

fn progress() -> Option<ProgressBar> {
    std::io::stderr().is_terminal().then(|| {
        let bar = ProgressBar::new_spinner().with_message("starting");
        bar.enable_steady_tick(Duration::from_millis(100));
        bar
    })
}

/// Starts this command again as a process that outlives this one, and waits until everything answers.
fn detach(name: &str) -> Result<ExitCode> {
    if State::running(name)?.is_some() {
        drop(state::claim(name)?);
    }
    let log = state::file(name)?.with_extension("log");
    let output = fs::File::create(&log).with_context(|| format!("opening {}", log.display()))?;
    let arguments = std::env::args_os().skip(1).filter(|argument| argument != "--detach");
    let mut command = Command::new(std::env::current_exe().context("the path of the running program")?);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(output);
    let leave = || {
        // SAFETY: setsid is a system call without arguments; it is safe between fork and exec.
        let left = unsafe { libc::setsid() };
        if left == -1 { Err(std::io::Error::last_os_error()) } else { Ok(()) }
    };
    // SAFETY: the closure makes one system call, allocates nothing and takes no lock.
    unsafe { command.pre_exec(leave) };
    let mut keeper = command.spawn().context("starting the process in the background")?;
    let progress = progress();
    loop {
        let said = fs::read_to_string(&log).unwrap_or_default();
        let last = said.lines().last().unwrap_or("starting").to_owned();
        if let Some(status) = keeper.try_wait()? {
            if let Some(bar) = progress {
                bar.finish_and_clear();
            }
            bail!("{}", if last.is_empty() { status.to_string() } else { last.replacen("error: ", "", 1) });
        }
        if let Some(state) = State::running(name)?.filter(|state| state.url.is_some()) {
            if let Some(bar) = progress {
                bar.finish_and_clear();
            }
            let _ = writeln!(std::io::stdout(), "{}", table::show(&state));
            eprintln!("`stack down` stops all of it");
            return Ok(ExitCode::SUCCESS);
        }
        if let Some(bar) = &progress {
            bar.set_message(last);
        }
        thread::sleep(Duration::from_millis(50));
    }
}

fn plan(arguments: &Up) -> Plan {
    let usual = Plan::of(arguments.phase);
    let seed = arguments.users.map(|users| Seed {
        users,
        tasks_per_user: arguments.tasks_per_user,
        products: arguments.products,
        seed: arguments.seed,
    });
    let mut plan = Plan {
        phase: arguments.phase,
        api: arguments.api.unwrap_or(usual.api),
        replicas: arguments.replicas.unwrap_or(usual.replicas),
        shards: arguments.shards.unwrap_or(usual.shards),
        cache: arguments.cache.unwrap_or(usual.cache),
        queue: arguments.queue.unwrap_or(usual.queue),
        roles: arguments.roles,
        durable: arguments.durable,
        prometheus: !arguments.no_prometheus,
        port: arguments.port,
        settings: arguments.settings.clone(),
        seed,
        cpus: arguments.cpus.clone(),
    };
    if arguments.cache.is_none() && plan.several() && plan.cache == Cache::Local {
        plan.cache = Cache::Tiered;
    }
    plan
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::command::{Cli, Command as Asked};

    #[test]
    fn several_processes_share_a_cache_unless_one_says_otherwise() {
        let planned = |line: &str| {
            let cli = Cli::try_parse_from(line.split(' ')).unwrap();
            let Asked::Up(arguments) = cli.command else { panic!("{line} is no start") };
            plan(&arguments)
        };
        assert_eq!(planned("stack up single").cache, Cache::Local);
        for line in ["stack up single --roles split", "stack up single --api 2"] {
            assert_eq!(planned(line).cache, Cache::Tiered, "{line}");
            planned(line).check().unwrap();
        }
        assert_eq!(planned("stack up single --api 2 --cache off").cache, Cache::Off);
    }
}
