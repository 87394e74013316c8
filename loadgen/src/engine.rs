//! What all virtual users of a run share.

use std::{
    sync::{Arc, Mutex, OnceLock, atomic::AtomicU64},
    time::{Duration, Instant},
};

use http::HeaderValue;

#[cfg(target_os = "linux")]
use crate::flow::alarm::Alarm;
use crate::{
    adjust::Dial,
    control::Control,
    crowd::Crowd,
    export::RequestLog,
    measure::Recorder,
    observe::HeaderCounts,
    plan::model::Plan,
    share::Share,
    transport::{Origin, Transport},
    witness::Witness,
};

/// What all virtual users of a run share. It lives as long as the process, as its users may: none of them need count who
/// else uses it.
#[derive(Debug)]
pub struct Engine {
    /// The scenario.
    pub plan: Plan,
    /// The seed of arrivals, choices, think times and generated data.
    pub seed: u64,
    /// The share of the load that this process offers.
    pub share: Share,
    /// Where times go.
    pub recorder: Recorder,
    /// How requests go.
    pub transport: Transport,
    /// How the run is stopped.
    pub control: Arc<Control>,
    /// The target's origin.
    pub home: Arc<Origin>,
    /// Its `host` header.
    pub home_host: HeaderValue,
    /// The path of the target's URL, without a slash at its end.
    pub home_path: String,
    /// Counts of the response headers that the scenario observes.
    pub header_counts: Vec<Arc<HeaderCounts>>,
    /// Who looks at single requests.
    pub witness: Witness,
    /// The most requests per second that may be sent, where there is a ceiling.
    pub ceiling: Option<Ceiling>,
    /// Second 0 of the run.
    pub start: OnceLock<Instant>,
    /// Where the load is turned up and down by hand, if it can be.
    pub dial: OnceLock<Dial>,
    /// Users of the closed model that come and go by the dial instead of by Goose.
    pub crowd: OnceLock<Crowd>,
    /// Where every request is written down, if it is.
    pub request_log: OnceLock<RequestLog>,
    /// Users of the open model that wait for work; the load begins when all do.
    pub ready: AtomicU64,
    /// Who ends pauses, from the first on; nobody where the system has no such timer to spare.
    #[cfg(target_os = "linux")]
    alarm: OnceLock<Option<Arc<Alarm>>>,
    /// Weights of the flows, summed up and scaled to 1.
    weights: Vec<f64>,
}

/// What [`Engine::start`] is made of beside the scenario.
#[derive(Debug)]
pub struct Parts {
    /// The seed of the run.
    pub seed: u64,
    /// The share of the load that this process offers.
    pub share: Share,
    /// Threads that users run on.
    pub threads: usize,
    /// How requests go.
    pub transport: Transport,
    /// How the run is stopped.
    pub control: Arc<Control>,
    /// Who looks at single requests.
    pub witness: Witness,
    /// The ceiling on the rate of requests, if there is one.
    pub ceiling: Option<Ceiling>,
    /// Counts of response headers.
    pub header_counts: Vec<Arc<HeaderCounts>>,
}

impl Engine {
    /// Puts together what the users of `plan` share.
    ///
    /// # Errors
    /// The target's URL is none that load can go to.
    pub fn start(mut plan: Plan, parts: Parts) -> Result<&'static Self, String> {
        let Parts { seed, share, threads, transport, control, witness, ceiling, header_counts } = parts;
        let home = Origin::of(&plan.target.base_url)?;
        plan.data.iter_mut().for_each(|set| set.take_share(share));
        let total: f64 = plan.flows.iter().map(|flow| flow.weight).sum();
        let weights = plan.flows.iter().scan(0.0, |sum, flow| {
            *sum += flow.weight / total;
            Some(*sum)
        });
        Ok(Box::leak(Box::new(Self {
            weights: weights.collect(),
            start: OnceLock::new(),
            ready: AtomicU64::new(0),
            #[cfg(target_os = "linux")]
            alarm: OnceLock::new(),
            dial: OnceLock::new(),
            crowd: OnceLock::new(),
            request_log: OnceLock::new(),
            // Kept until the process ends, as the engine is: copying it then touches no counter that threads share.
            home_host: HeaderValue::from_static(home.host_header().leak()),
            home_path: plan.target.base_url.path().trim_end_matches('/').to_owned(),
            home: Arc::new(home),
            recorder: Recorder::new(&plan.requests, threads),
            control,
            header_counts,
            transport,
            witness,
            ceiling,
            seed,
            share,
            plan,
        })))
    }

    /// Who ends pauses. Called within the runtime that users run on.
    #[cfg(target_os = "linux")]
    pub fn alarm(&self) -> Option<&Arc<Alarm>> {
        self.alarm.get_or_init(|| Alarm::start(self.control.listener()).ok()).as_ref()
    }

    /// The flow that `random` (0..1, evenly spread) falls to.
    pub fn choose_flow(&self, random: f64) -> usize {
        self.weights.partition_point(|sum| *sum <= random).min(self.weights.len() - 1)
    }
}

/// A ceiling on the rate of requests: hands out instants that are at least a gap apart.
#[derive(Debug)]
pub struct Ceiling {
    gap: Duration,
    next: Mutex<Option<Instant>>,
}

impl Ceiling {
    /// A ceiling of `rate` requests per second.
    pub fn new(rate: f64) -> Self {
        Self { gap: Duration::from_secs_f64(1.0 / rate), next: Mutex::new(None) }
    }

    /// When the next request may be sent; `now` when the ceiling is not reached.
    pub fn take(&self, now: Instant) -> Instant {
        let mut next = self.next.lock().expect("no panic under this lock");
        let slot = next.map_or(now, |next| next.max(now));
        *next = Some(slot + self.gap);
        slot
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ceiling_spaces_a_burst_out_and_never_lags_behind() {
        let ceiling = Ceiling::new(100.0);
        let now = Instant::now();
        let slots: Vec<_> = (0..5).map(|_| ceiling.take(now) - now).collect();
        assert_eq!(slots, [0, 10, 20, 30, 40].map(Duration::from_millis));
        let later = now + Duration::from_secs(9);
        assert_eq!(ceiling.take(later), later);
    }
}
