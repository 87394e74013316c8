use std::time::Instant;

use ::stack::topology::{Cache, DATABASE, Queue};
use ::stack::{Phase, Plan, Replica};
use anyhow::{Context as _, Result};

use super::{Loaded, pass};

/// Statements that a replica has run for the service since it was started.
fn reads(replica: &Replica) -> Result<u64> {
    let ask = "SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid \
               WHERE d.datname = current_database() AND query ILIKE '%from tasks%'";
    Ok(replica.query(DATABASE, ask)?.parse()?)
}

#[test]
fn a_replica_that_stops_or_lags_leaves_and_returns_and_nobody_reads_what_was() -> Result<()> {
    // Without a cache every read asks a database.
    let plan =
        Plan { api: 1, replicas: 2, cache: Cache::Off, queue: Queue::Table, ..Plan::of(Phase::Single) };
    let plan = plan.with("database.replica_max_lag_ms", "1000");
    let Loaded { topology, visits, .. } = Loaded::start(plan)?;
    let main = topology.parts().main.as_ref().context("PostgreSQL")?;
    let (lagging, stopped) = (&main.replicas[0], &main.replicas[1]);
    let since = |replica: &Replica, before: u64| reads(replica).map(|now| now.saturating_sub(before));

    pass(4.0);
    assert!(reads(lagging)? > 0 && reads(stopped)? > 0, "replicas are not asked at all");
    stopped.stop()?;
    pass(4.0);
    stopped.start()?;
    let begun = Instant::now();
    while reads(stopped)? == 0 {
        assert!(begun.elapsed().as_secs() < 15, "a replica that was stopped did not rejoin");
        pass(0.2);
    }

    lagging.lag(5)?;
    pass(4.0);
    let before = reads(lagging)?;
    pass(3.0);
    let asked = since(lagging, before)?;
    assert_eq!(asked, 0, "a replica that lags by 5 s was asked {asked} times");
    lagging.lag(0)?;
    let begun = Instant::now();
    while since(lagging, before)? == 0 {
        assert!(begun.elapsed().as_secs() < 20, "a replica that had lagged did not rejoin");
        pass(0.2);
    }
    pass(2.0);

    let seen = visits.finish()?;
    eprintln!("{}", seen.summary());
    let stale = seen.asked.iter().filter(|it| it.stale).count();
    assert_eq!(stale, 0, "answers from before the user's own write; {}", seen.summary());
    assert!(seen.failed().is_empty(), "{}", seen.summary());
    Ok(())
}
