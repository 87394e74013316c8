//! What this machine is, for the record; and its limit of open files, raised as far as it goes.

use std::{fs, process::Command};

use record::{Git, Host};
use sha2::{Digest as _, Sha256};

/// This machine.
pub fn host(open_files_limit: u64) -> Host {
    let first = |path: &str, key: &str| {
        let text = fs::read_to_string(path).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix(key))?;
        Some(line.trim_start_matches([' ', '\t', ':']).trim().to_owned())
    };
    let memory =
        first("/proc/meminfo", "MemTotal").and_then(|text| text.trim_end_matches(" kB").parse::<u64>().ok());
    let kernel =
        fs::read_to_string("/proc/sys/kernel/osrelease").map(|release| format!("Linux {}", release.trim()));
    Host {
        machine: machine(),
        cpu: first("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
        cores: cores() as u64,
        memory_bytes: memory.unwrap_or(0) * 1024,
        kernel: kernel.unwrap_or_else(|_| std::env::consts::OS.to_owned()),
        open_files_limit,
    }
}

/// Processes with the same text share a machine's processors. Containers have host names of their own.
fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let name = read("/proc/sys/kernel/hostname") + &read("/proc/sys/kernel/random/boot_id");
    Sha256::digest(name).iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// Processors this process may use, by affinity and cgroup quota.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Raises this process's limit of open files to the most it may have, and says what that is.
pub fn raise_open_files_limit() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both calls read or fill the struct they are given, which outlives them.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) != 0 {
            return 1024;
        }
        let highest = libc::rlimit { rlim_cur: limit.rlim_max, rlim_max: limit.rlim_max };
        if libc::setrlimit(libc::RLIMIT_NOFILE, &raw const highest) == 0 {
            limit.rlim_max
        } else {
            limit.rlim_cur
        }
    }
}

/// The commit of the working folder, if it is under git.
pub fn git() -> Option<Git> {
    let ask = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = ask(&["rev-parse", "HEAD"])?;
    let dirty = !ask(&["status", "--porcelain", "--untracked-files=no"])?.is_empty();
    Some(Git { commit, dirty })
}

/// Memory that processes can still have without swapping, bytes; all there is where the system does not tell.
pub fn memory_available() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let kilobytes = line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.map_or(u64::MAX, |kilobytes| kilobytes * 1024)
}
