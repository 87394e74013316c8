//! `[database]`: where the data lives.

use serde::{Deserialize, Serialize};

use super::choice::choice;
use super::list::list;
use super::{ConfigError, SecretUrl, ShardUrls, within};

/// The store.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseConfig {
    /// PostgreSQL's primary, such as `postgres://user:password@127.0.0.1:5432/name`; empty is SQLite at `path`.
    pub url: SecretUrl,
    /// PostgreSQL's replicas: reads go there as long as they are not behind.
    #[serde(deserialize_with = "list")]
    pub replicas: Vec<SecretUrl>,
    /// Databases that users are spread over, each `PRIMARY` or `PRIMARY|REPLICA|REPLICA`; the catalogue and the directory of
    /// users stay at `url`. Further ones are added at the end: their places in the list are their names.
    #[serde(deserialize_with = "list")]
    pub shards: Vec<ShardUrls>,
    /// Connections that are kept open: to each primary of PostgreSQL from the start, to a replica once it has had so many.
    /// With a shared cache they are all, or with shards their share of it, so that none has to be made when it is lost.
    pub min_connections: u32,
    /// Connections to each PostgreSQL server at most. More than its cores can work on make it switch between them: pushed
    /// far beyond its capacity, on one core, the service answered 2,400 to 3,100 requests/s with 3 to 5 and 2,000 to 2,600/s
    /// with 20.
    pub max_connections: u32,
    /// A statement that PostgreSQL works on for longer than this is given up with 503, in milliseconds; 0 is never.
    pub statement_timeout_ms: u64,
    /// A replica that is further behind than this is not read from, in milliseconds.
    pub replica_max_lag_ms: u64,
    /// How a user who just wrote is kept from reading a replica that has not heard of it.
    pub read_your_writes: ReadYourWrites,
    /// With `time`: how long a user reads from the primary after a write, in milliseconds.
    pub read_your_writes_ms: u64,
    /// The SQLite file, or `:memory:` for one that is gone when the process ends.
    pub path: String,
    /// SQLite's connections that read; 0 is one per core, at least two. There is always exactly one that writes.
    pub readers: u32,
    /// A request that gets no connection within this time fails with 503, in milliseconds.
    pub acquire_timeout_ms: u64,
    /// How long a statement of SQLite's waits for another process's write lock, in milliseconds.
    pub busy_timeout_ms: u64,
    /// Whether `serve` and `seed` run pending migrations first.
    pub migrate: bool,
}

/// How a user who just wrote is kept from reading a replica that has not heard of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase", try_from = "String")]
pub enum ReadYourWrites {
    /// The primary's position in its log after the write is remembered; a replica that has not come so far is not read.
    /// Several processes tell each other by Redis; beside one without `redis.urls` the primary alone is read.
    Wal,
    /// The primary is read for a set time after a write. Safe only if one process sees all requests of a user, and the
    /// time is longer than replicas are behind.
    Time,
}

impl TryFrom<String> for ReadYourWrites {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        choice(&text, &[("wal", Self::Wal), ("time", Self::Time)])
    }
}

/// The name that keeps the database in memory.
pub const IN_MEMORY: &str = ":memory:";

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self {
            url: SecretUrl::default(),
            replicas: Vec::new(),
            shards: Vec::new(),
            min_connections: 10,
            max_connections: 20,
            statement_timeout_ms: 5000,
            replica_max_lag_ms: 1000,
            read_your_writes: ReadYourWrites::Wal,
            read_your_writes_ms: 5000,
            path: "service.db".to_owned(),
            readers: 0,
            acquire_timeout_ms: 3000,
            busy_timeout_ms: 5000,
            migrate: true,
        }
    }
}

const SCHEMES: [&str; 2] = ["postgres", "postgresql"];

impl DatabaseConfig {
    /// Whether nothing of it reaches a disk.
    pub fn in_memory(&self) -> bool {
        self.url.is_empty() && self.path == IN_MEMORY
    }

    /// Whether any of its servers has replicas.
    pub fn has_replicas(&self) -> bool {
        !self.replicas.is_empty() || self.shards.iter().any(|shard| !shard.replicas.is_empty())
    }

    /// The same with all connections kept open that are allowed; with shards, their share of it. A pool that may grow does
    /// so when everybody comes at once, and they wait for seconds until connections are made, even while others come free.
    pub fn full(&self) -> Self {
        let databases = u32::try_from(1 + self.shards.len()).unwrap_or(u32::MAX);
        let share = self.max_connections.div_ceil(databases);
        Self { min_connections: self.min_connections.max(share), ..self.clone() }
    }

    /// What people call the database: the file, or the server without the password.
    pub fn name(&self) -> String {
        if self.url.is_empty() { self.path.clone() } else { self.url.masked() }
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if self.path.is_empty() {
            return Err(ConfigError::new("database.path is empty; give a file name or :memory:"));
        }
        if !self.url.is_empty() {
            postgres("database.url", &self.url)?;
        } else if !self.replicas.is_empty() {
            return Err(ConfigError::new(
                "database.replicas without database.url; give the primary's URL too",
            ));
        }
        for replica in &self.replicas {
            postgres("database.replicas", replica)?;
        }
        if self.url.is_empty() && !self.shards.is_empty() {
            return Err(ConfigError::new(
                "database.shards without database.url; give the URL of the database for the catalogue and the directory",
            ));
        }
        for (number, shard) in self.shards.iter().enumerate() {
            for url in std::iter::once(&shard.primary).chain(&shard.replicas) {
                postgres(&format!("database.shards[{number}]"), url)?;
            }
            let twin =
                self.shards.iter().take(number).position(|s| s.primary.expose() == shard.primary.expose());
            if let Some(twin) = twin {
                return Err(ConfigError::new(format!(
                    "database.shards[{number}] is the database of database.shards[{twin}]; each needs one of its own"
                )));
            }
        }
        within("database.shards", self.shards.len(), 0..=1024)?;
        within("database.max_connections", self.max_connections, 1..=1000)?;
        within("database.min_connections", self.min_connections, 0..=self.max_connections)?;
        within("database.statement_timeout_ms", self.statement_timeout_ms, 0..=3_600_000)?;
        within("database.replica_max_lag_ms", self.replica_max_lag_ms, 10..=3_600_000)?;
        within("database.read_your_writes_ms", self.read_your_writes_ms, 0..=3_600_000)?;
        within("database.readers", self.readers, 0..=256)?;
        within("database.acquire_timeout_ms", self.acquire_timeout_ms, 1..=600_000)?;
        within("database.busy_timeout_ms", self.busy_timeout_ms, 0..=600_000)
    }
}

fn postgres(key: &str, url: &SecretUrl) -> Result<(), ConfigError> {
    if url.has_scheme(&SCHEMES) {
        return Ok(());
    }
    Err(ConfigError::new(format!(
        "{key}: `{}` is no address of a PostgreSQL server; expected postgres://user:password@host:5432/name",
        url.masked()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(url: &str, replicas: &[&str]) -> Result<(), String> {
        let parse = |text: &str| text.parse::<SecretUrl>().unwrap_or_default();
        let replicas = replicas.iter().map(|text| parse(text)).collect();
        let config = DatabaseConfig { url: parse(url), replicas, ..DatabaseConfig::default() };
        config.validate().map_err(|e| e.to_string())
    }

    #[test]
    fn all_connections_are_kept_open_or_with_shards_their_share() {
        let config = DatabaseConfig { min_connections: 2, ..DatabaseConfig::default() };
        assert_eq!(config.full().min_connections, 20);
        let shards = (0..3).map(|_| ShardUrls { primary: SecretUrl::default(), replicas: Vec::new() });
        let mut spread = DatabaseConfig { shards: shards.collect(), ..config };
        assert_eq!(spread.full().min_connections, 5);
        spread.min_connections = 10;
        assert_eq!(spread.full().min_connections, 10);
    }

    #[test]
    fn an_address_that_is_not_postgresqls_is_refused_without_showing_its_password() {
        assert_eq!(with("postgres://a:b@h/d", &["postgresql://a:b@h2/d"]), Ok(()));
        for (url, replicas) in
            [("mysql://app:s3cret@h/d", &[][..]), ("postgres://h/d", &["redis://app:s3cret@h"])]
        {
            let error = with(url, replicas).unwrap_err();
            assert!(error.contains("postgres://user") && !error.contains("s3cret"), "{error}");
        }
        assert!(with("", &["postgres://h/d"]).unwrap_err().contains("database.url"));
    }
}
