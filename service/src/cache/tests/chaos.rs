//! The promise under attack: processes that read and write the same few values through a real Redis, while wires are
//! cut, Redis is killed and comes back, with old data from its disk or without any.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::time::Instant;

use super::*;
use crate::redis::rig::{Process, Rig};

const SUBJECTS: usize = 4;
const LONG: Duration = Duration::from_secs(10);

/// A value as the database has it, and the latest that somebody was told to be written.
#[derive(Default)]
struct Cell {
    committed: AtomicU64,
    acknowledged: AtomicU64,
}

struct World {
    users: [Cell; SUBJECTS],
    catalogue: Cell,
    over: AtomicBool,
    reads: AtomicU64,
    hits: AtomicU64,
    writes: AtomicU64,
    longest_write_ms: AtomicU64,
}

async fn write(world: &World, process: &Process, subject: Option<usize>) {
    let (cell, scope) = match subject {
        Some(at) => (&world.users[at], Scope::FavoritesOf(Uuid::from_u128(at as u128 + 1))),
        None => (&world.catalogue, Scope::Products),
    };
    let value = cell.committed.fetch_add(1, Ordering::SeqCst) + 1;
    let began = Instant::now();
    process.cache.invalidate(&[scope]).await;
    cell.acknowledged.fetch_max(value, Ordering::SeqCst);
    world.writes.fetch_add(1, Ordering::Relaxed);
    let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap();
    world.longest_write_ms.fetch_max(took_ms, Ordering::Relaxed);
}

async fn check(world: &World, process: &Process, at: usize, pause: Duration) {
    let user = &world.users[at];
    let least =
        (user.acknowledged.load(Ordering::SeqCst), world.catalogue.acknowledged.load(Ordering::SeqCst));
    let load = async {
        let seen = (user.committed.load(Ordering::SeqCst), world.catalogue.committed.load(Ordering::SeqCst));
        tokio::time::sleep(pause).await;
        Ok(seen)
    };
    // Favourites show both a user's rows and the catalogue.
    let key = keys::favorites(Uuid::from_u128(at as u128 + 1), 20, None);
    let (page, outcome) = process.cache.read(key, load).await.unwrap();
    let seen: (u64, u64) = serde_json::from_slice(&page.body).unwrap();
    assert!(
        seen.0 >= least.0 && seen.1 >= least.1,
        "{seen:?} after {least:?} was acknowledged ({outcome:?})"
    );
    world.reads.fetch_add(1, Ordering::Relaxed);
    world.hits.fetch_add(u64::from(outcome == Outcome::Hit), Ordering::Relaxed);
}

async fn work(world: Arc<World>, processes: Arc<Vec<Process>>, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    while !world.over.load(Ordering::SeqCst) {
        let process = &processes[random.random_range(0..processes.len())];
        let at = random.random_range(0..SUBJECTS);
        match random.random_range(0..100) {
            0..12 => write(&world, process, Some(at)).await,
            12..14 => write(&world, process, None).await,
            _ => check(&world, process, at, Duration::from_micros(random.random_range(0..3000))).await,
        }
    }
}

async fn attack(rig: &Rig, processes: &[Process], random: &mut StdRng) {
    let server = rig.server_under_test();
    let pause = |random: &mut StdRng, most_ms| Duration::from_millis(random.random_range(0..most_ms));
    let victim = &processes[random.random_range(0..processes.len())];
    match random.random_range(0..6) {
        0 => victim.cut(),
        1 => victim.silence(),
        2 => {
            server.kill();
            tokio::time::sleep(pause(random, 800)).await;
            server.start_again().unwrap();
        }
        3 => {
            server.ask("SAVE").unwrap();
            tokio::time::sleep(pause(random, 400)).await;
            server.kill();
            server.start_again().unwrap();
        }
        4 => drop(server.ask("FLUSHALL").unwrap()),
        _ => drop(server.ask("CLIENT KILL TYPE pubsub").unwrap()),
    }
    tokio::time::sleep(pause(random, 1500)).await;
    victim.mend();
    tokio::time::sleep(pause(random, 1500)).await;
}

async fn nobody_reads_back(tier: Tier, seed: u64) {
    let rig = Rig::server().await;
    let mut processes = Vec::new();
    for _ in 0..3 {
        processes.push(rig.process_with(|cache| cache.tier = tier).await);
    }
    let processes = Arc::new(processes);
    let world = Arc::new(World {
        users: Default::default(),
        catalogue: Cell::default(),
        over: AtomicBool::new(false),
        reads: AtomicU64::new(0),
        hits: AtomicU64::new(0),
        writes: AtomicU64::new(0),
        longest_write_ms: AtomicU64::new(0),
    });
    let workers: Vec<_> = (0..12)
        .map(|n| tokio::spawn(work(Arc::clone(&world), Arc::clone(&processes), seed * 100 + n)))
        .collect();
    let mut random = StdRng::seed_from_u64(seed);
    let end = Instant::now() + LONG;
    while Instant::now() < end && !workers.iter().any(tokio::task::JoinHandle::is_finished) {
        attack(&rig, &processes, &mut random).await;
    }
    for process in processes.iter() {
        process.mend();
    }
    for process in processes.iter() {
        assert!(process.redis.ready(Duration::from_secs(20)).await, "the cache resumes by itself");
    }
    let hits = world.hits.load(Ordering::Relaxed);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(world.hits.load(Ordering::Relaxed) > hits, "the cache is used again");
    world.over.store(true, Ordering::SeqCst);
    for worker in workers {
        worker.await.unwrap();
    }
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    eprintln!(
        "{tier:?}: {} reads, {} of them hits; {} writes, the longest took {} ms",
        count(&world.reads),
        count(&world.hits),
        count(&world.writes),
        count(&world.longest_write_ms)
    );
    assert!(count(&world.reads) > 100 && count(&world.writes) > 20, "it was not much of a test");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_reads_less_than_was_acknowledged_whatever_happens_to_redis() {
    nobody_reads_back(Tier::Redis, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_reads_less_than_was_acknowledged_with_copies_in_front_of_redis_either() {
    nobody_reads_back(Tier::Tiered, 2).await;
}
