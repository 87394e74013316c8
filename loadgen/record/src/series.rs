use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One second of the run, a row of `series.csv`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SeriesRow {
    /// Seconds since the start of the load; the row covers `second..second + 1`.
    pub second: u64,
    /// Iterations due by the schedule (open model), or begun (closed model).
    pub offered: u64,
    /// Iterations that could not be begun because every user was busy and the queue was full.
    pub dropped: u64,
    /// Iterations begun.
    pub started: u64,
    /// Requests answered as expected.
    pub completed: u64,
    /// Requests failed.
    pub failed: u64,
    /// Failed requests by kind, `kind:count` joined by `;`.
    pub errors: ErrorCounts,
    /// Requests in flight at the end of the second.
    pub in_flight: u64,
    /// Users alive at the end of the second.
    pub users: u64,
    /// Bytes sent: request heads and bodies.
    pub bytes_out: u64,
    /// Bytes received: response heads and bodies, as they came over the wire.
    pub bytes_in: u64,
    /// 99th percentile of start lag, of the requests that found a free user waiting; empty when there was none.
    pub lag_p99_us: Option<u64>,
    /// Worst lateness of the watchdog's own timer: how long the machine kept a ready thread of ours waiting.
    pub timer_slip_us: u64,
    /// Cores this process used, 1.0 being one core fully.
    pub cpu_cores: f64,
    /// Time that threads of this process were ready to run but had no processor, seconds per second.
    pub cpu_wait: f64,
    /// Resident memory of this process.
    pub memory_bytes: u64,
    /// Open files of this process.
    pub open_files: u64,
    /// Share of this machine's processor time that its host gave to others, 0..1; empty where the system does not tell.
    #[serde(default)]
    pub cpu_stolen: Option<f64>,
}

/// Failed requests by kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ErrorCounts(pub BTreeMap<String, u64>);

impl fmt::Display for ErrorCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (kind, count)) in self.0.iter().enumerate() {
            write!(f, "{}{kind}:{count}", if index == 0 { "" } else { ";" })?;
        }
        Ok(())
    }
}

impl Serialize for ErrorCounts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ErrorCounts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let pairs = text.split(';').filter(|pair| !pair.is_empty());
        pairs
            .map(|pair| {
                let (kind, count) = pair.rsplit_once(':')?;
                Some((kind.to_owned(), count.parse().ok()?))
            })
            .collect::<Option<BTreeMap<_, _>>>()
            .map(Self)
            .ok_or_else(|| serde::de::Error::custom(format!("`{text}` is not `kind:count;…`")))
    }
}
