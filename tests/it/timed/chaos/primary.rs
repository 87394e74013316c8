use std::time::{Duration, Instant};

use ::stack::topology::{Cache, Queue};
use ::stack::{Phase, Plan};
use anyhow::{Context as _, Result};
use harness::visits::compare;

use super::{Loaded, pass};

/// How soon everything must work again once PostgreSQL answers.
const RECOVERED: Duration = Duration::from_secs(2);

#[test]
fn while_the_primary_is_restarted_requests_fail_and_two_seconds_later_none_does() -> Result<()> {
    let plan = Plan { cache: Cache::Local, queue: Queue::Table, ..Plan::of(Phase::Single) };
    let Loaded { topology, tokens, visits, .. } = Loaded::start(plan)?;
    let primary = &topology.parts().main.as_ref().context("PostgreSQL")?.primary;
    pass(5.0);
    let away = Instant::now();
    primary.stop()?;
    pass(3.0);
    primary.start_again()?;
    let back = Instant::now();
    pass(8.0);
    let end = Instant::now();
    let seen = visits.finish()?;
    eprintln!("{}", seen.summary());
    let last = seen.failed_between(back, end).into_iter().map(|it| it.at - back).max();
    eprintln!("the last failure was sent {last:?} after PostgreSQL answered again");

    assert!(!seen.failed_between(away, back).is_empty(), "nobody noticed: {}", seen.summary());
    let before = seen.failed_between(away - Duration::from_secs(5), away - Duration::from_millis(200));
    assert!(before.is_empty(), "{before:?}");
    let after = seen.failed_between(back + RECOVERED, end);
    assert!(after.is_empty(), "{after:?}");
    let (lost, doubled) = compare(&topology.url(), &tokens, &seen)?;
    assert!(lost.is_empty() && doubled.is_empty(), "lost {lost:?}, made twice {doubled:?}");
    Ok(())
}
