use ::stack::topology::Seed;
use ::stack::{Phase, Plan, Topology};
use anyhow::Result;

use super::whole;

/// The suite makes its own users; what it needs is the admin that comes with them.
const SEED: Seed = Seed { users: 3, tasks_per_user: 2, products: 5, seed: 7 };

fn holds_in(plan: Plan) -> Result<()> {
    let plan = Plan { seed: Some(SEED), ..plan };
    let topology = Topology::start(&plan)?;
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(whole(&topology.url()))
}

#[test]
fn the_whole_api_holds_embedded() -> Result<()> {
    holds_in(Plan::of(Phase::Embedded))
}

#[test]
fn the_whole_api_holds_on_one_postgres() -> Result<()> {
    holds_in(Plan::of(Phase::Single))
}
