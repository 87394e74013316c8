use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ::stack::topology::{Cache, DATABASE, Queue, RedisKind};
use ::stack::{Phase, Plan, Postgres};
use anyhow::{Context as _, Result, anyhow, bail, ensure};
use reqwest::{Client, StatusCode};
use tokio::runtime::Builder;
use tokio::task::JoinSet;

use super::{Loaded, pass};

/// How near to the death of Redis, before or after it, a request must have been sent that may fail for it.
const NOTICED: Duration = Duration::from_millis(100);
/// What each process is told that the database bears of it while there is no cache in front.
const BOUND: u32 = 8;
/// Readers who all want another page of the catalogue at once.
const CROWD: u32 = 60;
/// For how long the catalogue cannot be read meanwhile, so that they pile up.
const LOCKED_S: f64 = 1.5;

#[test]
fn redis_may_die_and_come_back_under_load() -> Result<()> {
    survives(Plan { api: 1, cache: Cache::Redis, queue: Queue::Table, ..Plan::of(Phase::Single) })
}

#[test]
fn redis_may_die_and_come_back_under_load_of_several_processes() -> Result<()> {
    survives(Plan { api: 3, replicas: 0, queue: Queue::Table, ..Plan::of(Phase::Scaled) })
}

fn survives(plan: Plan) -> Result<()> {
    let bound = BOUND * u32::try_from(plan.api)?;
    let plan = plan.with("cache.db_concurrency", &BOUND.to_string());
    let Loaded { topology, visits, .. } = Loaded::start(plan)?;
    let primary = &topology.parts().main.as_ref().context("PostgreSQL")?.primary;
    let Some(RedisKind::Server(redis)) = &topology.parts().redis else { bail!("there is no Redis") };
    let over = AtomicBool::new(false);
    let (read, acted) = thread::scope(|scope| {
        let reader = scope.spawn(|| same_page(&topology.url(), &over));
        let act = || {
            pass(3.0);
            let died = Instant::now();
            redis.kill();
            pass(2.0);
            let (most, answers) = crowd(primary, &topology.url())?;
            pass(1.0);
            redis.start_again()?;
            let back = Instant::now();
            pass(6.0);
            Ok::<_, anyhow::Error>((died, back, most, answers))
        };
        let acted = act();
        over.store(true, Ordering::Release);
        let read = reader.join().map_err(|_| anyhow!("the reader panicked"))??;
        Ok::<_, anyhow::Error>((read, acted?))
    })?;
    let (died, back, most, answers) = acted;
    let seen = visits.finish()?;
    let resumed = read.iter().find(|it| it.at > back && it.cached).map(|it| it.at - back);
    eprintln!(
        "{}; {} reads of one page, cached again after {resumed:?}; at most {most} loads at once",
        seen.summary(),
        read.len()
    );

    let excused = |at: Instant| (died - NOTICED..died + NOTICED).contains(&at);
    let failed: Vec<_> = seen.failed().into_iter().filter(|it| !excused(it.at)).collect();
    let when = |it: &&super::Asked| (it.at.duration_since(died), it.ended.duration_since(it.at), it.kind);
    assert!(
        failed.is_empty(),
        "after its death, for, what: {:?}",
        failed.iter().map(when).collect::<Vec<_>>()
    );
    let failed: Vec<_> = read.iter().filter(|it| it.status != StatusCode::OK && !excused(it.at)).collect();
    assert!(failed.is_empty(), "{failed:?}");
    assert!(answers.iter().all(|&it| it == StatusCode::OK), "{answers:?}");

    let cached = |from: Instant, to: Instant| {
        let among: Vec<_> = read.iter().filter(|it| (from..to).contains(&it.at)).collect();
        assert!(!among.is_empty(), "nobody read");
        among.iter().filter(|it| it.cached).count()
    };
    assert!(cached(died - Duration::from_secs(2), died) > 0, "nothing was cached before");
    assert_eq!(cached(died + Duration::from_secs(1), back), 0, "cached without Redis");
    assert!(resumed.is_some(), "the cache did not resume by itself");
    // As many as allowed, so that the bound was what held the others back.
    assert_eq!(most, bound);
    Ok(())
}

#[derive(Debug)]
struct Read {
    at: Instant,
    status: StatusCode,
    cached: bool,
}

/// Reads one page of the catalogue again and again until it is `over`.
fn same_page(url: &str, over: &AtomicBool) -> Result<Vec<Read>> {
    Builder::new_current_thread().enable_all().build()?.block_on(async {
        let client = Client::builder().no_proxy().build()?;
        let mut all = Vec::new();
        while !over.load(Ordering::Acquire) {
            let at = Instant::now();
            let answer = client.get(format!("{url}/api/v2/products?limit=20")).send().await?;
            let cached = answer.headers().get("x-cache").is_some_and(|it| it == "HIT");
            all.push(Read { at, status: answer.status(), cached });
            answer.bytes().await?;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(all)
    })
}

/// Lets many readers want pages of a catalogue that cannot be read for a while. Returns how many of them waited in the
/// database at once at most, and what each was answered in the end.
fn crowd(primary: &Postgres, url: &str) -> Result<(u32, Vec<StatusCode>)> {
    let lock =
        format!("BEGIN; LOCK TABLE products IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep({LOCKED_S}); COMMIT");
    let locked = "SELECT count(*) FROM pg_locks \
                  WHERE relation = 'products'::regclass AND mode = 'AccessExclusiveLock' AND granted";
    let waiting = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = '{DATABASE}' AND wait_event_type = 'Lock'"
    );
    thread::scope(|scope| {
        let locker = scope.spawn(|| primary.query(DATABASE, &lock));
        let deadline = Instant::now() + Duration::from_secs(5);
        while primary.query(DATABASE, locked)? != "1" {
            ensure!(Instant::now() < deadline && !locker.is_finished(), "the catalogue was not locked");
        }
        let readers = scope.spawn(|| different_pages(url));
        let mut most = 0;
        while !readers.is_finished() {
            most = most.max(primary.query(DATABASE, &waiting)?.parse()?);
        }
        locker.join().map_err(|_| anyhow!("locking panicked"))??;
        Ok((most, readers.join().map_err(|_| anyhow!("the readers panicked"))??))
    })
}

fn different_pages(url: &str) -> Result<Vec<StatusCode>> {
    Builder::new_current_thread().enable_all().build()?.block_on(async {
        let client = Client::builder().no_proxy().build()?;
        let mut readers = JoinSet::new();
        for limit in 21..21 + CROWD {
            let page = client.get(format!("{url}/api/v2/products?limit={limit}"));
            readers.spawn(async move { Ok::<_, anyhow::Error>(page.send().await?.status()) });
        }
        readers.join_all().await.into_iter().collect()
    })
}
