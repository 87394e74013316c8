//! Accounts and what belongs to them, over two databases: sessions, keys, resets, roles, preferences, the list of all.

use super::*;
use crate::store::jobs::{self, NewJob, Work};
use crate::store::preferences::{self, Preferences, Theme};
use crate::store::sessions::{self, NewSession, Rotation};
use crate::store::{api_keys, favorites, idempotency, notifications, outbox, password_resets, roles};

/// Users numbered from 1 on, some on each of the two shards.
async fn spread(store: &Store, count: u128) -> Vec<Uuid> {
    let mut all = Vec::new();
    for number in 1..=count {
        all.push(user(store, number).await);
    }
    let held = counts(store, "SELECT COUNT(*) FROM users").await;
    assert!(held.len() == 2 && held.iter().all(|count| *count > 0), "{held:?}");
    all
}

fn token(number: u128, which: u8) -> sessions::TokenHash {
    let mut token = [which; 32];
    token[..16].copy_from_slice(&number.to_le_bytes());
    token
}

async fn log_in(store: &Store, user: Uuid, number: u128, at: i64, most: u32) -> Vec<sessions::Revoked> {
    let session = NewSession {
        id: Uuid::from_u128(number),
        user_id: user,
        ip: "::1",
        device: "it's \\ a \"device\"\n",
        refresh: token(number, 0),
        now: Timestamp(at),
        expires_at: Timestamp(at + 1000),
    };
    sessions::insert(store, &session, most).await.unwrap()
}

async fn live(store: &Store, user: Uuid, at: i64) -> Vec<u128> {
    let list = sessions::list(store, user, Timestamp(at)).await.unwrap();
    list.iter().map(|session| session.id.as_u128()).collect()
}

#[tokio::test]
async fn sessions_are_each_users_own_wherever_the_user_is_and_ended_ones_are_known_from_everywhere() {
    let store = testing::sharded_store(2).await;
    let all = spread(&store, 8).await;
    let mut ended = Vec::new();
    for (user, base) in all.iter().zip((100u128..).step_by(10)) {
        for number in 0..4 {
            ended.extend(log_in(&store, *user, base + number, i64::try_from(number).unwrap() + 1, 3).await);
        }
        assert_eq!(
            live(&store, *user, 5).await,
            [base + 3, base + 2, base + 1],
            "the oldest went, newest first"
        );
        ended.extend(
            sessions::revoke(&store, *user, Some(Uuid::from_u128(base + 2)), Timestamp(6)).await.unwrap(),
        );
        assert_eq!(live(&store, *user, 7).await, [base + 3, base + 1]);
    }
    let stolen = Uuid::from_u128(101);
    assert_eq!(sessions::revoke(&store, all[1], Some(stolen), Timestamp(6)).await.unwrap(), [], "another's");
    let mut known = sessions::revoked(&store, Timestamp(0), Timestamp(7)).await.unwrap();
    known.sort();
    ended.sort();
    assert_eq!((known.len(), known), (16, ended));
    // Whoever was told a user's token without the user's name finds out whose it is.
    for (user, base) in all.iter().zip((100u128..).step_by(10)) {
        assert_eq!(sessions::owner(&store, &token(base + 1, 0)).await.unwrap(), Some(*user));
        let (old, new) = (token(base + 1, 0), token(base + 1, 1));
        let rotated =
            sessions::rotate(&store, *user, &old, &new, Timestamp(8), Timestamp(2000)).await.unwrap();
        let session_id = Uuid::from_u128(base + 1);
        assert_eq!(rotated, Rotation::Rotated { session_id, user_id: *user, role: Role::User });
        let again =
            sessions::rotate(&store, *user, &old, &token(1, 9), Timestamp(9), Timestamp(2000)).await.unwrap();
        assert!(matches!(again, Rotation::Replayed((id, _)) if id == session_id), "{again:?}");
        assert_eq!(live(&store, *user, 9).await, [base + 3]);
    }
    assert_eq!(sessions::owner(&store, &token(1, 9)).await.unwrap(), None);
    assert_eq!(sessions::forget_expired(&store, Timestamp(1003)).await.unwrap(), 8 * 2);
    let left = counts(&store, "SELECT COUNT(*) FROM sessions").await;
    assert_eq!(left.iter().sum::<i64>(), 8 * 2, "one that is live, one that was extended: {left:?}");
    store.close().await;
}

fn key(number: u128, at: i64) -> api_keys::ApiKey {
    api_keys::ApiKey {
        id: Uuid::from_u128(number),
        name: format!("Key {number}"),
        prefix: format!("hak_{number}"),
        created_at: Timestamp(at),
        last_used_at: None,
    }
}

#[tokio::test]
async fn api_keys_are_found_by_their_users_and_by_nobody_else() {
    let store = testing::sharded_store(2).await;
    let all = spread(&store, 6).await;
    for (user, base) in all.iter().zip((100u128..).step_by(10)) {
        for number in base..base + 3 {
            let stored =
                api_keys::insert(&store, *user, &key(number, 1), &token(number, 0), 2).await.unwrap();
            assert_eq!(stored, number < base + 2, "two are the most");
        }
        api_keys::note_use(&store, *user, Uuid::from_u128(base), Timestamp(7)).await.unwrap();
    }
    for (at, (user, base)) in all.iter().zip((100u128..).step_by(10)).enumerate() {
        let found = api_keys::find(&store, *user, &token(base, 0)).await.unwrap();
        assert_eq!(found, Some((Uuid::from_u128(base), Some(Timestamp(7)))));
        let other = all[(at + 1) % all.len()];
        assert_eq!(api_keys::find(&store, other, &token(base, 0)).await.unwrap(), None);
        assert!(!api_keys::delete(&store, other, Uuid::from_u128(base)).await.unwrap());
        let listed = api_keys::list(&store, *user, Some("hak_")).await.unwrap();
        assert_eq!(listed.iter().map(|key| key.id.as_u128()).collect::<Vec<_>>(), [base + 1, base]);
        assert!(api_keys::delete(&store, *user, Uuid::from_u128(base)).await.unwrap());
        assert_eq!(api_keys::list(&store, *user, None).await.unwrap(), [key(base + 1, 1)]);
    }
    let nobody = Uuid::from_u128(404);
    let refused = api_keys::insert(&store, nobody, &key(1, 1), &token(1, 1), 2).await;
    assert!(matches!(refused, Err(StoreError::Dangling)), "{refused:?}");
    store.close().await;
}

async fn ask_for_reset(store: &Store, user: Uuid, number: u128, expires: i64) {
    let work = Work::PasswordResetMail { reset_id: Uuid::from_u128(number) };
    let mail = NewJob { id: Uuid::from_u128(number), user_id: user, work, now: Timestamp(1) };
    password_resets::insert(store, &token(number, 0), Timestamp(expires), &mail).await.unwrap();
}

#[tokio::test]
async fn a_password_is_reset_where_the_user_is_and_every_session_ends_there() {
    let store = testing::sharded_store(2).await;
    let all = spread(&store, 6).await;
    for (at, (user, base)) in all.iter().zip((100u128..).step_by(10)).enumerate() {
        log_in(&store, *user, base, 1, 5).await;
        ask_for_reset(&store, *user, base, 50).await;
        ask_for_reset(&store, *user, base + 1, 50).await;
        ask_for_reset(&store, *user, base + 2, 10).await;
        assert!(
            jobs::get(&store, *user, Uuid::from_u128(base)).await.unwrap().is_some(),
            "the mail is on its way"
        );
        let other = all[(at + 1) % all.len()];
        assert!(!password_resets::is_live(&store, other, &token(base, 0), Timestamp(5)).await.unwrap());
        let redeem = async |user, number, now| {
            password_resets::redeem(&store, user, &token(number, 0), "new", Timestamp(now)).await.unwrap()
        };
        assert_eq!(redeem(other, base, 5).await, None, "another's");
        assert_eq!(redeem(*user, base + 2, 11).await, None, "too late");
        let ended = redeem(*user, base, 11).await.unwrap();
        assert_eq!(ended, [(Uuid::from_u128(base), Timestamp(1001))]);
        assert_eq!(redeem(*user, base, 12).await, None, "once");
        assert_eq!(redeem(*user, base + 1, 12).await, None, "the others are of no use any more");
        let email = format!("{}@headroom.example", at + 1);
        assert_eq!(users::credentials(&store, &email).await.unwrap().unwrap().password_hash, "new");
    }
    assert_eq!(password_resets::forget_expired(&store, Timestamp(10)).await.unwrap(), 6);
    assert_eq!(password_resets::forget_expired(&store, Timestamp(50)).await.unwrap(), 12);
    store.close().await;
}

/// Every page of the list of all accounts, in pages of `limit`; before each further page somebody registers.
async fn pages(store: &Store, email: Option<&str>, limit: i64, from: u128) -> Vec<User> {
    let (mut seen, mut after, mut next) = (Vec::new(), None, from);
    loop {
        let page = roles::page(store, email, after, limit).await.unwrap();
        assert!(page.len() as i64 <= limit);
        let Some(last) = page.last() else { return seen };
        after = Some((last.created_at.0, last.id));
        seen.extend(page);
        if next < from + 3 {
            let new = account(next, &format!("new{next}@headroom.example"), 1000);
            users::insert(store, &new, "", None).await.unwrap();
            next += 1;
        }
    }
}

#[tokio::test]
async fn an_admin_walks_all_accounts_of_all_databases_in_order_none_missing_and_none_twice() {
    let store = testing::sharded_store(2).await;
    let mut all = Vec::new();
    for number in 1..=40u128 {
        // Many of the same time, so that the ids decide across databases.
        let new = account(
            number,
            &format!("{}{number}@headroom.example", ["a", "b"][number as usize % 2]),
            number as i64 / 9,
        );
        users::insert(&store, &new, "", None).await.unwrap();
        all.push(new);
    }
    let held = counts(&store, "SELECT COUNT(*) FROM users").await;
    assert!(held.iter().all(|count| *count > 5), "{held:?}");
    all.sort_by_key(|user| std::cmp::Reverse((user.created_at, user.id)));
    for (limit, from) in [(1, 1000), (2, 2000), (3, 3000), (7, 4000), (39, 5000), (40, 6000), (100, 7000)] {
        let old = |user: &User| user.id.as_u128() <= 40;
        let seen: Vec<User> = pages(&store, None, limit, from).await.into_iter().filter(old).collect();
        assert_eq!(seen, all, "in pages of {limit}");
        let some: Vec<User> = all.iter().filter(|user| user.email.starts_with('b')).cloned().collect();
        assert_eq!(pages(&store, Some("b"), limit, from + 500).await, some, "of some, in pages of {limit}");
    }
    store.close().await;
}

#[tokio::test]
async fn a_role_and_preferences_are_kept_where_the_user_is() {
    let store = testing::sharded_store(2).await;
    let nobody = Uuid::from_u128(404);
    for (user, base) in spread(&store, 6).await.into_iter().zip((100u128..).step_by(10)) {
        log_in(&store, user, base, 1, 5).await;
        let (changed, ended) = roles::set(&store, user, Role::Admin, Timestamp(2)).await.unwrap().unwrap();
        assert_eq!((changed.id, changed.role, ended.len()), (user, Role::Admin, 1));
        let (same, ended) = roles::set(&store, user, Role::Admin, Timestamp(3)).await.unwrap().unwrap();
        assert_eq!((same, ended.len()), (changed, 0), "nothing changed");
        assert_eq!(preferences::get(&store, user).await.unwrap(), Preferences::default());
        let wanted = Preferences { theme: Theme::Dark, page_size: 7, ..Preferences::default() };
        preferences::put(&store, user, &wanted, Timestamp(2)).await.unwrap();
        assert_eq!(preferences::get(&store, user).await.unwrap(), wanted);
    }
    assert_eq!(roles::set(&store, nobody, Role::Admin, Timestamp(2)).await.unwrap(), None);
    let refused = preferences::put(&store, nobody, &Preferences::default(), Timestamp(2)).await;
    assert!(matches!(refused, Err(StoreError::Dangling)), "{refused:?}");
    store.close().await;
}

/// A product and one row of every kind for a user, with texts and bytes that could be mistaken.
async fn furnish(store: &Store, me: Uuid, number: u128) {
    let product = testing::product(number);
    crate::store::products::insert(store, me, &product, None).await.unwrap();
    favorites::put(store, me, product.id, Timestamp(number as i64)).await.unwrap();
    let wanted =
        Preferences { theme: Theme::Dark, page_size: 1 + number as i64 % 50, ..Preferences::default() };
    preferences::put(store, me, &wanted, Timestamp(2)).await.unwrap();
    log_in(store, me, number, 1, 9).await;
    api_keys::insert(store, me, &key(number, i64::MAX), &token(number, 0xff), 9).await.unwrap();
    ask_for_reset(store, me, number, 500).await;
    let due = Task {
        due_at: Some(Timestamp(40)),
        title: "\"quoted\" \u{1F4A1} {tab}\t\\n".to_owned(),
        ..task(number)
    };
    let claim = idempotency::Claim {
        key: &number.to_string(),
        body_hash: token(number, 0),
        response: b"\x00\xff'\\",
        now: Timestamp(5),
    };
    tasks::insert(store, me, &due, Some(&claim)).await.unwrap();
    let export = Work::ExportTasks { format: jobs::ExportFormat::Csv };
    let export = NewJob { id: Uuid::from_u128(number + 1), user_id: me, work: export, now: Timestamp(6) };
    outbox::append(store, &export, None).await.unwrap();
    for db in store.everywhere() {
        notifications::remind(store, db, Timestamp(1), Timestamp(50), 100, crate::clock::new_id)
            .await
            .unwrap();
    }
}

/// What a database has of a user, row by row, as text.
async fn rows(store: &Store, shard: u16, me: Uuid) -> Vec<String> {
    let db = sharding(store).databases().get(usize::from(shard)).unwrap();
    let pool = cluster(db).primary_pool().unwrap();
    let mut all = Vec::new();
    for table in TABLES {
        let whose = format!("'{{{me}}}'::uuid[]");
        let sql = format!(
            "SELECT '{} ' || t::text FROM {} ORDER BY 1",
            table.name,
            table.rows_of("public", &whose)
        );
        let some: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_all(&pool).await.unwrap();
        assert!(!some.is_empty(), "nothing in {}", table.name);
        all.extend(some);
    }
    all
}

#[tokio::test]
async fn rows_of_every_table_arrive_whole_those_copied_before_and_those_that_changed_meanwhile() {
    let (here, there) = two(2).await;
    let me = user(&here, 1).await;
    furnish(&here, me, 100).await;
    let (mut halfway, bucket, to) = copied(&here, me).await;
    // The copies do not know of any of this.
    furnish(&there, me, 200).await;
    users::update(&there, me, Some("new@headroom.example"), Some("New"), Timestamp(8)).await.unwrap();
    tasks::delete(&there, me, Uuid::from_u128(100)).await.unwrap();
    favorites::delete(&there, me, Uuid::from_u128(100)).await.unwrap();
    sessions::revoke(&there, me, Some(Uuid::from_u128(100)), Timestamp(9)).await.unwrap();
    let before = rows(&here, 1 - to, me).await;
    halfway.leave_only().await.unwrap();
    // The copies alone: whoever comes opens the bucket from them, which has to be the same.
    drop(halfway);
    assert_eq!(seen(&here, me).await, 1);
    assert_eq!(rows(&here, to, me).await, before);
    let mut mover = sharding(&here).mover().await.unwrap();
    mover.shift(bucket, to, Instant::now()).await.unwrap();
    // And back, by a mover that lives.
    assert!(matches!(shift(&there, me).await, Outcome::Moved(_)));
    assert_eq!(rows(&here, 1 - to, me).await, before);
    here.close().await;
    there.close().await;
}
