use ::stack::topology::{Roles, Seed};
use ::stack::{Phase, Plan, Topology};
use anyhow::Result;

use super::whole;

/// The suite makes its own users; what it needs is the admin that comes with them.
const SEED: Seed = Seed { users: 3, tasks_per_user: 2, products: 5, seed: 7 };

fn holds_in(phase: Phase, change: impl FnOnce(&mut Plan)) -> Result<()> {
    // Nobody waits minutes for recommendations.
    let mut plan = Plan::of(phase).with("queue.recommend_every_s", "1");
    plan.seed = Some(SEED);
    change(&mut plan);
    let topology = Topology::start(&plan)?;
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(whole(&topology))
}

#[test]
fn the_whole_api_holds_embedded() -> Result<()> {
    holds_in(Phase::Embedded, |_| {})
}

#[test]
fn the_whole_api_holds_on_one_postgres() -> Result<()> {
    holds_in(Phase::Single, |_| {})
}

#[test]
fn the_whole_api_holds_with_replicas_and_several_processes() -> Result<()> {
    holds_in(Phase::Scaled, |_| {})
}

#[test]
fn the_whole_api_holds_on_shards() -> Result<()> {
    holds_in(Phase::Sharded, |_| {})
}

#[test]
fn the_whole_api_holds_with_a_process_for_each_role() -> Result<()> {
    holds_in(Phase::Scaled, |plan| (plan.roles, plan.api, plan.replicas) = (Roles::Split, 1, 1))
}
