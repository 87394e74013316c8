use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::rig::{Rig, Servers};
use super::*;
use crate::store::Timestamp;
use crate::store::cache_processes::{Standing, declare};

async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds().await {
        assert!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_announcement_returns_when_every_process_has_read_it() {
    for rig in [Rig::server().await, Rig::cluster().await] {
        let processes = [rig.process().await, rig.process().await, rig.process().await];
        for round in 0..20 {
            let from = &processes[round % 3];
            let before: Vec<u64> = processes.iter().map(|p| p.redis.view().unwrap().catalogue).collect();
            from.redis.announce(CATALOGUE).await;
            for (process, before) in processes.iter().zip(before) {
                // Who does not serve from the cache at the moment may not know yet.
                let known = process.redis.view().map(|view| view.catalogue);
                assert!(known.is_none_or(|known| known > before), "{known:?} after {before}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_announcement_waits_for_a_process_that_still_trusts_a_house_that_was_lost() {
    let rig = Rig::server().await;
    let (one, other) = (rig.process().await, rig.process().await);
    let lost = other.redis.view().unwrap().epoch;
    other.silence();
    rig.server_under_test().ask("FLUSHALL").unwrap();
    eventually("one knows the new house", async || one.redis.view().is_some_and(|view| view.epoch != lost))
        .await;
    one.redis.announce(CATALOGUE).await;
    assert!(other.redis.view().is_none(), "the other may not serve what the announcement made stale");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_session_is_refused_by_every_process_when_the_end_is_acknowledged() {
    for rig in [Rig::server().await, Rig::cluster().await] {
        let processes = [rig.process().await, rig.process().await];
        for n in 0..10u128 {
            let session = Uuid::from_u128(n);
            processes[n as usize % 2].revocations.add([(session, Timestamp(i64::MAX))]).await;
            assert!(processes.iter().all(|process| process.revocations.contains(session)));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_session_is_seen_within_a_second_by_a_process_that_is_cut_off() {
    let rig = Rig::server().await;
    let (one, other) = (rig.process().await, rig.process().await);
    let user = crate::testing::user(&one.store, 7).await;
    let session = Uuid::from_u128(70);
    let begun = crate::store::sessions::NewSession {
        id: session,
        user_id: user,
        ip: "127.0.0.1",
        device: "test",
        refresh: [7; 32],
        now: Timestamp(crate::clock::now_us()),
        expires_at: Timestamp(crate::clock::now_us() + 60_000_000),
    };
    crate::store::sessions::insert(&one.store, &begun, 10).await.unwrap();
    other.cut();
    let now = Timestamp(crate::clock::now_us());
    let ended = crate::store::sessions::revoke(&one.store, user, Some(session), now).await.unwrap();
    assert_eq!(ended.len(), 1);
    one.revocations.add(ended).await;
    eventually("the other reads it from the database", async || other.revocations.contains(session)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_trusted_while_a_process_writes_without_telling_and_all_of_it_is_renewed_after() {
    let rig = Rig::server().await;
    let (one, other) = (rig.process().await, rig.process().await);
    let epoch = other.redis.view().unwrap().epoch;
    one.cut();
    let told = one.redis.tell(|_| async { Err::<(), _>(Away) }).await;
    assert_eq!(told, None, "there is nobody left who could be misled");
    assert!(other.redis.view().is_none(), "the other serves from the database");
    one.mend();
    assert!(
        one.redis.ready(Duration::from_secs(20)).await && other.redis.ready(Duration::from_secs(20)).await
    );
    for process in [&one, &other] {
        assert_ne!(process.redis.view().unwrap().epoch, epoch);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_broke_for_a_moment_leaves_the_cache_as_it_was() {
    let rig = Rig::server().await;
    let process = rig.process().await;
    let epoch = process.redis.view().unwrap().epoch;
    process.cut();
    eventually("it is noticed", async || process.redis.home().is_none()).await;
    process.mend();
    assert!(process.redis.ready(Duration::from_secs(20)).await);
    assert_eq!(process.redis.view().unwrap().epoch, epoch, "nothing was written meanwhile");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_comes_back_with_data_from_its_disk_is_a_new_epoch() {
    let rig = Rig::server().await;
    let process = rig.process().await;
    let epoch = process.redis.view().unwrap().epoch;
    let server = rig.server_under_test();
    server.ask("SET witness here").unwrap();
    server.ask("SAVE").unwrap();
    server.kill();
    server.start_again().unwrap();
    assert!(server.ask("GET witness").unwrap().contains("here"), "the data is that of before");
    eventually("the epoch is another", async || process.redis.view().is_some_and(|view| view.epoch != epoch))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_died_is_followed_by_a_new_epoch_and_one_that_left_is_not() {
    let rig = Rig::server().await;
    let (stays, leaves) = (rig.process().await, rig.process().await);
    let epoch = stays.redis.view().unwrap().epoch;
    leaves.stop().await;
    // As a process that died long ago leaves it.
    let row =
        |id, until_us| Standing { id: Uuid::from_u128(id), inside: true, until_us: Timestamp(until_us) };
    assert_eq!(
        declare(&stays.store, &row(1, i64::MAX)).await.unwrap().len(),
        1,
        "only the one that stays is there"
    );
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(stays.redis.view().unwrap().epoch, epoch);
    declare(&stays.store, &row(1, 1)).await.unwrap();
    eventually("there is a new epoch", async || stays.redis.view().is_some_and(|view| view.epoch != epoch))
        .await;
    eventually("the row is struck out", async || {
        declare(&stays.store, &row(2, i64::MAX)).await.unwrap().len() == 1
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_breaker_opens_at_once_when_redis_dies_and_soon_when_it_hangs_and_closes_by_itself() {
    let rig = Rig::server().await;
    let process = rig.process().await;
    let open = |wanted: &str| process.metrics.render().contains(&format!("redis_breaker_open {wanted}"));
    assert!(open("0"));
    rig.server_under_test().kill();
    eventually("it opens", async || process.redis.home().is_none()).await;
    assert!(open("1") && process.redis.view().is_none());
    rig.server_under_test().start_again().unwrap();
    assert!(process.redis.ready(Duration::from_secs(20)).await);
    eventually("it closes", async || open("0")).await;
    process.silence();
    eventually("it opens", async || open("1")).await;
    process.mend();
    assert!(process.redis.ready(Duration::from_secs(20)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_lost_a_node_is_away_and_comes_back_as_another() {
    let rig = Rig::cluster().await;
    let Servers::Cluster(cluster) = &rig.redis else { panic!("it is a cluster") };
    let process = rig.process().await;
    let epoch = process.redis.view().unwrap().epoch;
    cluster.kill(2);
    eventually("it is away", async || process.redis.view().is_none()).await;
    assert_eq!(process.redis.tell(|_| async { Err::<(), _>(Away) }).await, None, "writes go on");
    cluster.start_again(2).unwrap();
    assert!(process.redis.ready(Duration::from_secs(30)).await);
    assert_ne!(process.redis.view().unwrap().epoch, epoch);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_never_goes_back_and_is_unknown_when_it_may_have_been_lost() {
    let rig = Rig::server().await;
    let (one, other) = (rig.process().await, rig.process().await);
    let life = Duration::from_secs(2);
    let (writer, reader) = (one.redis.positions(life), other.redis.positions(life));
    let user = Whose::User(Uuid::from_u128(1));
    let place = |log, position| Place { log, position };
    assert_eq!(reader.of(user).await, Position::Unknown, "the epoch is too young to know");
    tokio::time::sleep(life).await;
    assert_eq!(reader.of(user).await, Position::Any);
    for (noted, expected) in
        [((7, 900), (7, 900)), ((7, 1000), (7, 1000)), ((7, 999), (7, 1000)), ((3, 5), (3, 5))]
    {
        writer.note(user, place(noted.0, noted.1)).await;
        assert_eq!(reader.of(user).await, Position::AtLeast(place(expected.0, expected.1)));
    }
    assert_eq!(reader.of(Whose::Catalogue).await, Position::Any);
    rig.server_under_test().ask("FLUSHALL").unwrap();
    for _ in 0..20 {
        assert_eq!(reader.of(user).await, Position::Unknown, "it was lost with everything else");
        tokio::time::sleep(life / 40).await;
    }
    eventually("what was lost is too old to matter", async || reader.of(user).await == Position::Any).await;
    other.cut();
    eventually("nobody knows", async || reader.of(user).await == Position::Unknown).await;
}
