use std::time::Instant;

use ::stack::topology::{Cache, DATABASE, Queue};
use ::stack::{Phase, Plan, Replica};
use anyhow::{Context as _, Result};

use super::idler::Idler;
use super::{Loaded, pass};

/// Statements that a replica has run for the service, also before it was last started.
fn reads(replica: &Replica) -> Result<u64> {
    let ask = "SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid \
               WHERE d.datname = current_database() AND query ILIKE '%from tasks%'";
    Ok(replica.query(DATABASE, ask)?.parse()?)
}

#[test]
fn a_replica_that_stops_or_lags_leaves_and_returns_and_nobody_reads_what_was() -> Result<()> {
    survives(Plan { api: 1, replicas: 2, queue: Queue::Table, ..Plan::of(Phase::Single) })
}

#[test]
fn the_same_holds_for_several_processes_that_tell_each_other_what_they_wrote() -> Result<()> {
    survives(Plan { api: 3, replicas: 2, queue: Queue::Table, ..Plan::of(Phase::Scaled) })
}

fn survives(plan: Plan) -> Result<()> {
    // Without a cache every read asks a database.
    let plan = Plan { cache: Cache::Off, ..plan }.with("database.replica_max_lag_ms", "1000");
    let Loaded { topology, visits, .. } = Loaded::start(plan)?;
    let idler = Idler::start(&topology.url())?;
    let main = topology.parts().main.as_ref().context("PostgreSQL")?;
    let (lagging, stopped) = (&main.replicas[0], &main.replicas[1]);
    let is_read_within = |replica: &Replica, seconds: u64, what: &str| -> Result<()> {
        let (begun, before) = (Instant::now(), reads(replica)?);
        while reads(replica)? <= before {
            assert!(begun.elapsed().as_secs() < seconds, "{what}");
            pass(0.2);
        }
        Ok(())
    };

    pass(4.0);
    for replica in [lagging, stopped] {
        is_read_within(replica, 5, "a replica is not asked at all")?;
    }
    stopped.stop()?;
    pass(4.0);
    stopped.start()?;
    is_read_within(stopped, 15, "a replica that was stopped did not rejoin")?;

    lagging.lag(5)?;
    pass(4.0);
    let before = reads(lagging)?;
    pass(3.0);
    let asked = reads(lagging)? - before;
    assert_eq!(asked, 0, "a replica that lags by 5 s was asked {asked} times");
    lagging.lag(0)?;
    is_read_within(lagging, 20, "a replica that had lagged did not rejoin")?;
    pass(2.0);

    let (seen, looked) = (visits.finish()?, idler.finish()?);
    eprintln!("{}; {} looks of one who does not write", seen.summary(), looked.times);
    let stale = seen.asked.iter().filter(|it| it.stale).count();
    assert_eq!(stale, 0, "answers from before the user's own write; {}", seen.summary());
    assert!(seen.failed().is_empty(), "{}", seen.summary());
    assert!(looked.wrong.is_empty() && looked.times > 100, "{looked:?}");
    Ok(())
}
