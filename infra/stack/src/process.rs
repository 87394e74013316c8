//! Processes of this machine by their ids, as proc(5) tells of them.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

/// When process `pid` started, in ticks since boot; `None` when there is none, or one that has ended and is not yet
/// collected. An id may be given again; id and start together are not.
pub fn started_ticks(pid: u32) -> Option<u64> {
    let (state, fields) = stat(pid)?;
    // Fields 20 and 22, of which the first two and the state have been read. The first thread of a process that was killed
    // may have ended while others still hold its ports.
    let threads: u32 = fields.get(16)?.parse().ok()?;
    if state == "Z" && threads <= 1 { None } else { fields.get(18)?.parse().ok() }
}

/// Whether process `pid` is there.
pub fn is_alive(pid: u32) -> bool {
    pid != 0 && started_ticks(pid).is_some()
}

/// State and the fields after it.
fn stat(pid: u32) -> Option<(String, Vec<String>)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().map(str::to_owned);
    Some((fields.next()?, fields.collect()))
}

/// The processes that `ancestor` started, and they in turn: PostgreSQL's leave the group that they began in.
pub(crate) fn descendants(ancestor: u32) -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let parents: Vec<(u32, u32)> = entries
        .filter_map(|entry| {
            let process: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
            Some((process, stat(process)?.1.first()?.parse().ok()?))
        })
        .collect();
    let mut found = vec![ancestor];
    let mut at = 0;
    while at < found.len() {
        let of = found[at];
        found.extend(parents.iter().filter(|(_, parent)| *parent == of).map(|(process, _)| *process));
        at += 1;
    }
    found.remove(0);
    found
}

/// Waits until none of `processes` is there any more, `within` at most.
pub(crate) fn await_end(processes: &[u32], within: Duration) {
    let deadline = Instant::now() + within;
    while processes.iter().any(|process| is_alive(*process)) && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(2));
    }
}

/// Sends `signal` to one process; one that is gone is none to tell.
pub(crate) fn send(process: u32, signal: i32) {
    if let Ok(process) = libc::pid_t::try_from(process)
        && process > 1
    {
        // SAFETY: kill takes two integers; a process that is gone makes it fail and nothing else.
        unsafe { libc::kill(process, signal) };
    }
}

/// Sends `signal` to a process group; one that is gone is none to tell.
pub(crate) fn send_to_group(group: u32, signal: i32) {
    if let Ok(group) = libc::pid_t::try_from(group)
        && group > 1
    {
        // SAFETY: kill takes two integers; a group that is gone makes it fail and nothing else.
        unsafe { libc::kill(-group, signal) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_there_until_it_has_ended_and_is_its_parents_descendant() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        assert!(is_alive(child.id()) && descendants(std::process::id()).contains(&child.id()));
        child.kill().unwrap();
        await_end(&[child.id()], Duration::from_secs(10));
        assert!(!is_alive(child.id()), "ended, though not yet collected");
        child.wait().unwrap();
        assert!(!is_alive(child.id()) && !is_alive(0));
    }
}
