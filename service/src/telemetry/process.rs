//! What the kernel says about this process (proc(5)).

use std::fmt::Write as _;

/// Cpu, memory and open files of this process. All zero where there is no /proc.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// User and system time spent so far, in seconds.
    pub cpu_s: f64,
    /// Memory in RAM, in bytes.
    pub resident_bytes: u64,
    /// Open file descriptors.
    pub open_fds: u64,
}

/// Reads the figures now.
pub fn usage() -> Usage {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    Usage {
        cpu_s: cpu_ticks(&stat).unwrap_or(0) as f64 / ticks_per_s(),
        resident_bytes: resident_pages(&statm).unwrap_or(0) * page_bytes(),
        open_fds: std::fs::read_dir("/proc/self/fd").map_or(0, |fds| fds.count() as u64),
    }
}

/// What a scrape finds beside the counters.
pub struct Now {
    /// Cpu, memory and files.
    pub usage: Usage,
    /// Distinct users seen lately.
    pub active_users: usize,
    /// Requests in progress, the scrape included.
    pub active_requests: usize,
    /// Database connections in use.
    pub connections_used: u32,
    /// Database connections waiting for use.
    pub connections_idle: u32,
}

/// Adds the figures to `into` as Prometheus text.
pub fn render(now: &Now, into: &mut String) {
    let mut metric = |name: &str, kind: &str, help: &str, series: &[(&str, f64)]| {
        // Writing to a string does not fail.
        let _ = writeln!(into, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in series {
            let _ = writeln!(into, "{name}{labels} {value}");
        }
        into.push('\n');
    };
    let Usage { cpu_s, resident_bytes, open_fds } = now.usage;
    metric(
        "process_cpu_seconds_total",
        "counter",
        "User and system cpu time spent, in seconds.",
        &[("", cpu_s)],
    );
    metric(
        "process_resident_memory_bytes",
        "gauge",
        "Memory in RAM, in bytes.",
        &[("", resident_bytes as f64)],
    );
    metric("process_open_fds", "gauge", "Open file descriptors.", &[("", open_fds as f64)]);
    let active = now.active_users as f64;
    metric(
        "active_users",
        "gauge",
        "Distinct users with a request in the last five minutes.",
        &[("", active)],
    );
    let requests = now.active_requests as f64;
    metric("http_server_active_requests", "gauge", "Requests in progress.", &[("", requests)]);
    metric(
        "db_client_connection_count",
        "gauge",
        "Database connections by state.",
        &[
            ("{state=\"used\"}", now.connections_used.into()),
            ("{state=\"idle\"}", now.connections_idle.into()),
        ],
    );
}

/// utime and stime: fields 14 and 15, counted after the command's closing bracket, which may hold spaces.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn resident_pages(statm: &str) -> Option<u64> {
    statm.split_whitespace().nth(1)?.parse().ok()
}

fn ticks_per_s() -> f64 {
    // SAFETY: sysconf reads a constant of the system and touches no memory of ours.
    let ticks = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    if ticks > 0 { ticks as f64 } else { 100.0 }
}

fn page_bytes() -> u64 {
    // SAFETY: as above.
    u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_fields_are_found_behind_a_command_with_spaces_and_brackets() {
        let stat = "42 (a (b) c) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20";
        assert_eq!(cpu_ticks(stat), Some(200));
        assert_eq!(cpu_ticks("nonsense"), None);
    }

    #[test]
    fn this_process_uses_memory_and_files() {
        let usage = usage();
        assert!(usage.resident_bytes > 100_000 && usage.open_fds >= 3, "{usage:?}");
    }
}
