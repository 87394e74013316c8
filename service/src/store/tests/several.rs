//! Several processes over the same primary and replica: what one of them acknowledged all of them show.

use std::time::Duration;

use tokio::task::block_in_place;
use tokio::time::sleep;

use super::rig::Servers;
use super::*;
use crate::store::products;

/// A replica that is this far behind is still read from, so that nothing but positions keeps it from being asked.
const LAG_MS: u64 = 8000;

#[tokio::test(flavor = "multi_thread")]
async fn what_one_process_wrote_another_shows_at_once_and_everything_else_is_read_from_the_replica() {
    let servers = Servers::start(|config| config.replica_max_lag_ms = LAG_MS).await;
    let redis = block_in_place(stack::Redis::start).unwrap();
    let processes = [servers.member(&redis).await, servers.member(&redis).await];
    let owner = user(&processes[0].store, 1).await;
    let quiet = user(&processes[0].store, 2).await;
    for process in &processes {
        process.until_the_replica_answers(quiet).await;
    }
    block_in_place(|| servers.replica.lag(5)).unwrap();
    for number in 100..130u32 {
        let at = usize::from(number % 2 == 1);
        let (writer, reader) = (&processes[at], &processes[1 - at]);
        let new = task(number.into(), number.into(), None);
        tasks::insert(&writer.store, owner, &new, None).await.unwrap();
        assert_eq!(tasks::get(&reader.store, owner, new.id).await.unwrap(), Some(new.clone()));
        assert_eq!(reader.newest(owner).await, Some(new));

        let new = testing::product(number.into());
        let id = new.id;
        products::insert(&writer.store, owner, &new, None).await.unwrap();
        assert_eq!(products::get(&reader.store, id).await.unwrap(), Some(new));
        favorites::put(&reader.store, owner, id, Timestamp(number.into())).await.unwrap();
        let dearer = products::Changes { price_cents: Some(number.into()), ..products::Changes::default() };
        products::update(&writer.store, id, &dearer, Timestamp(2)).await.unwrap();
        // The user's own mark and everybody's product, each written by another process.
        for process in &processes {
            let shown = favorites::list(&process.store, owner, None, 1).await.unwrap();
            assert_eq!((shown[0].product.id, shown[0].product.price_cents), (id, number.into()));
        }
        sleep(Duration::from_millis(10)).await;
    }
    let there = servers.replica.query("app", "SELECT COUNT(*) FROM tasks").unwrap();
    assert!(there.parse::<u32>().unwrap() < 30, "the replica is behind: {there}");
    for process in &processes {
        process.until_the_replica_answers(quiet).await;
    }
    for process in processes {
        process.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_the_primary_is_read_and_nothing_fails_and_the_replica_again_when_it_is_back() {
    let servers = Servers::start(|config| config.replica_max_lag_ms = LAG_MS / 4).await;
    let redis = block_in_place(stack::Redis::start).unwrap();
    let (one, other) = (servers.member(&redis).await, servers.member(&redis).await);
    let owner = user(&one.store, 1).await;
    let quiet = user(&one.store, 2).await;
    other.until_the_replica_answers(quiet).await;
    block_in_place(|| servers.replica.lag(600)).unwrap();
    block_in_place(|| redis.kill());
    let before = other.answered_by_replica();
    for number in 100..140u32 {
        let new = task(number.into(), number.into(), None);
        tasks::insert(&one.store, owner, &new, None).await.unwrap();
        assert_eq!(other.newest(owner).await, Some(new));
        other.newest(quiet).await;
    }
    assert_eq!(other.answered_by_replica(), before, "nobody knows how far a replica must be");
    block_in_place(|| redis.start_again()).unwrap();
    for number in 140..160u32 {
        let new = task(number.into(), number.into(), None);
        tasks::insert(&one.store, owner, &new, None).await.unwrap();
        assert_eq!(other.newest(owner).await, Some(new));
        sleep(Duration::from_millis(20)).await;
    }
    block_in_place(|| servers.replica.lag(0)).unwrap();
    other.until_the_replica_answers(quiet).await;
    one.close().await;
    other.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_a_process_that_does_not_tell_what_it_writes_everybody_reads_the_primary() {
    let servers = Servers::start(|config| config.replica_max_lag_ms = LAG_MS).await;
    let redis = block_in_place(stack::Redis::start).unwrap();
    let (alone, among) = (servers.process().await, servers.member(&redis).await);
    let owner = user(&alone.store, 1).await;
    block_in_place(|| servers.replica.lag(5)).unwrap();
    for number in 100..140u32 {
        let (writer, reader) = if number % 2 == 0 { (&alone, &among) } else { (&among, &alone) };
        let new = task(number.into(), number.into(), None);
        tasks::insert(&writer.store, owner, &new, None).await.unwrap();
        assert_eq!(reader.newest(owner).await, Some(new));
        // Long enough for anything that is believed for a time to run out and be renewed.
        sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(alone.answered_by_replica() + among.answered_by_replica(), 0.0);
    // For so long that the replica has all that `among` knows of while it still lacks these.
    let mut last = None;
    for number in 140..160u32 {
        let new = task(number.into(), number.into(), None);
        tasks::insert(&alone.store, owner, &new, None).await.unwrap();
        last = Some(new);
        sleep(Duration::from_millis(100)).await;
    }
    alone.close().await;
    let before = among.answered_by_replica();
    super::rig::until("a replica answers", async || {
        assert_eq!(among.newest(owner).await, last);
        among.answered_by_replica() > before
    })
    .await;
    among.close().await;
}
