//! The meters: what a run counts and gauges, told to whoever asked for metrics. They have a thread of their own, which
//! also serves and sends, so that neither a slow collector nor many scrapes can hold up a user.

use std::{net::TcpListener, thread, thread::JoinHandle, time::Duration};

use record::SeriesRow;
use url::Url;

use super::{Tick, otlp::Otlp, prometheus::Prometheus};
use crate::stop::Stop;

/// How long the last metrics may take to be sent.
const LAST: Duration = Duration::from_secs(3);

/// What a figure is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Seconds,
    Bytes,
    Cores,
    /// Things, by their name in the singular.
    Each(&'static str),
}

/// A figure of a second: its name in dotted words, its unit, what it is, and where it stands.
pub(super) struct Figure<T> {
    pub name: &'static str,
    pub unit: Unit,
    pub about: &'static str,
    pub of: fn(&SeriesRow) -> T,
}

/// What is summed up over the run.
pub(super) const COUNTERS: [Figure<u64>; 5] = [
    Figure {
        name: "iterations.offered",
        unit: Unit::Each("iteration"),
        about: "Iterations due by the schedule (open model) or begun (closed model).",
        of: |row| row.offered,
    },
    Figure {
        name: "iterations.started",
        unit: Unit::Each("iteration"),
        about: "Iterations begun.",
        of: |row| row.started,
    },
    Figure {
        name: "iterations.dropped",
        unit: Unit::Each("iteration"),
        about: "Iterations that could not be begun because every user was busy and the queue was full.",
        of: |row| row.dropped,
    },
    Figure { name: "sent", unit: Unit::Bytes, about: "Bytes of requests.", of: |row| row.bytes_out },
    Figure { name: "received", unit: Unit::Bytes, about: "Bytes of responses.", of: |row| row.bytes_in },
];

/// What has a level; as of the last whole second.
pub(super) const GAUGES: [Figure<Option<f64>>; 8] = [
    Figure {
        name: "users",
        unit: Unit::Each("user"),
        about: "Active virtual users.",
        of: |row| Some(row.users as f64),
    },
    Figure {
        name: "requests.in.flight",
        unit: Unit::Each("request"),
        about: "Requests that wait for their answer.",
        of: |row| Some(row.in_flight as f64),
    },
    Figure {
        name: "start.lag.p99",
        unit: Unit::Seconds,
        about: "99th percentile of the last second's start lag: how late the generator itself began requests.",
        of: |row| row.lag_p99_us.map(|us| us as f64 / 1e6),
    },
    Figure {
        name: "timer.slip",
        unit: Unit::Seconds,
        about: "Worst lateness of the generator's watchdog in the last second.",
        of: |row| Some(row.timer_slip_us as f64 / 1e6),
    },
    Figure {
        name: "cpu.used",
        unit: Unit::Cores,
        about: "Processor cores that the generator used in the last second.",
        of: |row| Some(row.cpu_cores),
    },
    Figure {
        name: "cpu.wanted",
        unit: Unit::Cores,
        about: "Processor cores that the generator's ready threads had to wait for in the last second.",
        of: |row| Some(row.cpu_wait),
    },
    Figure {
        name: "memory",
        unit: Unit::Bytes,
        about: "Resident memory of the generator.",
        of: |row| Some(row.memory_bytes as f64),
    },
    Figure {
        name: "files.open",
        unit: Unit::Each("file"),
        about: "Open files of the generator, connections among them.",
        of: |row| Some(row.open_files as f64),
    },
];

/// The meters of a run.
#[derive(Debug)]
pub struct Meters {
    ticks: flume::Sender<Tick>,
    thread: JoinHandle<()>,
}

/// Where the meters tell their figures.
pub struct Outlets {
    /// To be scraped here.
    pub prometheus: Option<TcpListener>,
    /// Pushed here.
    pub otlp: Option<Url>,
    /// The scenario's name.
    pub scenario: String,
    /// Told once if a collector does not take what it is sent.
    pub warn: fn(&str),
}

impl Meters {
    /// Starts the meters.
    ///
    /// # Errors
    /// No thread can be started, or the collector's URL or the environment's settings for it are wrong.
    pub fn start(outlets: Outlets) -> Result<Self, Stop> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut prometheus = match outlets.prometheus {
            None => None,
            Some(listener) => {
                listener.set_nonblocking(true)?;
                let _inside = runtime.enter();
                let listener = tokio::net::TcpListener::from_std(listener)?;
                let (prometheus, serving) = Prometheus::new(&outlets.scenario, listener);
                runtime.spawn(serving);
                Some(prometheus)
            }
        };
        let mut otlp = match outlets.otlp {
            None => None,
            Some(url) => Some(
                Otlp::new(&url, &outlets.scenario, runtime.handle().clone(), outlets.warn)
                    .map_err(Stop::Usage)?,
            ),
        };
        let (ticks, received) = flume::unbounded::<Tick>();
        let thread = thread::Builder::new().name("meters".to_owned()).spawn(move || {
            runtime.block_on(async move {
                while let Ok(tick) = received.recv_async().await {
                    if let Some(prometheus) = &mut prometheus {
                        prometheus.take(&tick);
                    }
                    if let Some(otlp) = &mut otlp {
                        otlp.take(&tick);
                    }
                }
                if let Some(otlp) = otlp {
                    // Its client lives on this thread, so that something else has to wait for it.
                    let _ = tokio::task::spawn_blocking(move || otlp.close(LAST)).await;
                }
            });
            runtime_ends(runtime);
        })?;
        Ok(Self { ticks, thread })
    }

    /// Tells of a second.
    pub fn take(&self, tick: Tick) {
        // Without a thread to read it there is nobody who would miss it.
        let _ = self.ticks.send(tick);
    }

    /// Has the last figures sent, and ends.
    pub fn close(self) {
        drop(self.ticks);
        let _ = self.thread.join();
    }
}

/// What a scraper still reads is cut off.
fn runtime_ends(runtime: tokio::runtime::Runtime) {
    runtime.shutdown_timeout(Duration::from_millis(100));
}
