//! Shards with a replica each: who answers reads, and whether anybody misses what they wrote.

use std::cell::Cell;

use stack::{Postgres, Replica};
use tokio::task::block_in_place;

use super::*;
use crate::config::DatabaseConfig;

/// For what must come about by itself, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(60);
/// A replica that is further behind is not read from; for twice as long a bucket that came is read where it is written.
const MAX_LAG_MS: u64 = 2000;

/// Two shards on servers of their own, each with a replica; the directory is on the first server.
struct Rig {
    store: Store,
    metrics: Metrics,
    // Before their primaries.
    replicas: [Replica; 2],
    _primaries: [Postgres; 2],
}

impl Rig {
    async fn start() -> Self {
        let (config, replicas, primaries) = block_in_place(|| {
            let primaries = [Postgres::start().unwrap(), Postgres::start().unwrap()];
            let directory = primaries[0].create_database("directory").unwrap();
            let urls = primaries.each_ref().map(|primary| primary.create_database("shard").unwrap());
            let replicas = primaries.each_ref().map(|primary| primary.replica().unwrap());
            let shard = |at: usize| format!("{}|{}", urls[at], replicas[at].url("shard"));
            let config = DatabaseConfig {
                url: directory.parse().unwrap_or_default(),
                shards: [0, 1].map(|at| shard(at).parse().unwrap()).into(),
                min_connections: 0,
                max_connections: 8,
                // A busy machine takes seconds to make connections, which is not what this is about.
                acquire_timeout_ms: 60_000,
                replica_max_lag_ms: MAX_LAG_MS,
                ..DatabaseConfig::default()
            };
            (config, replicas, primaries)
        });
        let metrics = Metrics::default();
        let store = Store::open(&config, &metrics).await.unwrap();
        store.migrate().await.unwrap();
        Self { store, metrics, replicas, _primaries: primaries }
    }

    fn lag(&self, seconds: u32) {
        block_in_place(|| self.replicas.iter().for_each(|replica| replica.lag(seconds).unwrap()));
    }

    /// Reads the tasks of `user` until a replica answered, which is the user's own shard's: the other one does not have them.
    async fn until_a_replica_answers(&self, user: Uuid, tasks: usize) {
        let (started, before) = (Instant::now(), testing::answered_by_replicas(&self.metrics));
        while testing::answered_by_replicas(&self.metrics) == before {
            assert_eq!(seen(&self.store, user).await, tasks);
            assert!(started.elapsed() < PATIENCE, "a replica answers within {PATIENCE:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// A user on each shard.
    async fn users(&self) -> [Uuid; 2] {
        let mut found = [None; 2];
        for number in 1..=40 {
            let id = user(&self.store, number).await;
            found[sharding(&self.store).number_of(id)].get_or_insert(id);
        }
        found.map(Option::unwrap)
    }
}

/// Writes tasks of `user` from `first` on and reads each back at once in every way, until `enough`; how many.
async fn write_and_read(store: &Store, user: Uuid, first: u128, enough: impl Fn() -> bool) -> u128 {
    let mut number = first;
    while !enough() || number < first + 20 {
        let new = Task { created_at: Timestamp(i64::try_from(number).unwrap()), ..task(number) };
        tasks::insert(store, user, &new, None).await.unwrap();
        assert_eq!(tasks::get(store, user, new.id).await.unwrap().map(|task| task.id), Some(new.id));
        let newest = tasks::list(store, user, &Filter { limit: 1, ..Filter::default() }).await.unwrap();
        assert_eq!(newest[0].id, new.id);
        let total = tasks::stats(store, user, Timestamp(0)).await.unwrap().total;
        number += 1;
        assert_eq!(total, i64::try_from(number - 100).unwrap());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    number
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_of_shards_answer_and_nobody_misses_an_own_write_before_during_or_after_a_move() {
    let rig = Rig::start().await;
    let users = rig.users().await;
    for user in users {
        add(&rig.store, user, 50 + user.as_u128()).await;
        rig.until_a_replica_answers(user, 1).await;
        tasks::delete(&rig.store, user, Uuid::from_u128(50 + user.as_u128())).await.unwrap();
    }
    // Always behind, and never so far that they are not read from.
    rig.lag(1);
    let me = users[0];
    let mut next = 100;
    // There and back, so that the first shard's replica has rows of before.
    for _ in 0..2 {
        let moved = Cell::new(false);
        let moving = async {
            assert!(matches!(shift(&rig.store, me).await, Outcome::Moved(_)));
            moved.set(true);
        };
        ((), next) = tokio::join!(moving, write_and_read(&rig.store, me, next, || moved.get()));
        next = write_and_read(&rig.store, me, next, || true).await;
    }
    let home = sharding(&rig.store).number_of(me);
    assert_eq!(home, 0, "there and back");
    assert!(matches!(shift(&rig.store, me).await, Outcome::Moved(_)));
    // At rest it is read from the replica of where it is now: that one has all of it by then.
    rig.until_a_replica_answers(me, usize::try_from(next - 100).unwrap()).await;
    assert_eq!(sharding(&rig.store).number_of(me), 1);
    rig.store.close().await;
}
