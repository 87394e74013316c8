//! What a topology is to consist of, and whether that makes sense.

use anyhow::{Result, bail};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::programs::{
    self, EPMD, NGINX, NGINX_EXPORTER, POSTGRES, POSTGRES_EXPORTER, PROMETHEUS, Program, RABBITMQ, REDIS,
    REDIS_EXPORTER,
};

/// How far a deployment has grown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// One process over SQLite: nothing else to run
    Embedded,
    /// One PostgreSQL, one process
    Single,
    /// A primary and its replicas, Redis, RabbitMQ, several processes behind nginx
    Scaled,
    /// User data on shards, each a primary and its replicas; a catalogue of its own; a Redis cluster
    Sharded,
}

/// Where responses are cached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cache {
    /// Nowhere
    Off,
    /// In each process
    Local,
    /// In Redis
    Redis,
    /// In each process, in front of Redis
    Tiered,
}

/// What hands background work to the workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Queue {
    /// The table that the work is written to anyway
    Table,
    /// RabbitMQ
    Rabbitmq,
}

/// How the service's roles are shared out among processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Roles {
    /// Every API process answers everything
    All,
    /// Processes of their own for accounts, tasks, catalogue and notifications, behind nginx by path
    Split,
}

/// Made-up data to begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed {
    /// Users.
    pub users: u32,
    /// Tasks of each.
    pub tasks_per_user: u32,
    /// Products in the catalogue.
    pub products: u32,
    /// What the data is drawn from.
    pub seed: u64,
}

/// What a topology consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// How far it has grown.
    pub phase: Phase,
    /// Processes that answer requests; with split roles, of each role.
    pub api: usize,
    /// Replicas of each primary.
    pub replicas: usize,
    /// Databases that users are shared out over; 0 outside the sharded phase.
    pub shards: usize,
    /// Where responses are cached.
    pub cache: Cache,
    /// What hands work to the workers.
    pub queue: Queue,
    /// How roles are shared out.
    pub roles: Roles,
    /// Whether data must outlive a loss of power, as [`crate::PostgresOptions::durable`] says.
    pub durable: bool,
    /// Whether Prometheus asks all of it.
    pub prometheus: bool,
    /// The port to be reached on; a free one if not given.
    pub port: Option<u16>,
    /// Settings of the service that win over the topology's: `cache.policy` → `off`.
    pub settings: Vec<(String, String)>,
    /// Data to begin with.
    pub seed: Option<Seed>,
    /// Processors that the service's processes may use, as `taskset` takes them.
    pub cpus: Option<String>,
}

/// More processes than this are a typing mistake.
const MOST: usize = 32;

impl Plan {
    /// The usual one of a phase.
    pub fn of(phase: Phase) -> Self {
        use Phase::{Embedded, Scaled, Sharded, Single};
        let (api, replicas, shards) = match phase {
            Embedded | Single => (1, 0, 0),
            Scaled => (3, 2, 0),
            Sharded => (3, 1, 3),
        };
        let grown = matches!(phase, Scaled | Sharded);
        Self {
            phase,
            api,
            replicas,
            shards,
            cache: if grown { Cache::Tiered } else { Cache::Local },
            queue: if grown { Queue::Rabbitmq } else { Queue::Table },
            roles: Roles::All,
            durable: false,
            prometheus: false,
            port: None,
            settings: Vec::new(),
            seed: None,
            cpus: None,
        }
    }

    /// The same with a setting of the service, such as `limits.profile` = `off`.
    #[must_use]
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.settings.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Whether several processes answer requests, which must then agree on limits, ended sessions and cached responses.
    pub fn several(&self) -> bool {
        self.api > 1 || self.roles == Roles::Split
    }

    /// Whether Redis is part of it.
    pub fn redis(&self) -> bool {
        self.several() || matches!(self.cache, Cache::Redis | Cache::Tiered)
    }

    /// Whether background work has a process of its own; else the only process does it, too.
    pub fn worker(&self) -> bool {
        self.several()
    }

    /// Refuses what cannot be or would not work as one expects.
    ///
    /// # Errors
    /// One message that says what would be right.
    pub fn check(&self) -> Result<()> {
        if self.phase == Phase::Embedded && (self.several() || self.replicas > 0) {
            bail!("embedded is one process over one SQLite file; take `single` or `scaled` for more");
        }
        if (self.phase == Phase::Sharded) != (self.shards > 0) {
            bail!("--shards is for `sharded`, which needs at least one");
        }
        for (what, count) in [("--api", self.api), ("--replicas", self.replicas), ("--shards", self.shards)] {
            if count > MOST {
                bail!("{what} {count} is too many for one machine; at most {MOST}");
            }
        }
        if self.api == 0 {
            bail!("--api must be at least 1");
        }
        if self.several() && self.cache == Cache::Local {
            bail!(
                "several processes with nothing but a cache of their own would not see each other's writes; \
                 take --cache tiered, redis or off"
            );
        }
        Ok(())
    }

    /// Makes sure that every program it needs is installed.
    ///
    /// # Errors
    /// One message with all that are missing and how to install them.
    pub fn check_programs(&self) -> Result<()> {
        let postgres = self.phase != Phase::Embedded;
        let needed = [
            (postgres, POSTGRES),
            (self.redis(), REDIS),
            (self.queue == Queue::Rabbitmq, RABBITMQ),
            (self.queue == Queue::Rabbitmq, EPMD),
            (self.several(), NGINX),
            (self.prometheus, PROMETHEUS),
            (self.prometheus && postgres, POSTGRES_EXPORTER),
            (self.prometheus && self.redis(), REDIS_EXPORTER),
            (self.prometheus && self.several(), NGINX_EXPORTER),
        ];
        let needed: Vec<Program> = needed.into_iter().filter(|(is, _)| *is).map(|(_, it)| it).collect();
        programs::require(&needed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_plan_of_every_phase_is_accepted() {
        for phase in Phase::value_variants() {
            Plan::of(*phase).check().unwrap();
        }
    }

    #[test]
    fn what_would_not_work_is_refused_with_what_would() {
        let changed = |phase, change: fn(&mut Plan)| {
            let mut plan = Plan::of(phase);
            change(&mut plan);
            plan.check().unwrap_err().to_string()
        };
        for (said, part) in [
            (changed(Phase::Embedded, |it| it.api = 2), "one SQLite file"),
            (changed(Phase::Single, |it| it.shards = 2), "`sharded`"),
            (changed(Phase::Sharded, |it| it.shards = 0), "`sharded`"),
            (changed(Phase::Single, |it| it.api = 2), "--cache tiered"),
            (changed(Phase::Scaled, |it| it.api = 0), "at least 1"),
            (changed(Phase::Scaled, |it| it.replicas = 99), "at most 32"),
        ] {
            assert!(said.contains(part), "{part} in {said}");
        }
    }
}
