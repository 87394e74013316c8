//! One behaviour, wherever the numbers lie.

use futures_util::future::join_all;
use tokio::time::Instant;

use super::*;
use crate::redis::rig::Rig;

fn in_process() -> Limits {
    Limits::new(Profile::Strict, None, &Metrics::default())
}

async fn admitted(limits: &Limits, class: Class, subject: Subject<'_>) -> usize {
    let decided = join_all((0..200).map(|_| limits.decide(class, subject))).await;
    decided.into_iter().filter(|decision| decision.unwrap().admitted).count()
}

/// Two hundred requests at once use up a quota, and what comes back of it while they are decided.
async fn uses_up(limits: &Limits, class: Class, subject: Subject<'_>, quota: usize) {
    let began = Instant::now();
    let passed = admitted(limits, class, subject).await;
    let back = began.elapsed().as_micros() / u128::from(strict(class).step_us()) + 1;
    assert!((quota..=quota + back as usize).contains(&passed), "{passed} of {quota} and {back} {class:?}");
}

async fn limits_are_those_of_a_public_service(limits: &Limits) {
    let address = Subject::Address([203, 0, 113, 9].into());
    uses_up(limits, Class::Auth, address, 5).await;
    uses_up(limits, Class::General, address, 100).await;
    // Each has a quota.
    uses_up(limits, Class::Listing, Subject::User(Uuid::from_u128(1)), 60).await;
    uses_up(limits, Class::Listing, Subject::User(Uuid::from_u128(2)), 60).await;
    uses_up(limits, Class::Auth, Subject::Account("a@headroom.example"), 5).await;
    uses_up(limits, Class::Auth, Subject::Address("2001:db8::1".parse().unwrap()), 5).await;
}

async fn a_refusal_says_when_to_come_back(limits: &Limits) {
    let somebody = Subject::User(Uuid::from_u128(3));
    let first = limits.decide(Class::Favorites, somebody).await.unwrap();
    assert_eq!((first.admitted, first.limit, first.remaining, first.reset_s), (true, 20, 19, 3));
    for _ in 0..19 {
        assert!(limits.decide(Class::Favorites, somebody).await.unwrap().admitted);
    }
    let refused = limits.decide(Class::Favorites, somebody).await.unwrap();
    assert_eq!((refused.admitted, refused.remaining), (false, 0));
    assert!((1..=3).contains(&refused.retry_after_s) && (57..=60).contains(&refused.reset_s), "{refused:?}");
}

#[tokio::test]
async fn in_this_process_the_limits_hold() {
    limits_are_those_of_a_public_service(&in_process()).await;
    a_refusal_says_when_to_come_back(&in_process()).await;
}

#[tokio::test]
async fn in_redis_the_limits_hold_for_all_processes_together() {
    let rig = Rig::server().await;
    let processes = [rig.process().await, rig.process().await];
    let [one, other] = processes
        .each_ref()
        .map(|process| Limits::new(Profile::Strict, Some(Arc::clone(&process.redis)), &Metrics::default()));
    limits_are_those_of_a_public_service(&one).await;
    a_refusal_says_when_to_come_back(&one).await;
    // The other finds them used up, and what both ask at the same time is counted once.
    assert!(admitted(&other, Class::Auth, Subject::Account("a@headroom.example")).await <= 1);
    let both = Subject::User(Uuid::from_u128(4));
    let began = Instant::now();
    let (by_one, by_other) =
        tokio::join!(admitted(&one, Class::Search, both), admitted(&other, Class::Search, both));
    let back = began.elapsed().as_secs() as usize / 2 + 1;
    assert!((30..=30 + back).contains(&(by_one + by_other)), "{by_one} and {by_other}");
}

#[tokio::test]
async fn in_a_cluster_the_limits_hold() {
    let rig = Rig::cluster().await;
    let process = rig.process().await;
    let limits = Limits::new(Profile::Strict, Some(Arc::clone(&process.redis)), &Metrics::default());
    limits_are_those_of_a_public_service(&limits).await;
    a_refusal_says_when_to_come_back(&limits).await;
}

#[tokio::test]
async fn while_redis_is_away_each_process_counts_for_itself_and_says_so() {
    let rig = Rig::server().await;
    let process = rig.process().await;
    let metrics = Metrics::default();
    let limits = Limits::new(Profile::Strict, Some(Arc::clone(&process.redis)), &metrics);
    process.cut();
    uses_up(&limits, Class::Auth, Subject::Address([203, 0, 113, 9].into()), 5).await;
    assert!(metrics.render().contains("rate_limits_counted_alone_total 200"), "{}", metrics.render());
}

#[test]
fn a_list_narrowed_by_a_text_is_a_search() {
    assert_eq!(class_of(Class::Listing, Some("limit=5&q=lamp")), Class::Search);
    assert_eq!(class_of(Class::Listing, Some("limit=5&q=")), Class::Listing);
    assert_eq!(class_of(Class::Listing, None), Class::Listing);
    assert_eq!(class_of(Class::General, Some("q=lamp")), Class::General);
}
