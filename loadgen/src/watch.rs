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

use record::SeriesRow;

/// How often the watchdog wakes.
const TICK: Duration = Duration::from_millis(10);

/// Watches this process, second by second.
#[derive(Debug)]
pub struct SelfWatch {
    at: Instant,
    used: Duration,
    waited: Duration,
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
        Ok(Self { at: Instant::now(), used: cpu_used(), waited: cpu_waited(), slip_us, stop })
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
        (self.at, self.used, self.waited) = (now, used, waited);
    }
}

impl Drop for SelfWatch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
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
