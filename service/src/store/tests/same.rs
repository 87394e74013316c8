//! The same operations give the same answers, whatever kind of database keeps the rows.

use proptest::prelude::*;
use uuid::Uuid;

use super::super::idempotency::Claim;
use super::super::preferences::{self, Preferences, Theme};
use super::super::products::{self, Product};
use super::super::sessions::{self, NewSession};
use super::super::tasks::{self, Changes, Filter, Sort, Status, Task};
use super::super::users::{self, Role, User};
use super::super::{Store, StoreError, Timestamp, bulk, favorites};
use crate::testing;

/// What can be asked. Small numbers, so that they meet each other.
#[derive(Clone, Debug)]
enum Question {
    Register { user: u8, email: u8 },
    Rename { user: u8, email: Option<u8>, name: Option<&'static str> },
    Leave { user: u8 },
    Prefer { user: u8, page_size: i64 },
    Add { user: u8, task: u8, title: &'static str, due: Option<i64>, at: i64, key: Option<u8> },
    Change { user: u8, task: u8, done: bool, due: Option<Option<i64>> },
    Remove { user: u8, task: u8 },
    List { user: u8, sort: Sort, q: Option<&'static str>, open: bool, after: Option<(i64, u8)>, limit: i64 },
    Stock { product: u8, title: &'static str, cents: i64, at: i64 },
    Price { product: u8, cents: i64 },
    Discard { product: u8 },
    Browse { q: Option<&'static str>, category: bool, most: Option<i64>, offset: i64 },
    Mark { user: u8, product: u8, at: i64 },
    Unmark { user: u8, product: u8 },
    Login { user: u8, session: u8, at: i64 },
    Rotate { old: u8, new: u8, at: i64 },
    Logout { user: u8, session: Option<u8> },
}

const TITLES: [&str; 6] = ["Lamp", "LAMP shade", "100%_sure", "Überweg", "überweg", "it's \\ fine"];
const PARTS: [&str; 6] = ["lamp", "%", "_s", "Über", "über", "\\"];

fn small() -> std::ops::Range<u8> {
    0..4
}

fn question() -> impl Strategy<Value = Question> {
    use proptest::option::of;
    use proptest::sample::select;
    let sort = || select(vec![Sort::Newest, Sort::Oldest, Sort::DueSoonest]);
    prop_oneof![
        3 => (small(), small()).prop_map(|(user, email)| Question::Register { user, email }),
        1 => (small(), of(small()), of(select(&TITLES[..])))
            .prop_map(|(user, email, name)| Question::Rename { user, email, name }),
        1 => small().prop_map(|user| Question::Leave { user }),
        1 => (small(), 1i64..100).prop_map(|(user, page_size)| Question::Prefer { user, page_size }),
        6 => (small(), 0u8..12, select(&TITLES[..]), of(0i64..9), 0i64..9, of(small()))
            .prop_map(|(user, task, title, due, at, key)| Question::Add { user, task, title, due, at, key }),
        2 => (small(), 0u8..12, any::<bool>(), of(of(0i64..9)))
            .prop_map(|(user, task, done, due)| Question::Change { user, task, done, due }),
        1 => (small(), 0u8..12).prop_map(|(user, task)| Question::Remove { user, task }),
        4 => (small(), sort(), of(select(&PARTS[..])), any::<bool>(), of((0i64..9, 0u8..12)), 1i64..6)
            .prop_map(|(user, sort, q, open, after, limit)| Question::List { user, sort, q, open, after, limit }),
        3 => (small(), select(&TITLES[..]), 0i64..5, 0i64..9)
            .prop_map(|(product, title, cents, at)| Question::Stock { product, title, cents, at }),
        1 => (small(), -1i64..5).prop_map(|(product, cents)| Question::Price { product, cents }),
        1 => small().prop_map(|product| Question::Discard { product }),
        2 => (of(select(&PARTS[..])), any::<bool>(), of(0i64..5), 0i64..3)
            .prop_map(|(q, category, most, offset)| Question::Browse { q, category, most, offset }),
        2 => (small(), small(), 0i64..9).prop_map(|(user, product, at)| Question::Mark { user, product, at }),
        1 => (small(), small()).prop_map(|(user, product)| Question::Unmark { user, product }),
        2 => (small(), 0u8..8, 0i64..9).prop_map(|(user, session, at)| Question::Login { user, session, at }),
        2 => (0u8..8, 0u8..8, 0i64..9).prop_map(|(old, new, at)| Question::Rotate { old, new, at }),
        1 => (small(), of(0u8..8)).prop_map(|(user, session)| Question::Logout { user, session }),
    ]
}

fn id(number: u8) -> Uuid {
    Uuid::from_u128(u128::from(number) + 1)
}

/// An answer as text; an error is its kind, for the words are the databases' own.
fn told<T: std::fmt::Debug>(answer: Result<T, StoreError>) -> String {
    match answer {
        Ok(answer) => format!("{answer:?}"),
        Err(StoreError::Failed(_)) => "failed".to_owned(),
        Err(error) => error.to_string(),
    }
}

async fn ask(store: &Store, question: &Question) -> String {
    let now = Timestamp(5);
    match question.clone() {
        Question::Register { user, email } => {
            let user = User {
                id: id(user),
                email: format!("{email}@headroom.example"),
                name: "Ada".to_owned(),
                role: Role::User,
                created_at: now,
                updated_at: now,
            };
            told(users::insert(store, &user, "hash", None).await)
        }
        Question::Rename { user, email, name } => {
            let email = email.map(|email| format!("{email}@headroom.example"));
            told(users::update(store, id(user), email.as_deref(), name, Timestamp(6)).await)
        }
        Question::Leave { user } => told(users::delete(store, id(user), now).await.map(|mut ended| {
            ended.sort();
            ended
        })),
        Question::Prefer { user, page_size } => {
            let wanted = Preferences { theme: Theme::Dark, page_size, ..Preferences::default() };
            let put = told(preferences::put(store, id(user), &wanted, now).await);
            put + &told(preferences::get(store, id(user)).await)
        }
        Question::Add { user, task, title, due, at, key } => {
            let task = Task {
                id: id(task),
                title: title.to_owned(),
                description: (at > 4).then(|| title.to_owned()),
                status: Status::Todo,
                priority: tasks::Priority::Low,
                due_at: due.map(Timestamp),
                created_at: Timestamp(at),
                updated_at: Timestamp(at),
            };
            let key = key.map(|key| key.to_string());
            let body_hash = [u8::from(at > 4); 32];
            let claim = key.as_deref().map(|key| Claim {
                key,
                body_hash,
                response: title.as_bytes(),
                now: Timestamp(at),
            });
            told(tasks::insert(store, id(user), &task, claim.as_ref()).await)
        }
        Question::Change { user, task, done, due } => {
            let changes = Changes {
                status: done.then_some(Status::Done),
                due_at: due.map(|due| due.map(Timestamp)),
                ..Changes::default()
            };
            told(tasks::update(store, id(user), id(task), &changes, Timestamp(7)).await)
        }
        Question::Remove { user, task } => told(tasks::delete(store, id(user), id(task)).await),
        Question::List { user, sort, q, open, after, limit } => {
            let after = after.map(|(at, task)| (at, id(task)));
            let filter = Filter { status: open.then_some(Status::Todo), q, sort, after, limit };
            let list = told(tasks::list(store, id(user), &filter).await);
            list + &told(tasks::stats(store, id(user), Timestamp(4)).await)
        }
        Question::Stock { product, title, cents, at } => {
            let product = Product {
                id: id(product),
                title: title.to_owned(),
                description: String::new(),
                category: if cents > 2 { "home" } else { "books" }.to_owned(),
                price_cents: cents,
                stock: 1,
                created_at: Timestamp(at),
                updated_at: Timestamp(at),
            };
            told(products::insert(store, id(0), &product, None).await)
        }
        Question::Price { product, cents } => {
            let changes = products::Changes { price_cents: Some(cents), ..products::Changes::default() };
            told(products::update(store, id(product), &changes, now).await)
        }
        Question::Discard { product } => told(products::delete(store, id(product)).await),
        Question::Browse { q, category, most, offset } => {
            let category = category.then_some("home");
            let filter =
                products::Filter { category, min_price_cents: None, max_price_cents: most, q, limit: 2 };
            let page = told(products::page(store, &filter, offset).await);
            page + &told(products::list(store, &filter, Some((5, id(1)))).await)
        }
        Question::Mark { user, product, at } => {
            let put = told(favorites::put(store, id(user), id(product), Timestamp(at)).await);
            put + &told(favorites::list(store, id(user), None, 3).await)
        }
        Question::Unmark { user, product } => told(favorites::delete(store, id(user), id(product)).await),
        Question::Login { user, session, at } => {
            let session = NewSession {
                id: id(session),
                user_id: id(user),
                ip: "::1",
                device: "test",
                refresh: [session; 32],
                now: Timestamp(at),
                expires_at: Timestamp(at + 5),
            };
            told(sessions::insert(store, &session, 2).await.map(sorted))
        }
        Question::Rotate { old, new, at } => told(
            sessions::rotate(store, id(old % 4), &[old; 32], &[new; 32], Timestamp(at), Timestamp(at + 5))
                .await,
        ),
        Question::Logout { user, session } => {
            let ended = sessions::revoke(store, id(user), session.map(id), now).await.map(sorted);
            told(ended) + &told(sessions::revoked(store, Timestamp(0), Timestamp(3)).await.map(sorted))
        }
    }
}

/// No order was asked for.
fn sorted(mut ended: Vec<sessions::Revoked>) -> Vec<sessions::Revoked> {
    ended.sort();
    ended
}

#[test]
fn the_same_operations_give_the_same_answers_on_both_kinds() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (sqlite, _dir) = runtime.block_on(testing::store());
    let postgres = runtime.block_on(testing::postgres_store());
    let questions = proptest::collection::vec(question(), 1..60);
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let outcome = runner.run(&questions, |questions| {
        runtime.block_on(async {
            for store in [&sqlite, &postgres] {
                bulk::clear(store).await.unwrap();
            }
            for (at, question) in questions.iter().enumerate() {
                let (one, other) = (ask(&sqlite, question).await, ask(&postgres, question).await);
                prop_assert_eq!(one, other, "question {} of {:?}", at, &questions);
            }
            Ok(())
        })
    });
    runtime.block_on(postgres.close());
    if let Err(error) = outcome {
        panic!("{error}");
    }
}
