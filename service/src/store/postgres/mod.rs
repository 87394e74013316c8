//! PostgreSQL: a primary that writes, and replicas that read.
//!
//! After a write the primary's position in its write-ahead log is remembered for whose rows it changed; a replica answers
//! for them only when it has replayed the log so far. What other processes write is not in this one's memory: while there
//! are any (`peers.rs`), all of them tell each other through Redis (`others.rs`), or, where one does not, all rows are read
//! from the primary. Each server has a watch of its own (`watch.rs`): one that is away has no pool, so that nobody waits
//! for it.

mod log;
mod others;
mod peers;
mod positions;
mod server;
mod turn;
mod watch;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sqlx::{PgConnection, PgPool};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::log::{Head, History};
use self::others::Others;
use self::peers::Peers;
use self::positions::Positions;
use self::server::Server;
use self::turn::Turn;
pub(super) use self::turn::unless_away;
use super::meters::Role;
use super::place::Rows;
use super::{Result, StoreError};
use crate::config::{DatabaseConfig, ReadYourWrites, SecretUrl};
use crate::redis::Redis;

/// How long a write waits at most until every other process has seen this one, before it is acknowledged.
const UNSEEN: Duration = Duration::from_secs(1);

/// A primary with its replicas.
pub struct Cluster {
    primary: Server,
    replicas: Vec<Server>,
    positions: Positions,
    peers: Peers,
    /// Where other processes tell what they write, if there is such a place.
    others: Option<Others>,
    head: Head,
    history: History,
    next: AtomicUsize,
    max_lag_us: u64,
    /// With `read_your_writes = time`: for how long, in microseconds.
    window_us: Option<u64>,
    epoch: Instant,
    stop: CancellationToken,
}

impl Cluster {
    /// Connects to the primary and begins to watch it and its replicas. A replica may be away. Processes that have the same
    /// `redis` tell each other by it what they write.
    ///
    /// # Errors
    /// When the primary cannot be reached, or is none.
    pub async fn open(
        url: &SecretUrl,
        replicas: &[SecretUrl],
        config: &DatabaseConfig,
        redis: Option<&Arc<Redis>>,
    ) -> anyhow::Result<Arc<Self>> {
        const SQL: &str = "SELECT pg_is_in_recovery(), (SELECT system_identifier FROM pg_control_system())";
        let by_log = config.read_your_writes == ReadYourWrites::Wal && !replicas.is_empty();
        let redis = redis.filter(|_| by_log);
        let peers = Peers::new(redis.is_some());
        let primary = Server::new(url, Role::Primary, 0, config, &peers.name)?;
        let numbered = replicas.iter().zip(1..);
        let replicas: Vec<Server> = numbered
            .map(|(url, number)| Server::new(url, Role::Replica, number, config, &peers.name))
            .collect::<anyhow::Result<_>>()?;
        let mut connection = primary.connect_patiently().await?;
        let (is_standby, log): (bool, i64) = sqlx::query_as(SQL).fetch_one(&mut connection).await?;
        anyhow::ensure!(
            !is_standby,
            "{} is a standby, which cannot write; database.url must lead to the primary",
            primary.name
        );
        primary.arrived(false);
        let window = Duration::from_millis(config.read_your_writes_ms).as_micros() as u64;
        let cluster = Arc::new(Self {
            primary,
            replicas,
            positions: Positions::default(),
            peers,
            others: redis.map(|redis| Others::new(redis, config, log.cast_unsigned())),
            head: Head::default(),
            history: History::default(),
            next: AtomicUsize::new(0),
            max_lag_us: config.replica_max_lag_ms * 1000,
            window_us: (config.read_your_writes == ReadYourWrites::Time).then_some(window),
            epoch: Instant::now(),
            stop: CancellationToken::new(),
        });
        for at in 0..=cluster.replicas.len() {
            tokio::spawn(watch::run(Arc::clone(&cluster), at, cluster.stop.clone()));
        }
        if !cluster.replicas.is_empty() {
            // Others that took themselves for the only ones see this process before it writes anything in whatever way.
            tokio::time::sleep(peers::JOIN).await;
        }
        Ok(cluster)
    }

    /// A question that reads: where it goes first depends on whose rows it is about.
    pub async fn read(&self, rows: Rows) -> Turn<'_> {
        let server =
            if self.replicas.is_empty() || rows == Rows::Any { None } else { self.replica_for(rows).await };
        Turn::new(self, rows, server.unwrap_or(&self.primary))
    }

    /// A question that writes.
    pub fn write(&self, rows: Rows) -> Turn<'_> {
        Turn::new(self, rows, &self.primary)
    }

    /// The pool of connections to the primary.
    ///
    /// # Errors
    /// [`StoreError::Unreachable`] at once while it is away.
    pub fn primary_pool(&self) -> Result<PgPool> {
        self.primary.pool().ok_or_else(StoreError::away)
    }

    /// How far a replica may be behind and still be read from.
    pub fn longest_lag(&self) -> Duration {
        Duration::from_micros(self.max_lag_us)
    }

    /// A connection of its own to the primary, without a limit on how long a statement takes.
    ///
    /// # Errors
    /// One clear line when the primary cannot be reached.
    pub async fn patient(&self) -> anyhow::Result<PgConnection> {
        self.primary.connect_patiently().await
    }

    /// Connections to all servers, and how many of them are idle.
    pub fn connections(&self) -> (u32, usize) {
        let servers = std::iter::once(&self.primary).chain(&self.replicas);
        servers.map(Server::connections).fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1))
    }

    /// Stops the watches and closes every connection.
    pub async fn close(&self) {
        self.stop.cancel();
        for replica in &self.replicas {
            replica.close().await;
        }
        self.primary.close().await;
        self.head.close().await;
    }

    /// A replica that shows the last write to `rows`, each in turn.
    async fn replica_for(&self, rows: Rows) -> Option<&Server> {
        let (own, now_us) = (self.positions.needed(rows), self.now_us());
        let needed = match self.window_us {
            Some(window_us) if now_us.saturating_sub(own) < window_us || own == u64::MAX => return None,
            Some(_) => 0,
            None if self.peers.none(now_us) => own,
            // It is of no use to ask where no replica shows what was written here.
            None if self.peers.tell(now_us) && self.replicas.iter().any(|it| self.shows(it, own, now_us)) => {
                own.max(Box::pin(self.others.as_ref()?.needed(rows)).await?)
            }
            None => return None,
        };
        let now_us = self.now_us();
        let (count, first) = (self.replicas.len(), self.next.fetch_add(1, Ordering::Relaxed));
        let in_turn = (0..count).map(|step| &self.replicas[first.wrapping_add(step) % count]);
        in_turn.into_iter().find(|replica| self.shows(replica, needed, now_us))
    }

    fn shows(&self, replica: &Server, position: u64, now_us: u64) -> bool {
        replica.shows(position, now_us, self.max_lag_us)
    }

    /// `rows` were changed: remembers up to where replicas have to come before they answer for them, and tells others.
    async fn wrote(&self, rows: Rows) {
        if self.replicas.is_empty() || rows == Rows::Any {
            return;
        }
        if self.window_us.is_some() {
            self.positions.note(rows, self.now_us());
            return;
        }
        let position = self.head.after_now().await;
        match position {
            Some(position) => self.positions.note(rows, position),
            None => self.positions.doubt(),
        }
        if !self.peers.none(self.now_us()) {
            Box::pin(self.tell(rows, position)).await;
        }
    }

    /// Returns when other processes know that `rows` were changed, or that there is somebody whom they have to ask.
    async fn tell(&self, rows: Rows, position: Option<u64>) {
        const PAUSE: Duration = Duration::from_millis(20);
        let deadline = Instant::now() + UNSEEN;
        while !self.peers.see_this_one(self.now_us()) && Instant::now() < deadline {
            tokio::time::sleep(PAUSE).await;
        }
        if let Some(others) = &self.others {
            others.tell(rows, position).await;
        }
    }

    /// What stands for "up to here" in the positions: the log's position, or the time.
    fn mark(&self, position: u64) -> u64 {
        if self.window_us.is_some() { 0 } else { position }
    }

    /// The cluster's clock, in microseconds since it was opened.
    fn now_us(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn server(&self, at: usize) -> &Server {
        if at == 0 { &self.primary } else { &self.replicas[at - 1] }
    }
}
