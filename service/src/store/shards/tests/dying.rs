//! Movers that die, or find that something is wrong: the bucket is whole, wherever it is.

use super::*;

#[tokio::test]
async fn a_mover_that_dies_between_the_two_commits_leaves_a_bucket_that_anybody_opens() {
    let (here, there) = two(2).await;
    let me = user(&here, 1).await;
    add(&here, me, 10).await;
    let (mut halfway, bucket, to) = copied(&here, me).await;
    halfway.leave_only().await.unwrap();
    drop(halfway);
    // Two processes come at the same time.
    let (a, b) = tokio::join!(seen(&here, me), seen(&there, me));
    assert_eq!((a, b), (1, 1));
    add(&there, me, 11).await;
    assert_eq!(seen(&here, me).await, 2);
    let mut mover = sharding(&here).mover().await.unwrap();
    let again = mover.shift(bucket, to, Instant::now()).await.unwrap();
    assert!(matches!(again, Outcome::There { .. }), "{again:?}");
    assert_eq!(counts(&here, "SELECT COUNT(*) FROM tasks").await.iter().sum::<i64>(), 2);
    here.close().await;
    there.close().await;
}

#[tokio::test]
async fn a_mover_that_dies_between_the_two_commits_is_finished_by_the_next_one_too() {
    let (here, there) = two(2).await;
    let me = user(&here, 1).await;
    add(&here, me, 10).await;
    let (mut halfway, bucket, to) = copied(&here, me).await;
    halfway.leave_only().await.unwrap();
    drop(halfway);
    let mut mover = sharding(&here).mover().await.unwrap();
    let again = mover.shift(bucket, to, Instant::now()).await.unwrap();
    assert_eq!(again, Outcome::There { finished: true });
    assert_eq!(seen(&there, me).await, 1);
    here.close().await;
    there.close().await;
}

#[tokio::test]
async fn a_mover_that_dies_before_leaves_the_bucket_where_it_was() {
    let (here, there) = two(2).await;
    let me = user(&here, 1).await;
    add(&here, me, 10).await;
    let (halfway, bucket, to) = copied(&here, me).await;
    drop(halfway);
    add(&there, me, 11).await;
    assert_eq!(seen(&here, me).await, 2);
    let mut mover = sharding(&here).mover().await.unwrap();
    assert_eq!(mover.cancel([bucket].into_iter()).await.unwrap(), 1);
    assert_eq!(seen(&here, me).await, 2);
    let leaves = mover.announce([(bucket, to)].into_iter()).await.unwrap();
    let moved = mover.shift(bucket, to, leaves).await.unwrap();
    assert!(matches!(moved, Outcome::Moved(_)));
    assert_eq!(seen(&there, me).await, 2);
    here.close().await;
    there.close().await;
}

#[tokio::test]
async fn a_mover_that_dies_while_rows_arrive_shows_nobody_any_of_them() {
    let (here, there) = two(2).await;
    let me = user(&here, 1).await;
    add(&here, me, 10).await;
    let (mut halfway, bucket, to) = copied(&here, me).await;
    halfway.arrive_only().await.unwrap();
    add(&there, me, 11).await;
    let mut shown = counts(&here, "SELECT COUNT(*) FROM users").await;
    shown.sort_unstable();
    assert_eq!(shown, [0, 1], "two databases never show the same user");
    drop(halfway);
    let mut mover = sharding(&there).mover().await.unwrap();
    let leaves = mover.announce([(bucket, to)].into_iter()).await.unwrap();
    assert!(matches!(mover.shift(bucket, to, leaves).await.unwrap(), Outcome::Moved(_)));
    assert_eq!(seen(&here, me).await, 2);
    here.close().await;
    there.close().await;
}

#[tokio::test]
async fn a_copy_that_is_not_the_same_never_takes_over() {
    let (here, there) = two(2).await;
    let me = user(&here, 1).await;
    add(&here, me, 10).await;
    let (mut halfway, bucket, to) = copied(&here, me).await;
    let spoil = format!("UPDATE arriving_{bucket}.tasks SET title = title || '?'");
    let target = cluster(sharding(&here).databases().get(usize::from(to)).unwrap());
    sqlx::query(sqlx::AssertSqlSafe(spoil)).execute(&target.primary_pool().unwrap()).await.unwrap();
    let refused = halfway.leave_only().await.unwrap_err().to_string();
    assert!(refused.contains("of tasks the source has 1 rows with checksum"), "{refused}");
    drop(halfway);
    assert_eq!(tasks::get(&there, me, Uuid::from_u128(10)).await.unwrap(), Some(task(10)));
    add(&here, me, 11).await;
    here.close().await;
    there.close().await;
}
