//! What becomes of requests when parts of a deployment end, hang behind, and come back: real processes, real servers.

mod crash;
mod errands;
mod idler;
mod primary;
mod redis;
mod replica;
mod rolling;

use std::time::Duration;

use ::stack::topology::Seed;
use ::stack::{Plan, Topology};
use anyhow::{Result, ensure};
use harness::visits::{Asked, Visits, capacity, tokens};

/// Enough users that one is free whenever a visit is due.
const SEED: Seed = Seed { users: 100, tasks_per_user: 3, products: 20, seed: 7 };
/// How long the highest rate is looked for.
const TRIAL: Duration = Duration::from_secs(4);
/// Users who visit without a pause meanwhile.
const AT_ONCE: usize = 16;
/// A visit is three requests of a client that takes about as much of the processors as the service does.
const MOST_PER_S: f64 = 150.0;

/// A deployment at half of what it holds.
struct Loaded {
    topology: Topology,
    tokens: Vec<String>,
    visits: Visits,
    per_s: f64,
}

impl Loaded {
    fn start(plan: Plan) -> Result<Self> {
        let plan = Plan { seed: Some(SEED), ..plan }.with("limits.profile", "off");
        let topology = Topology::start(&plan)?;
        let tokens = tokens(&topology.accounts())?;
        ensure!(tokens.len() > AT_ONCE, "{} accounts", tokens.len());
        let most = capacity(&topology.url(), &tokens, AT_ONCE, TRIAL)?;
        let per_s = (most / 2.0).min(MOST_PER_S);
        eprintln!("{most:.0} visits/s at most, {per_s:.0} offered");
        let visits = Visits::start(&topology.url(), tokens.clone(), per_s)?;
        Ok(Self { topology, tokens, visits, per_s })
    }
}

/// Waits for the clock, which is what these tests are about.
fn pass(seconds: f64) {
    std::thread::sleep(Duration::from_secs_f64(seconds));
}
