//! Every key of the cache, how long its value lives, and what makes it stale.

use std::fmt::Write as _;
use std::time::Duration;

use uuid::Uuid;

use super::generations::Scope;
use crate::store::tasks::{Sort, Status};

/// A family of keys, as `cache_requests_total{cache}` shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum Family {
    /// `user:{user}`
    User,
    /// `tasks:{user}:{status}:{sort}:{limit}:{cursor}:{q}`
    Tasks,
    /// `task:{owner}:{id}`
    Task,
    /// `stats:{user}`
    Stats,
    /// `products:{version}:{query}`
    Products,
    /// `product:{id}:{fields}`
    Product,
    /// `favorites:{user}:{limit}:{cursor}`
    Favorites,
    /// `recommendations:{user}:{limit}`
    Recommendations,
}

impl Family {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 8] = [
        Self::User,
        Self::Tasks,
        Self::Task,
        Self::Stats,
        Self::Products,
        Self::Product,
        Self::Favorites,
        Self::Recommendations,
    ];

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
            Self::Recommendations => "recommendations",
        }
    }

    /// How long a value lives, before jitter.
    pub fn ttl(self) -> Duration {
        Duration::from_secs(match self {
            Self::User => 15 * 60,
            Self::Tasks | Self::Products => 5 * 60,
            Self::Task | Self::Product | Self::Favorites | Self::Recommendations => 10 * 60,
            Self::Stats => 60,
        })
    }
}

/// The name of a cached value, and the scopes whose generations it is good for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// Which family it belongs to.
    pub family: Family,
    /// The name within the cache. What is one user's begins with the family and `{user}`: the braces make a cluster
    /// keep it in one slot with the user's generations.
    pub name: String,
    /// The scope of one user that it shows.
    pub own: Option<Scope>,
    /// Whether it shows the catalogue.
    pub catalogue: bool,
}

fn key(family: Family, own: Option<Scope>, catalogue: bool, name: std::fmt::Arguments<'_>) -> Key {
    let mut key = Key { family, name: String::with_capacity(96), own, catalogue };
    // Writing to a string does not fail.
    let _ = key.name.write_fmt(name);
    key
}

/// The account of `id`.
pub fn user(id: Uuid) -> Key {
    key(Family::User, Some(Scope::User(id)), false, format_args!("user:{{{}}}", id.simple()))
}

/// A list of tasks. `q` comes last because it may hold any character.
pub fn tasks(
    user: Uuid,
    status: Option<Status>,
    sort: Sort,
    limit: i64,
    cursor: Option<&str>,
    q: Option<&str>,
) -> Key {
    let status = status.map_or("", Status::as_str);
    key(
        Family::Tasks,
        Some(Scope::TasksOf(user)),
        false,
        format_args!(
            "tasks:{{{}}}:{status}:{}:{limit}:{}:{}",
            user.simple(),
            sort.as_str(),
            cursor.unwrap_or(""),
            q.unwrap_or("")
        ),
    )
}

/// One task of `owner`. The owner is in the name, so that nobody else's look-up can hit.
pub fn task(owner: Uuid, id: Uuid) -> Key {
    let own = Scope::Task { owner, id };
    key(Family::Task, Some(own), false, format_args!("task:{{{}}}:{}", owner.simple(), id.simple()))
}

/// The task statistics of a user.
pub fn stats(user: Uuid) -> Key {
    key(Family::Stats, Some(Scope::TasksOf(user)), false, format_args!("stats:{{{}}}", user.simple()))
}

/// A list of products, by version of the API and the query in a fixed order of its parts.
pub fn products(version: u8, query: &str) -> Key {
    key(Family::Products, None, true, format_args!("products:v{version}:{query}"))
}

/// One product.
pub fn product(id: Uuid, fields: u8) -> Key {
    key(Family::Product, None, true, format_args!("product:{}:{fields}", id.simple()))
}

/// The favourites of a user; they show products, so that a change of the catalogue renews them too.
pub fn favorites(user: Uuid, limit: i64, cursor: Option<&str>) -> Key {
    let own = Some(Scope::FavoritesOf(user));
    let cursor = cursor.unwrap_or("");
    key(Family::Favorites, own, true, format_args!("favorites:{{{}}}:{limit}:{cursor}", user.simple()))
}

/// What is recommended to a user: renewed with the favourites that it follows from and with the catalogue, which counts as
/// changed when recommendations were made anew.
pub fn recommendations(user: Uuid, limit: i64) -> Key {
    let own = Some(Scope::FavoritesOf(user));
    key(Family::Recommendations, own, true, format_args!("recommendations:{{{}}}:{limit}", user.simple()))
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
    fn two_different_lists_never_share_a_name() {
        let user = Uuid::from_u128(1);
        let list = |status, cursor, q| tasks(user, status, Sort::Newest, 20, cursor, q);
        assert_ne!(list(None, Some("a"), Some("b")), list(None, None, Some("a:b")));
        assert_ne!(list(Some(Status::Done), None, None), list(None, None, Some("done")));
    }

    #[test]
    fn what_is_one_users_lies_in_the_slot_of_that_user_whatever_is_searched_for() {
        let user = Uuid::from_u128(1);
        let tag = format!("{{{}}}", user.simple());
        for key in [
            super::user(user),
            tasks(user, None, Sort::Newest, 20, Some("{x}"), Some("{other}")),
            task(user, Uuid::from_u128(2)),
            stats(user),
            favorites(user, 20, None),
            recommendations(user, 20),
        ] {
            let from = key.name.find('{').unwrap();
            assert!(key.name[from..].starts_with(&tag), "{}", key.name);
            assert!(key.own.unwrap().name().starts_with(&tag));
        }
        // A query in braces must not gather all lists of products in one slot, nor does it matter where they lie.
        assert!(products(2, "{a}").own.is_none());
    }
}
