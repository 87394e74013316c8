//! What a process used, as the kernel counted it.

use std::{
    fs,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

/// What a finished process and the children it waited for used.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    /// User and system time.
    pub cpu: Duration,
    /// From start to end.
    pub wall: Duration,
    /// Highest resident memory.
    pub memory_bytes: u64,
}

/// Runs `program` on processor `core` alone and gives back what it used and wrote to stdout; killed after `at_most`.
pub fn run_on(core: usize, at_most: Duration, program: &str, arguments: &[&str]) -> Result<(Usage, String)> {
    let (limit, core) = (at_most.as_secs().to_string(), core.to_string());
    let mut command = Command::new("timeout");
    command.args(["--kill-after=5", &limit, "taskset", "-c", &core, program]).args(arguments);
    run(&mut command, program)
}

/// Keeps a process, its threads and all that they start from now on to processor `core`.
pub fn pin(core: usize, pid: u32) -> Result<()> {
    let pinned =
        Command::new("taskset").args(["-a", "-p", "-c", &core.to_string(), &pid.to_string()]).output()?;
    ensure!(pinned.status.success(), "taskset: {}", String::from_utf8_lossy(&pinned.stderr));
    Ok(())
}

/// Runs `command` and gives back what it used and wrote to stdout.
pub fn run(command: &mut Command, name: &str) -> Result<(Usage, String)> {
    let folder = tempfile::tempdir()?;
    let (out, err) = (folder.path().join("out"), folder.path().join("err"));
    let started = Instant::now();
    let child = command
        .stdin(Stdio::null())
        .stdout(fs::File::create(&out)?)
        .stderr(fs::File::create(&err)?)
        .env("NO_COLOR", "1")
        .spawn()
        .with_context(|| format!("starting {name}"))?;
    let pid = libc::pid_t::try_from(child.id()).context("a process id fits")?;
    let mut status = 0;
    // SAFETY: rusage is plain numbers, for which zero is a value.
    let mut used: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to live values of the types that wait4 fills in; nobody else waits for this child.
    let waited = unsafe { libc::wait4(pid, &raw mut status, 0, &raw mut used) };
    if waited != pid {
        return Err(std::io::Error::last_os_error()).context("waiting for a child");
    }
    let wall = started.elapsed();
    // 10 and 12 are verdicts of a run that was done; other programs end with 0.
    if !libc::WIFEXITED(status) || ![0, 10, 12].contains(&libc::WEXITSTATUS(status)) {
        bail!("{name} ended with status {status:#x}: {}", fs::read_to_string(&err)?);
    }
    let time = |it: libc::timeval| Duration::from_micros((it.tv_sec * 1_000_000 + it.tv_usec).unsigned_abs());
    let cpu = time(used.ru_utime) + time(used.ru_stime);
    let usage = Usage { cpu, wall, memory_bytes: used.ru_maxrss.unsigned_abs() * 1024 };
    Ok((usage, fs::read_to_string(&out)?))
}

/// User and system time that a running process used so far.
pub fn cpu_so_far(pid: u32) -> Result<Duration> {
    cpu_of(pid, 2)
}

/// The sum of so many of utime, stime, cutime and cstime (proc(5), fields 14 to 17 of `stat`).
fn cpu_of(pid: u32, fields: usize) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The second field is a name in parentheses that may hold anything.
    let after_name = stat.rsplit_once(')').context("a name in parentheses")?.1;
    let ticks: u64 = after_name
        .split_whitespace()
        .skip(11)
        .take(fields)
        .map(|field| field.parse::<u64>().context("ticks"))
        .sum::<Result<_>>()?;
    // SAFETY: sysconf takes a constant and returns a number.
    let per_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    Ok(Duration::from_secs_f64(ticks as f64 / per_second as f64))
}

/// User and system time that a running process and all its descendants used so far, and that of those they outlived.
pub fn cpu_of_tree(pid: u32) -> Result<Duration> {
    let mut sum = cpu_of(pid, 4)?;
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
    for child in children.split_whitespace() {
        sum += cpu_of_tree(child.parse().context("a process id")?)?;
    }
    Ok(sum)
}

/// Resident memory of a running process.
pub fn resident_bytes(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("resident memory")?;
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().context("resident memory")?;
    Ok(kibibytes * 1024)
}
