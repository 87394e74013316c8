//! Made-up users with their tasks and favourites.

use rand::RngExt as _;
use rand::rngs::ChaCha12Rng;
use rand::seq::IndexedRandom as _;
use uuid::Uuid;

use super::{DOMAIN, EPOCH_US, id_at};
use crate::store::Timestamp;
use crate::store::tasks::{Priority, Status, Task};
use crate::store::users::{Role, User};

const FIRST_NAMES: [&str; 16] = [
    "Ada", "Alan", "Barbara", "Claude", "Dennis", "Edsger", "Frances", "Grace", "Hedy", "Ivan", "Joan",
    "Ken", "Lynn", "Margaret", "Niklaus", "Radia",
];
const VERBS: [&str; 12] = [
    "Book",
    "Call about",
    "Check",
    "Clean",
    "Compare",
    "Draft",
    "Finish",
    "Order",
    "Plan",
    "Repair",
    "Review",
    "Sort",
];
const THINGS: [&str; 16] = [
    "the annual report",
    "the bicycle",
    "the budget",
    "the contract",
    "the dentist",
    "the flights",
    "the garden",
    "the guest list",
    "the insurance",
    "the invoices",
    "the kitchen",
    "the presentation",
    "the release notes",
    "the rental car",
    "the tax return",
    "the website",
];
const DAY_US: i64 = 24 * 3600 * 1_000_000;

/// User number `number`.
pub fn user(rng: &mut ChaCha12Rng, number: u32) -> User {
    let name = FIRST_NAMES.choose(rng).copied().unwrap_or_default();
    account(rng, format!("user{number:06}@{DOMAIN}"), format!("{name} {number}"), Role::User)
}

/// The admin.
pub fn admin(rng: &mut ChaCha12Rng) -> User {
    account(rng, format!("admin@{DOMAIN}"), "Admin".to_owned(), Role::Admin)
}

fn account(rng: &mut ChaCha12Rng, email: String, name: String, role: Role) -> User {
    let at = Timestamp(EPOCH_US - rng.random_range(90 * DAY_US..365 * DAY_US));
    User { id: id_at(rng, at), email, name, role, created_at: at, updated_at: at }
}

/// `count` tasks of `user`, made over the last ninety days of the made-up past.
pub fn tasks(rng: &mut ChaCha12Rng, user: Uuid, count: u32) -> Vec<(Uuid, Task)> {
    (0..count)
        .map(|_| {
            let at = Timestamp(EPOCH_US - rng.random_range(0..90 * DAY_US));
            let verb = VERBS.choose(rng).copied().unwrap_or_default();
            let thing = THINGS.choose(rng).copied().unwrap_or_default();
            let status = match rng.random_range(0..10) {
                0..5 => Status::Todo,
                5..7 => Status::InProgress,
                _ => Status::Done,
            };
            let priority = match rng.random_range(0..10) {
                0..3 => Priority::Low,
                3..8 => Priority::Medium,
                _ => Priority::High,
            };
            let described = rng.random_bool(0.5);
            let due = rng.random_bool(0.6);
            let due_us = rng.random_range(-30 * DAY_US..60 * DAY_US);
            let task = Task {
                id: id_at(rng, at),
                title: format!("{verb} {thing}"),
                description: described
                    .then(|| format!("{verb} {thing} before anybody asks, and note the outcome.")),
                status,
                priority,
                due_at: due.then_some(Timestamp(EPOCH_US + due_us)),
                created_at: at,
                updated_at: at,
            };
            (user, task)
        })
        .collect()
}

/// Up to `count` different products that `user` marked.
pub fn favorites(
    rng: &mut ChaCha12Rng,
    user: Uuid,
    products: &[Uuid],
    count: u32,
) -> Vec<(Uuid, Uuid, Timestamp)> {
    let marked: Vec<Uuid> = products.sample(rng, count as usize).copied().collect();
    marked
        .into_iter()
        .map(|product| (user, product, Timestamp(EPOCH_US - rng.random_range(0..30 * DAY_US))))
        .collect()
}
