//! The cache as its users see it: the same expectations of every tier.

mod chaos;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use uuid::Uuid;

use super::*;
use crate::redis::rig::Rig;

const USER: Uuid = Uuid::from_u128(1);

fn local(policy: Policy) -> Arc<Cache> {
    let config = CacheConfig { policy, ..CacheConfig::default() };
    Arc::new(Cache::new(&config, None, &Metrics::default()))
}

/// A thousand tasks that all begin to read one key before the first load can finish; how many loads there were, and
/// how many misses.
async fn thousand_readers(cache: &Arc<Cache>, places: usize) -> (usize, usize) {
    let loads = Arc::new(AtomicUsize::new(0));
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let readers: Vec<_> = (0..1000)
        .map(|_| {
            let (cache, loads, gate) = (Arc::clone(cache), Arc::clone(&loads), Arc::clone(&gate));
            tokio::spawn(async move {
                let load = async {
                    loads.fetch_add(1, Ordering::SeqCst);
                    let _open = gate.acquire().await;
                    Ok("value")
                };
                cache.read(keys::products(2, "k"), load).await.unwrap().1
            })
        })
        .collect();
    while loads.load(Ordering::SeqCst) < places {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    gate.add_permits(1000);
    let mut misses = 0;
    for reader in readers {
        misses += usize::from(reader.await.unwrap() == Outcome::Miss);
    }
    (loads.load(Ordering::SeqCst), misses)
}

#[tokio::test]
async fn a_thousand_concurrent_misses_of_one_key_make_one_query() {
    assert_eq!(thousand_readers(&local(Policy::Through), 1).await, (1, 1));
    let rig = Rig::server().await;
    for tier in [Tier::Redis, Tier::Tiered] {
        let process = rig.process_with(|cache| cache.tier = tier).await;
        process.cache.invalidate(&[Scope::Products]).await;
        let (loads, _) = thousand_readers(&process.cache, 1).await;
        // On a busy machine commands may take too long; such readers go to the database, within its bound.
        let no_bypass = "cache=\"products\",tier=\"redis\",result=\"bypass\"} 0";
        assert!(loads == 1 || !process.metrics.render().contains(no_bypass), "{loads} loads");
        process.stop().await;
    }
}

#[tokio::test]
async fn beside_the_cache_every_concurrent_miss_makes_its_own_query() {
    assert_eq!(thousand_readers(&local(Policy::Aside), 1000).await, (1000, 1000));
}

#[tokio::test]
async fn without_a_cache_every_read_is_a_bypass() {
    let cache = local(Policy::Off);
    for _ in 0..2 {
        assert_eq!(cache.read(keys::stats(USER), async { Ok(1) }).await.unwrap().1, Outcome::Bypass);
    }
}

async fn read(cache: &Cache, key: Key, value: &str) -> (String, Outcome) {
    let (page, outcome) = cache.read(key, async { Ok(value.to_owned()) }).await.unwrap();
    (serde_json::from_slice(&page.body).unwrap(), outcome)
}

async fn behaves_as_a_cache(cache: &Cache) {
    let hit = |value: &str| (value.to_owned(), Outcome::Hit);
    let miss = |value: &str| (value.to_owned(), Outcome::Miss);
    // A failure is passed on and not kept.
    let failed = cache.read::<u8, _>(keys::user(USER), async { Err(Error::NotFound("user")) }).await;
    assert!(matches!(failed, Err(Error::NotFound("user"))));
    assert_eq!(read(cache, keys::user(USER), "a").await, miss("a"));
    assert_eq!(read(cache, keys::user(USER), "b").await, hit("a"));
    // A write renews its own scope, and what shows the catalogue with the catalogue.
    assert_eq!(read(cache, keys::favorites(USER, 20, None), "a").await, miss("a"));
    cache.invalidate(&[Scope::User(USER)]).await;
    assert_eq!(read(cache, keys::user(USER), "b").await, miss("b"));
    assert_eq!(read(cache, keys::favorites(USER, 20, None), "b").await, hit("a"));
    cache.invalidate(&[Scope::Products]).await;
    assert_eq!(read(cache, keys::favorites(USER, 20, None), "b").await, miss("b"));
    cache.invalidate(&[Scope::FavoritesOf(USER), Scope::TasksOf(USER)]).await;
    assert_eq!(read(cache, keys::favorites(USER, 20, None), "c").await, miss("c"));
    // A value loaded before a write is not found after it, even if it is stored after it.
    let slow = cache.read(keys::stats(USER), async {
        cache.invalidate(&[Scope::TasksOf(USER)]).await;
        Ok("old".to_owned())
    });
    slow.await.unwrap();
    assert_eq!(read(cache, keys::stats(USER), "new").await, miss("new"));
    // A value written through is found without a query, unless another write came between.
    let id = Uuid::from_u128(2);
    let scope = Scope::Task { owner: USER, id };
    let (first, second) = (cache.ticket(scope).await, cache.ticket(scope).await);
    cache.write_through(&first, keys::task(USER, id), &"one".to_owned()).await;
    assert_eq!(read(cache, keys::task(USER, id), "queried").await, hit("one"));
    cache.write_through(&second, keys::task(USER, id), &"two".to_owned()).await;
    assert_eq!(read(cache, keys::task(USER, id), "queried").await, miss("queried"));
}

#[tokio::test]
async fn the_tier_of_one_process_behaves_as_a_cache() {
    behaves_as_a_cache(&local(Policy::Through)).await;
}

#[tokio::test]
async fn the_shared_tiers_behave_as_a_cache_on_a_server_and_on_a_cluster() {
    for rig in [Rig::server().await, Rig::cluster().await] {
        for (at, tier) in [Tier::Redis, Tier::Tiered].into_iter().enumerate() {
            let process = rig.process_with(|cache| cache.tier = tier).await;
            if at > 0 {
                // The last one left values behind.
                process.redis.announce("nothing").await;
                for scope in [Scope::User(USER), Scope::FavoritesOf(USER), Scope::TasksOf(USER)] {
                    process
                        .cache
                        .invalidate(&[scope, Scope::Task { owner: USER, id: Uuid::from_u128(2) }])
                        .await;
                }
            }
            behaves_as_a_cache(&process.cache).await;
            process.stop().await;
        }
    }
}

#[tokio::test]
async fn what_one_process_stored_another_finds_with_its_tag_and_only_the_nearer_tier_is_asked_next_time() {
    let rig = Rig::server().await;
    let (one, other) = (rig.process().await, rig.process().await);
    let (stored, _) = one.cache.read(keys::products(2, "all"), async { Ok("a") }).await.unwrap();
    for tier in ["redis", "local"] {
        let (found, outcome) = other.cache.read(keys::products(2, "all"), async { Ok("b") }).await.unwrap();
        assert_eq!((outcome, &found.body, &found.etag), (Outcome::Hit, &stored.body, &stored.etag));
        let line = format!("cache_requests_total{{cache=\"products\",tier=\"{tier}\",result=\"hit\"}} 1");
        assert!(other.metrics.render().contains(&line), "{line} in {}", other.metrics.render());
    }
}

#[tokio::test]
async fn without_redis_everything_is_a_bypass_and_the_database_sees_no_more_than_its_bound() {
    let rig = Rig::server().await;
    let process = rig.process_with(|cache| (cache.tier, cache.db_concurrency) = (Tier::Tiered, 3)).await;
    rig.server_under_test().kill();
    let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let reads = (0..60u32).map(|n| {
        let (now, most) = (&now, &most);
        let load = async move {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(2)).await;
            now.fetch_sub(1, Ordering::SeqCst);
            Ok(n)
        };
        process.cache.read(keys::user(Uuid::from_u128(n.into())), load)
    });
    let answers = futures_util::future::join_all(reads).await;
    assert!(answers.into_iter().all(|answer| answer.unwrap().1 == Outcome::Bypass));
    assert_eq!(most.load(Ordering::SeqCst), 3);
}
