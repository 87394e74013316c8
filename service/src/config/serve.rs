//! `[serve]`: which part of the service a process is.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};

use super::choice::choice;
use super::list::list;

/// Which part of the service a process is.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServeConfig {
    /// `all`, or some of `auth`, `users`, `tasks`, `catalog`, `notifications`, `worker`. Probes, metrics and the
    /// description are there in every role.
    pub roles: Roles,
}

/// A part of the service that can be a process of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Registering, logging in, sessions, keys.
    Auth,
    /// Accounts and preferences, and what admins do with accounts.
    Users,
    /// Tasks and what is made of them.
    Tasks,
    /// Products, favourites, search, events.
    Catalog,
    /// Notifications.
    Notifications,
    /// Background work: no routes of its own.
    Worker,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Auth, Self::Users, Self::Tasks, Self::Catalog, Self::Notifications, Self::Worker];

    /// As written in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Users => "users",
            Self::Tasks => "tasks",
            Self::Catalog => "catalog",
            Self::Notifications => "notifications",
            Self::Worker => "worker",
        }
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        choice(text, &Self::ALL.map(|role| (role.as_str(), role)))
    }
}

/// The roles of one process: at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roles(BTreeSet<Role>);

impl Roles {
    /// Whether `role` is among them.
    pub fn has(&self, role: Role) -> bool {
        self.0.contains(&role)
    }

    /// That role alone.
    #[cfg(test)]
    pub fn only(role: Role) -> Self {
        Self(BTreeSet::from([role]))
    }
}

impl Default for Roles {
    fn default() -> Self {
        Self(BTreeSet::from(Role::ALL))
    }
}

/// `all`, or roles with commas between.
impl FromStr for Roles {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let words = || text.split(',').map(str::trim).filter(|word| !word.is_empty());
        if words().eq(["all"]) {
            return Ok(Self::default());
        }
        let roles = words().map(str::parse).collect::<Result<BTreeSet<Role>, String>>();
        match roles {
            Ok(roles) if !roles.is_empty() => Ok(Self(roles)),
            Ok(_) => Err("it names no role; expected all, or some of the roles".to_owned()),
            Err(error) => Err(format!("{error}, or all alone")),
        }
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::default() {
            return f.write_str("all");
        }
        let words: Vec<&str> = self.0.iter().map(|role| role.as_str()).collect();
        f.write_str(&words.join(","))
    }
}

impl Serialize for Roles {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Roles {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let words: Vec<String> = list(deserializer)?;
        words.join(",").parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_read_as_they_are_written() {
        for text in ["all", "auth,users", "tasks", "worker"] {
            assert_eq!(text.parse::<Roles>().unwrap().to_string(), text);
        }
        let two: Roles = " users , auth ".parse().unwrap();
        assert!(two.has(Role::Auth) && two.has(Role::Users) && !two.has(Role::Worker));
    }

    #[test]
    fn a_role_that_does_not_exist_is_answered_with_those_that_do() {
        let error = "auth,gateway".parse::<Roles>().unwrap_err();
        assert!(error.contains("`gateway`") && error.contains("notifications"), "{error}");
        for text in ["", ",", "all,tasks"] {
            assert!(text.parse::<Roles>().is_err(), "{text}");
        }
    }
}
