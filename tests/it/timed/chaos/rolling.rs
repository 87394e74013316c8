use ::stack::topology::Queue;
use ::stack::{Phase, Plan};
use anyhow::Result;

use super::{Loaded, pass};

#[test]
fn a_rolling_restart_behind_the_gateway_loses_no_request() -> Result<()> {
    let plan = Plan { replicas: 0, api: 3, queue: Queue::Table, ..Plan::of(Phase::Scaled) };
    let Loaded { topology, visits, .. } = Loaded::start(plan)?;
    pass(3.0);
    let processes: Vec<_> = topology.services().iter().filter(|it| it.roles().contains("tasks")).collect();
    assert_eq!(processes.len(), 3);
    for process in processes {
        process.restart()?;
        pass(2.0);
    }
    let seen = visits.finish()?;
    eprintln!("{}", seen.summary());
    assert!(seen.asked.len() > 1000, "too few requests to say anything: {}", seen.summary());
    assert!(seen.failed().is_empty(), "{}", seen.summary());
    Ok(())
}
