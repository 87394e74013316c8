//! Everything the routes share, built once from the configuration.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::time::Duration;

use anyhow::Context as _;
use secrecy::ExposeSecret as _;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::auth::api_keys::ApiKeys;
use crate::auth::passwords::Passwords;
use crate::auth::reset::Resets;
use crate::auth::revocations::Revocations;
use crate::auth::tokens::Tokens;
use crate::cache::Cache;
use crate::clock;
use crate::config::{Config, Counted, Tier, Told};
use crate::cursor::CursorKey;
use crate::files::Files;
use crate::mail::Mailer;
use crate::middleware::limits::Limits;
use crate::middleware::request_id::RequestIds;
use crate::queue::Queue;
use crate::redis::Redis;
use crate::store::{Store, Timestamp};
use crate::telemetry::activity::Activity;
use crate::telemetry::metrics::Metrics;

/// The state of one service.
pub struct App {
    /// As read at the start.
    pub config: Config,
    /// The database.
    pub store: Arc<Store>,
    /// Redis, if there is one.
    pub redis: Option<Arc<Redis>>,
    /// Cached responses.
    pub cache: Cache,
    /// Access tokens.
    pub tokens: Tokens,
    /// API keys.
    pub api_keys: ApiKeys,
    /// Password-reset tokens.
    pub resets: Resets,
    /// Ended sessions.
    pub revocations: Arc<Revocations>,
    /// Password hashing.
    pub passwords: Passwords,
    /// What signs cursors.
    pub cursors: CursorKey,
    /// Rate limits.
    pub limits: Limits,
    /// Background work.
    pub queue: Queue,
    /// Sends mail.
    pub mailer: Mailer,
    /// Files made for users.
    pub files: Files,
    /// Prometheus metrics.
    pub metrics: Metrics,
    /// Who was active lately.
    pub activity: Activity,
    /// Where request ids come from.
    pub request_ids: RequestIds,
    /// Requests in progress.
    pub in_flight: AtomicUsize,
    /// Set when the service is about to stop: `/readyz` says so.
    pub draining: Arc<AtomicBool>,
    /// When it started.
    pub started: Instant,
}

impl App {
    /// Opens the store, migrates it if so configured, and builds everything around it.
    ///
    /// # Errors
    /// When the database or the secret cannot be opened.
    pub async fn build(config: Config) -> anyhow::Result<Arc<Self>> {
        let metrics = Metrics::default();
        let redis = Redis::new(&config.redis, &metrics)?;
        let database = match config.cache.tier {
            Tier::Local => config.database.clone(),
            // When Redis dies its readers come all at once, and must not have to wait for connections to be made.
            Tier::Redis | Tier::Tiered => config.database.full(),
        };
        let store = Arc::new(Store::open_among(&database, &metrics, redis.as_ref()).await?);
        if config.database.migrate {
            store.migrate().await?;
        } else {
            store.ensure_migrated().await?;
        }
        let secret = crate::auth::secret::obtain(&config)?;
        let secret = secret.expose_secret().as_bytes();
        let told = redis.clone().filter(|_| config.auth.revocations == Told::Redis);
        let revocations = Arc::new(Revocations::new(told));
        let known = Box::pin(revocations.catch_up(&store)).await;
        known.context("cannot read the sessions")?;
        let counted = redis.clone().filter(|_| config.limits.store == Counted::Redis);
        Ok(Arc::new(Self {
            cache: Cache::new(&config.cache, redis.clone(), &metrics),
            tokens: Tokens::new(secret, &config.auth),
            api_keys: ApiKeys::new(secret),
            resets: Resets::new(secret),
            revocations,
            passwords: Passwords::new(&config.auth)?,
            cursors: CursorKey::derive(secret),
            limits: Limits::new(config.limits.profile, counted, &metrics),
            queue: Queue::new(&config.queue, &metrics),
            mailer: Mailer::new(&config)?,
            files: Files::new(&config),
            activity: Activity::default(),
            request_ids: RequestIds::default(),
            in_flight: AtomicUsize::new(0),
            draining: Arc::default(),
            started: Instant::now(),
            redis,
            store,
            metrics,
            config,
        }))
    }

    /// Keeps house until `stop`: metrics every few seconds, what this process remembers of sessions every few minutes.
    pub async fn keep_house(self: Arc<Self>, stop: CancellationToken) {
        const UPKEEP: Duration = Duration::from_secs(5);
        const FORGET: Duration = Duration::from_secs(600);
        let mut upkeep = tokio::time::interval(UPKEEP);
        let mut forget = tokio::time::interval(FORGET);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = upkeep.tick() => self.metrics.upkeep(),
                _ = forget.tick() => self.revocations.forget_expired(Timestamp(clock::now_us())),
            }
        }
    }
}
