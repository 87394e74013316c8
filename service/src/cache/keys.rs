//! Every key of the cache and how long its value lives. The generation keeps values of before a write out of reach.

use std::fmt::Write as _;
use std::time::Duration;

use uuid::Uuid;

use super::generations::{Generations, Scope};
use crate::store::tasks::{Sort, Status};

/// A family of keys, as `cache_requests_total{cache}` shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum Family {
    /// `user:{id}`
    User,
    /// `tasks:{user}:{gen}:{status}:{sort}:{limit}:{cursor}:{q}`
    Tasks,
    /// `task:{id}:{owner}`
    Task,
    /// `stats:{user}`
    Stats,
    /// `products:{gen}:{query}`
    Products,
    /// `product:{id}`
    Product,
    /// `favorites:{user}:{limit}:{cursor}`
    Favorites,
}

impl Family {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 7] =
        [Self::User, Self::Tasks, Self::Task, Self::Stats, Self::Products, Self::Product, Self::Favorites];

    /// The name that metrics show.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Tasks => "tasks",
            Self::Task => "task",
            Self::Stats => "stats",
            Self::Products => "products",
            Self::Product => "product",
            Self::Favorites => "favorites",
        }
    }

    /// How long a value lives, before jitter.
    pub fn ttl(self) -> Duration {
        Duration::from_secs(match self {
            Self::User => 15 * 60,
            Self::Tasks | Self::Products => 5 * 60,
            Self::Task | Self::Product | Self::Favorites => 10 * 60,
            Self::Stats => 60,
        })
    }
}

/// The name of a cached value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// Which family it belongs to.
    pub family: Family,
    /// The name within the cache.
    pub text: String,
}

fn key(family: Family, text: std::fmt::Arguments<'_>) -> Key {
    let mut key = Key { family, text: String::with_capacity(96) };
    // Writing to a string does not fail.
    let _ = key.text.write_fmt(text);
    key
}

/// The account of `id`.
pub fn user(generations: &Generations, id: Uuid) -> Key {
    let generation = generations.current(Scope::User(id));
    key(Family::User, format_args!("user:{}:{generation}", id.simple()))
}

/// A list of tasks. `q` comes last because it may hold any character.
pub fn tasks(
    generations: &Generations,
    user: Uuid,
    status: Option<Status>,
    sort: Sort,
    limit: i64,
    cursor: Option<&str>,
    q: Option<&str>,
) -> Key {
    let generation = generations.current(Scope::TasksOf(user));
    let status = status.map_or("", Status::as_str);
    key(
        Family::Tasks,
        format_args!(
            "tasks:{}:{generation}:{status}:{}:{limit}:{}:{}",
            user.simple(),
            sort.as_str(),
            cursor.unwrap_or(""),
            q.unwrap_or("")
        ),
    )
}

/// One task of `owner`. The owner is in the name, so that nobody else's look-up can hit.
pub fn task(generations: &Generations, owner: Uuid, id: Uuid) -> Key {
    task_at(generations.current(Scope::Task(id)), owner, id)
}

/// One task of `owner` at a known generation, for write-through.
pub fn task_at(generation: u64, owner: Uuid, id: Uuid) -> Key {
    key(Family::Task, format_args!("task:{}:{}:{generation}", id.simple(), owner.simple()))
}

/// The task statistics of a user.
pub fn stats(generations: &Generations, user: Uuid) -> Key {
    let generation = generations.current(Scope::TasksOf(user));
    key(Family::Stats, format_args!("stats:{}:{generation}", user.simple()))
}

/// A list of products, by version of the API and the query in a fixed order of its parts.
pub fn products(generations: &Generations, version: u8, query: &str) -> Key {
    let generation = generations.current(Scope::Products);
    key(Family::Products, format_args!("products:{generation}:v{version}:{query}"))
}

/// One product.
pub fn product(generations: &Generations, id: Uuid, fields: u8) -> Key {
    let generation = generations.current(Scope::Products);
    key(Family::Product, format_args!("product:{}:{generation}:{fields}", id.simple()))
}

/// The favourites of a user; they show products, so that a change of the catalogue renews them too.
pub fn favorites(generations: &Generations, user: Uuid, limit: i64, cursor: Option<&str>) -> Key {
    let own = generations.current(Scope::FavoritesOf(user));
    let catalogue = generations.current(Scope::Products);
    key(
        Family::Favorites,
        format_args!("favorites:{}:{own}:{catalogue}:{limit}:{}", user.simple(), cursor.unwrap_or("")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_the_families_are_their_places_in_the_list() {
        for (at, family) in Family::ALL.into_iter().enumerate() {
            assert_eq!(family as usize, at);
        }
    }

    #[test]
    fn a_task_write_changes_the_names_of_the_lists_and_statistics_of_its_user_only() {
        let generations = Generations::default();
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let names =
            |user| (tasks(&generations, user, None, Sort::Newest, 20, None, None), stats(&generations, user));
        let (before, others) = (names(one), names(other));
        generations.bump(Scope::TasksOf(one));
        assert_ne!(names(one).0, before.0);
        assert_ne!(names(one).1, before.1);
        // The two may share a counter, one time in 65,536; then they are renewed together.
        if generations.current(Scope::TasksOf(other)) == 0 {
            assert_eq!(names(other), others);
        }
    }

    #[test]
    fn two_different_lists_never_share_a_name() {
        let generations = Generations::default();
        let user = Uuid::from_u128(1);
        let list = |status, cursor, q| tasks(&generations, user, status, Sort::Newest, 20, cursor, q);
        assert_ne!(list(None, Some("a"), Some("b")), list(None, None, Some("a:b")));
        assert_ne!(list(Some(Status::Done), None, None), list(None, None, Some("done")));
    }
}
