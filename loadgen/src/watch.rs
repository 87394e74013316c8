//! The generator's eye on itself: processor used and waited for, memory, and how late the machine wakes a ready thread.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use record::{Run, SeriesRow, unit::show_ratio};

/// How often the watchdog wakes.
const TICK: Duration = Duration::from_millis(10);

/// Watches this process, second by second.
#[derive(Debug)]
pub struct SelfWatch {
    at: Instant,
    used: Duration,
    waited: Duration,
    machine: Option<Ticks>,
    slip_us: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

impl SelfWatch {
    /// Begins to watch.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn start() -> std::io::Result<Self> {
        let (slip_us, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (slip, over) = (slip_us.clone(), stop.clone());
        thread::Builder::new().name("watchdog".to_owned()).spawn(move || {
            crate::pacer::exact_timers();
            while !over.load(Ordering::Relaxed) {
                let before = Instant::now();
                thread::sleep(TICK);
                let late = before.elapsed().saturating_sub(TICK);
                slip.fetch_max(late.as_micros() as u64, Ordering::Relaxed);
            }
        })?;
        Ok(Self {
            at: Instant::now(),
            used: cpu_used(),
            waited: cpu_waited(),
            machine: machine_ticks(),
            slip_us,
            stop,
        })
    }

    /// Fills in what this process used since the last call.
    pub fn fill(&mut self, row: &mut SeriesRow, connections: u64) {
        let (now, used, waited) = (Instant::now(), cpu_used(), cpu_waited());
        let seconds = (now - self.at).as_secs_f64().max(1e-3);
        row.cpu_cores = used.saturating_sub(self.used).as_secs_f64() / seconds;
        // A thread that ended takes its waiting with it; the sum may then fall.
        row.cpu_wait = waited.saturating_sub(self.waited).as_secs_f64() / seconds;
        row.timer_slip_us = self.slip_us.swap(0, Ordering::Relaxed);
        row.memory_bytes = memory_bytes();
        row.open_files = connections + OTHER_FILES;
        let machine = machine_ticks();
        row.cpu_stolen = self.machine.zip(machine).map(|(before, now)| now.since(before).stolen_ratio());
        (self.at, self.used, self.waited, self.machine) = (now, used, waited, machine);
    }
}

impl Drop for SelfWatch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Share of the time that this machine's processors were busy above which they are taken to be the limit.
const BUSY: f64 = 0.95;
/// Share of the time of this machine's processors that its host may give to others before a reader must know.
pub const STOLEN: f64 = 0.05;

/// Watches all processors of this machine, whoever uses them, over the judged window of a run: a target on the same
/// machine may have been held up by them though the generator had its share.
#[derive(Debug)]
pub struct MachineWatch {
    began: Option<Ticks>,
    last: Option<Ticks>,
}

/// Time of all processors since the machine started, in ticks.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Ticks {
    busy: f64,
    /// Wanted here while the host of this virtual machine let others run.
    stolen: f64,
    all: f64,
}

impl Ticks {
    fn since(self, before: Self) -> Self {
        Self {
            busy: self.busy - before.busy,
            stolen: self.stolen - before.stolen,
            all: self.all - before.all,
        }
    }

    fn busy_ratio(self) -> f64 {
        self.busy / self.all.max(1.0)
    }

    fn stolen_ratio(self) -> f64 {
        // The kernel's account may go back a little when the machine is moved to another host.
        (self.stolen / self.all.max(1.0)).clamp(0.0, 1.0)
    }
}

impl MachineWatch {
    /// Nothing seen yet.
    pub const fn start() -> Self {
        Self { began: None, last: None }
    }

    /// Looks at the end of `second` of `run`.
    pub fn see(&mut self, run: &Run, second: u64) {
        let ended = second + 1;
        if ended < run.warm_up_s || ended as f64 > run.planned_s() {
            return;
        }
        let now = machine_ticks();
        self.began = self.began.or(now);
        self.last = now;
    }

    /// What a reader of the record must know.
    pub fn notes(&self) -> Vec<String> {
        let Some((began, last)) = self.began.zip(self.last) else { return Vec::new() };
        let judged = last.since(began);
        let busy = (judged.busy_ratio() >= BUSY).then(|| {
            format!(
                "The processors of this machine were busy {} of the judged time, by all its programs together: they were the \
                 limit.",
                show_ratio(judged.busy_ratio())
            )
        });
        let stolen = (judged.stolen_ratio() >= STOLEN).then(|| {
            format!(
                "The host of this machine gave {} of its processor time to others while the run was judged: times are longer \
                 by that, those of a target on this machine too.",
                show_ratio(judged.stolen_ratio())
            )
        });
        busy.into_iter().chain(stolen).collect()
    }
}

fn machine_ticks() -> Option<Ticks> {
    ticks(&fs::read_to_string("/proc/stat").ok()?)
}

/// The first line of `/proc/stat` (proc(5)): user, nice, system, idle, iowait, irq, softirq, steal.
fn ticks(stat: &str) -> Option<Ticks> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let times: Vec<f64> = line.split_whitespace().take(8).map(|it| it.parse().ok()).collect::<Option<_>>()?;
    let all = times.iter().sum();
    let [_, _, _, idle, waiting, _, _, stolen] = times[..] else { return None };
    Some(Ticks { busy: all - idle - waiting - stolen, stolen, all })
}

/// Files that are open beside the users' connections: standard streams, the record, the runtime's own. Counting all of
/// them in `/proc/self/fd` would take milliseconds every second.
const OTHER_FILES: u64 = 20;

/// Processor time of this process, user and system.
fn cpu_used() -> Duration {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: getrusage fills the struct it is given, which outlives the call; all zeros are a valid rusage.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr());
        usage.assume_init()
    };
    let of = |time: libc::timeval| Duration::new(time.tv_sec as u64, time.tv_usec as u32 * 1000);
    of(usage.ru_utime) + of(usage.ru_stime)
}

/// Time that threads of this process were ready to run but had no processor: the second figure of
/// `/proc/PID/task/TID/schedstat` (Linux, Documentation/scheduler/sched-stats.rst). Zero elsewhere.
fn cpu_waited() -> Duration {
    let Ok(threads) = fs::read_dir("/proc/self/task") else { return Duration::ZERO };
    let waited = threads.flatten().filter_map(|thread| {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().nth(1)?.parse::<u64>().ok()
    });
    Duration::from_nanos(waited.sum())
}

/// Resident memory of this process; 0 where the system does not tell.
fn memory_bytes() -> u64 {
    let pages = fs::read_to_string("/proc/self/statm");
    let pages = pages.ok().and_then(|text| text.split(' ').nth(1)?.parse::<u64>().ok());
    // SAFETY: sysconf reads a constant of the system.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    pages.unwrap_or(0) * page.max(0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_time_is_not_busy_and_a_busy_machine_and_one_that_was_robbed_are_said() {
        let text = "cpu  100 0 50 780 50 0 0 20 7 7\ncpu0 1 2\n";
        assert_eq!(ticks(text), Some(Ticks { busy: 150.0, stolen: 20.0, all: 1000.0 }));
        let notes = |busy, stolen| {
            let watch = MachineWatch {
                began: Some(Ticks { busy: 50.0, stolen: 7.0, all: 100.0 }),
                last: Some(Ticks { busy: 50.0 + busy, stolen: 7.0 + stolen, all: 1100.0 }),
            };
            watch.notes()
        };
        assert!(notes(900.0, 40.0).is_empty());
        assert!(matches!(&notes(980.0, 0.0)[..], [busy] if busy.contains("98 %")));
        assert!(matches!(&notes(500.0, 125.0)[..], [stolen] if stolen.contains("gave 12.5 %")));
    }

    #[test]
    fn a_busy_thread_shows_as_processor_used() {
        let mut watch = SelfWatch::start().unwrap();
        let until = Instant::now() + Duration::from_millis(200);
        while Instant::now() < until {
            std::hint::spin_loop();
        }
        let mut row = SeriesRow::default();
        watch.fill(&mut row, 5);
        assert!(row.cpu_cores > 0.0 && row.memory_bytes > 1 << 20 && row.open_files == 25);
    }
}
