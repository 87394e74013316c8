//! Processor time and memory of a target on this machine: the processes that hold its listening socket, found and read
//! in Linux' /proc. Where there is no such thing nothing is observed.

use std::{
    collections::{HashMap, HashSet},
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use record::{ObservedKind, ObservedValue, TargetRow};
use url::{Host, Url};

/// A process that only passes bytes on for a container; its figures are not the target's.
const PROXY: &str = "docker-proxy";

/// The processes behind a port of this machine.
#[derive(Debug)]
pub struct Processes {
    hosts: Vec<IpAddr>,
    port: u16,
    /// User and system time of each process when last read, seconds.
    cpu_s: HashMap<u32, f64>,
    /// Grown by all of them since the first reading; never falls when one of them ends, seconds.
    total_s: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Reading {
    cpu_s: f64,
    memory_bytes: f64,
}

impl Processes {
    /// Finds who listens behind `base_url`. Nothing when that is not a loopback address, when nobody listens yet, or
    /// when the processes are not ours to look into.
    pub fn find(base_url: &Url) -> Option<Self> {
        let hosts = loopback(base_url)?;
        let mut found =
            Self { hosts, port: base_url.port_or_known_default()?, cpu_s: HashMap::new(), total_s: 0.0 };
        let now = found.look();
        found.cpu_s = now.iter().map(|(pid, reading)| (*pid, reading.cpu_s)).collect();
        (!now.is_empty()).then_some(found)
    }

    /// What the record says of them.
    pub fn defined() -> [ObservedValue; 2] {
        [("cpu_seconds", ObservedKind::Rate), ("memory_bytes", ObservedKind::Gauge)]
            .map(|(name, kind)| ObservedValue { source: "process".to_owned(), name: name.to_owned(), kind })
    }

    /// Processors that they may run on.
    pub fn cores(&self) -> usize {
        let allowed = self.cpu_s.keys().filter_map(|pid| {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
            let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
            Some(cpus(list.trim()))
        });
        allowed.flatten().collect::<HashSet<usize>>().len()
    }

    /// Reads them now. When one of them ended, all are looked for again: a restarted target has new ones.
    pub fn sample(&mut self, second: u64) -> Vec<TargetRow> {
        let mut now: HashMap<u32, Reading> =
            self.cpu_s.keys().filter_map(|pid| Some((*pid, read(*pid)?))).collect();
        if now.is_empty() || now.len() < self.cpu_s.len() {
            now = self.look();
        }
        if now.is_empty() {
            return Vec::new();
        }
        self.add(&now);
        let row = |name: &str, component: &str, value| TargetRow {
            second,
            source: "process".to_owned(),
            name: name.to_owned(),
            component: component.to_owned(),
            value,
        };
        let memory_bytes = now.values().map(|reading| reading.memory_bytes).sum();
        vec![
            row("cpu_seconds", "total", round_to_ms(self.total_s)),
            row("memory_bytes", "value", memory_bytes),
        ]
    }

    fn add(&mut self, now: &HashMap<u32, Reading>) {
        for (pid, reading) in now {
            // A process that was not there before spent all of its time since.
            let before = self.cpu_s.get(pid).copied().unwrap_or(0.0);
            self.total_s += (reading.cpu_s - before).max(0.0);
        }
        self.cpu_s = now.iter().map(|(pid, reading)| (*pid, reading.cpu_s)).collect();
    }

    fn look(&self) -> HashMap<u32, Reading> {
        let mut sockets = HashSet::new();
        for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
            let text = fs::read_to_string(table).unwrap_or_default();
            sockets.extend(text.lines().filter_map(|line| {
                let (address, port, inode) = listener(line)?;
                let ours = port == self.port && (address.is_unspecified() || self.hosts.contains(&address));
                ours.then(|| format!("socket:[{inode}]"))
            }));
        }
        if sockets.is_empty() {
            return HashMap::new();
        }
        let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
        pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter(|pid| holds(*pid, &sockets))
            .filter_map(|pid| Some((pid, read(pid)?)))
            .collect()
    }
}

/// The processors of a list such as `0-3,8`, as Linux writes it.
fn cpus(list: &str) -> Vec<usize> {
    let ranges = list.split(',').filter_map(|range| {
        let (from, to) = range.split_once('-').unwrap_or((range, range));
        Some(from.parse().ok()?..=to.parse().ok()?)
    });
    ranges.flatten().collect()
}

/// Sums of ticks are no longer whole ones in binary; the record need not show it.
fn round_to_ms(seconds: f64) -> f64 {
    (seconds * 1e3).round() / 1e3
}

fn loopback(url: &Url) -> Option<Vec<IpAddr>> {
    match url.host()? {
        Host::Ipv4(address) => address.is_loopback().then(|| vec![address.into()]),
        Host::Ipv6(address) => address.is_loopback().then(|| vec![address.into()]),
        // RFC 6761, section 6.3: always this machine.
        Host::Domain(name) if name.eq_ignore_ascii_case("localhost") => {
            Some(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()])
        }
        Host::Domain(_) => None,
    }
}

/// Address, port and inode of a line of /proc/net/tcp or tcp6, if the socket listens.
fn listener(line: &str) -> Option<(IpAddr, u16, u64)> {
    const LISTEN: &str = "0A";
    let mut fields = line.split_whitespace().skip(1);
    let (address, port) = fields.next()?.split_once(':')?;
    let state = fields.nth(1)?;
    let inode = fields.nth(5)?.parse().ok()?;
    // Each group of four bytes in network order is printed as a number of this machine.
    let word = |at: usize| Some(u32::from_str_radix(address.get(at..at + 8)?, 16).ok()?.to_ne_bytes());
    let ip = match address.len() {
        8 => IpAddr::from(word(0)?),
        32 => {
            let mut bytes = [0; 16];
            for (group, bytes) in bytes.chunks_exact_mut(4).enumerate() {
                bytes.copy_from_slice(&word(group * 8)?);
            }
            IpAddr::from(bytes).to_canonical()
        }
        _ => return None,
    };
    (state == LISTEN).then_some((ip, u16::from_str_radix(port, 16).ok()?, inode))
}

fn holds(pid: u32, sockets: &HashSet<String>) -> bool {
    let files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let mut targets = files.filter_map(|file| fs::read_link(file.path()).ok());
    targets.any(|target| target.to_str().is_some_and(|target| sockets.contains(target)))
        && fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim_end() != PROXY)
}

fn read(pid: u32) -> Option<Reading> {
    parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// Reads a line of /proc/PID/stat (proc_pid_stat(5)); nothing for a process that has ended and waits to be collected.
fn parse(stat: &str) -> Option<Reading> {
    // The name before the last bracket may hold spaces and brackets itself; field 3, the state, is behind it.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    let mut field = |skip: usize| fields.nth(skip)?.parse::<f64>().ok();
    let (user, system) = (field(10)?, field(0)?);
    let resident_pages = field(8)?;
    Some(Reading {
        cpu_s: (user + system) / system_constant(libc::_SC_CLK_TCK, 100.0),
        memory_bytes: resident_pages * system_constant(libc::_SC_PAGESIZE, 4096.0),
    })
}

fn system_constant(name: libc::c_int, usual: f64) -> f64 {
    // SAFETY: sysconf reads a constant of the system and touches no memory of ours.
    let value = unsafe { libc::sysconf(name) };
    if value > 0 { value as f64 } else { usual }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(address: impl std::fmt::Display) -> Url {
        format!("http://{address}").parse().unwrap()
    }

    fn total(rows: &[TargetRow]) -> f64 {
        rows.iter().find(|row| row.name == "cpu_seconds").unwrap().value
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_process_that_listens_is_found_and_its_work_is_seen() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut target = Processes::find(&url(socket.local_addr().unwrap())).unwrap();
        assert_eq!(target.cpu_s.keys().collect::<Vec<_>>(), [&std::process::id()]);
        let first = target.sample(0);
        assert!(first.iter().any(|row| row.name == "memory_bytes" && row.value > 1e6));
        let (mut rows, mut work) = (first.clone(), 0u64);
        // Processor time comes in ticks of 10 ms: work until one is seen, within reason.
        for _ in 0..10_000 {
            (0..1_000_000u64).for_each(|i| work = std::hint::black_box(work ^ i));
            rows = target.sample(1);
            if total(&rows) > total(&first) {
                break;
            }
        }
        assert!(total(&rows) > total(&first));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_listener_on_every_address_is_found_by_name_and_over_ipv6() {
        let Ok(socket) = std::net::TcpListener::bind("[::]:0") else { return };
        let port = socket.local_addr().unwrap().port();
        for host in ["localhost", "127.0.0.1", "[::1]"] {
            assert!(Processes::find(&url(format!("{host}:{port}"))).is_some(), "{host}");
        }
    }

    #[test]
    fn nothing_is_looked_for_beyond_this_machine_or_where_nobody_listens() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        assert!(Processes::find(&url(format!("192.0.2.1:{port}"))).is_none());
        assert!(Processes::find(&url(format!("service.example:{port}"))).is_none());
        assert!(Processes::find(&url(format!("127.0.0.2:{port}"))).is_none());
        drop(socket);
        assert!(Processes::find(&url(format!("127.0.0.1:{port}"))).is_none());
    }

    #[test]
    fn a_worker_that_ends_or_begins_does_not_distort_the_total() {
        let reading = |cpu_s| Reading { cpu_s, memory_bytes: 0.0 };
        let mut target =
            Processes { hosts: vec![], port: 1, cpu_s: [(1, 50.0), (2, 70.0)].into(), total_s: 0.0 };
        target.add(&[(1, reading(50.5)), (2, reading(70.5))].into());
        target.add(&[(1, reading(51.0)), (3, reading(0.25))].into());
        assert_eq!(target.total_s, 1.75);
    }

    #[test]
    fn lines_of_proc_are_read_as_the_manual_has_them() {
        let line = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0  0 1557 1 0 100 0";
        if cfg!(target_endian = "little") {
            assert_eq!(listener(line), Some((Ipv4Addr::LOCALHOST.into(), 8080, 1557)));
        }
        assert_eq!(listener(&line.replace(" 0A ", " 01 ")), None);
        assert_eq!(listener("  sl  local_address rem_address   st tx_queue"), None);
        let stat =
            "42 (a (b) c) S 1 2 3 4 5 6 7 8 9 10 150 50 7 7 20 0 4 0 99 123456 300 18446744073709551615";
        let reading = parse(stat).unwrap();
        assert_eq!(reading.cpu_s * system_constant(libc::_SC_CLK_TCK, 100.0), 200.0);
        assert_eq!(reading.memory_bytes / system_constant(libc::_SC_PAGESIZE, 4096.0), 300.0);
        assert_eq!(parse(&stat.replace(") S", ") Z")), None);
        assert_eq!(parse("nonsense"), None);
    }
}
