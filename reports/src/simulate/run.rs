use std::{
    io::{IsTerminal as _, Write as _},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use simulation::{Bin, Outage, Stretch, Work};

use super::plan::{DAY_S, Fault, Plan};

/// How long each fault is watched before, seconds.
pub const BEFORE_S: u64 = 60;
/// How long after it, seconds.
pub const AFTER_S: u64 = 120;
/// Width of what is counted together around a fault, seconds.
pub const WIDTH_S: u64 = 10;
/// How long is simulated before it is watched, seconds.
const SETTLE_S: u64 = 20;

/// What was counted, by replication.
pub struct Counted {
    /// The steps of the day.
    pub day: Vec<Vec<Bin>>,
    /// Each fault: the stretches around it.
    pub faults: Vec<Vec<Vec<Bin>>>,
    /// Events simulated.
    pub events: u64,
}

/// What was counted by stretch, and the events; nothing until it is there.
type Result = Option<(Vec<Bin>, u64)>;
/// A thing to simulate: the day (nothing), or the fault of this place.
type Part = Option<usize>;

/// Simulates the plan, each replication of each part on a processor of its own. Chance depends on the seed and on what is
/// simulated, and never on which processor came first.
pub fn run(plan: &Plan) -> Counted {
    let parts: Vec<Part> = std::iter::once(None).chain((0..plan.faults.len()).map(Some)).collect();
    let tasks: Vec<(Part, u64)> = parts
        .iter()
        .flat_map(|part| (0..plan.replications).map(|replication| (*part, replication)))
        .collect();
    let lengths: Vec<u64> =
        parts.iter().map(|part| load(plan, *part).last().map_or(0, |it| it.to_ns)).collect();
    let all_ns: u64 = lengths.iter().sum::<u64>() * plan.replications;
    let (next, done_ns, over) = (AtomicUsize::new(0), AtomicU64::new(0), AtomicBool::new(false));
    let results: Mutex<Vec<Result>> = Mutex::new(tasks.iter().map(|_| None).collect());
    let processors = thread::available_parallelism().map_or(1, usize::from).min(tasks.len());
    thread::scope(|scope| {
        scope.spawn(|| news(all_ns, &done_ns, &over));
        let workers: Vec<_> = (0..processors)
            .map(|_| {
                scope.spawn(|| {
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        let Some((part, replication)) = tasks.get(at) else { return };
                        let counted = simulate(plan, *part, *replication, &done_ns);
                        results.lock().unwrap_or_else(std::sync::PoisonError::into_inner)[at] = Some(counted);
                    }
                })
            })
            .collect();
        for worker in workers {
            // A panic in a worker is told by the scope.
            let _ = worker.join();
        }
        over.store(true, Ordering::Relaxed);
    });
    let results = results.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut counted =
        Counted { day: Vec::new(), faults: plan.faults.iter().map(|_| Vec::new()).collect(), events: 0 };
    for ((part, _), result) in tasks.iter().zip(results) {
        let Some((bins, events)) = result else { continue };
        counted.events += events;
        match part {
            None => counted.day.push(bins),
            Some(fault) => counted.faults[*fault].push(bins),
        }
    }
    counted
}

fn simulate(plan: &Plan, part: Part, replication: u64, done_ns: &AtomicU64) -> (Vec<Bin>, u64) {
    let load = load(plan, part);
    let outages: Vec<Outage> = part.map(|fault| outage(&plan.faults[fault])).into_iter().collect();
    // The same arrivals for the day and for each fault would tie their chances together.
    let stream = replication + plan.replications * part.map_or(0, |fault| fault as u64 + 1);
    let work = Work { topology: &plan.topology, load: &load, outages: &outages, seed: plan.seed, stream };
    let mut before_ns = 0;
    let counted = simulation::run(work, &mut |now_ns| {
        done_ns.fetch_add(now_ns - before_ns, Ordering::Relaxed);
        before_ns = now_ns;
    });
    let end_ns = load.last().map_or(0, |it| it.to_ns);
    done_ns.fetch_add(end_ns.saturating_sub(before_ns), Ordering::Relaxed);
    counted
}

/// The load of a part. Of the day, each step is two stretches at its rate: one to settle, which is not counted, and one that is.
/// Around a fault: one to settle, then stretches of [`WIDTH_S`] at the load of that time of day.
fn load(plan: &Plan, part: Part) -> Vec<Stretch> {
    let mut load = Vec::new();
    let mut to_s = 0.0;
    let mut add = |seconds: f64, rate_per_s: f64| {
        to_s += seconds;
        load.push(Stretch { to_ns: simulation::ns(to_s), rate_per_s });
    };
    match part {
        None => {
            for step in 0..DAY_S / plan.load.step_s {
                let rate = plan.load.at((step as f64 + 0.5) * plan.load.step_s as f64);
                add(plan.load.settle_s, rate);
                add(plan.load.sample_s, rate);
            }
        }
        Some(fault) => {
            let fault = &plan.faults[fault];
            let rate = plan.load.at(fault.at_s as f64);
            add(SETTLE_S as f64, rate);
            for _ in 0..stretches(fault) {
                add(WIDTH_S as f64, rate);
            }
        }
    }
    load
}

/// Stretches that a fault is watched for.
pub fn stretches(fault: &Fault) -> u64 {
    (BEFORE_S + fault.lasts_s + AFTER_S).div_ceil(WIDTH_S)
}

fn outage(fault: &Fault) -> Outage {
    let from_s = SETTLE_S + BEFORE_S;
    let ns = |seconds: u64| simulation::ns(seconds as f64);
    Outage { what: fault.what, from_ns: ns(from_s), to_ns: ns(from_s + fault.lasts_s) }
}

/// How long it may take before a word is due.
const QUIET: Duration = Duration::from_secs(2);

/// Says on stderr how far it came, once it takes longer than [`QUIET`]: on one line of a terminal, else every ten seconds.
fn news(all_ns: u64, done_ns: &AtomicU64, over: &AtomicBool) {
    let (begun, mut said) = (Instant::now(), false);
    let terminal = std::io::stderr().is_terminal();
    let every = if terminal { Duration::from_millis(250) } else { Duration::from_secs(10) };
    let mut next = QUIET;
    while !over.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_millis(20));
        if begun.elapsed() < next {
            continue;
        }
        next = begun.elapsed() + every;
        let share = done_ns.load(Ordering::Relaxed) as f64 / all_ns.max(1) as f64;
        let (start, end) = if terminal { ("\r", "") } else { ("", "\n") };
        eprint!("{start}simulating: {:>3.0} %{end}", 100.0 * share.min(1.0));
        // What cannot be said is not worth ending for.
        let _ = std::io::stderr().flush();
        said = true;
    }
    if said && terminal {
        eprint!("\r{:<20}\r", "");
    }
}
