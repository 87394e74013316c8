//! How this process stands to the shared cache, as the database shows it to the others. Being inside and being outside
//! are two rows, so that a statement that comes late says nothing false.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use super::Away;
use crate::clock;
use crate::store::cache_processes::{self, Standing};
use crate::store::{Store, Timestamp};

/// How long a row says that a process is inside.
pub const INSIDE: Duration = Duration::from_secs(5);
const OUTSIDE: Duration = Duration::from_secs(10);
/// How far the clocks of two processes may be apart.
const SKEW_US: i64 = 500_000;
const DATABASE_TIMEOUT: Duration = Duration::from_secs(4);

/// The rows of this process.
pub struct Standings {
    store: Arc<Store>,
    inside: Uuid,
    outside: Uuid,
    renewal: Option<JoinHandle<Result<Seen, Away>>>,
    /// Until when this process may write without telling.
    out_until: Option<Instant>,
    /// Rows that may be there.
    declared: [bool; 2],
}

/// How the others stand.
pub struct Seen {
    /// When the own row was sent.
    pub sent: Instant,
    /// Whether one writes without telling.
    pub someone_outside: bool,
    /// Rows whose time is over: their processes died, or were cut off from the database.
    pub stale: Vec<Standing>,
}

impl Standings {
    pub fn new(store: Arc<Store>, process: Uuid) -> Self {
        let outside = clock::new_id();
        Self { store, inside: process, outside, renewal: None, out_until: None, declared: [false; 2] }
    }

    /// Begins to renew the row that says inside; [`Self::renewed`] tells what was seen.
    pub fn renew(&mut self) {
        let (store, own, other) = (Arc::clone(&self.store), self.inside, self.outside);
        self.declared[0] = true;
        self.renewal = Some(tokio::spawn(async move {
            let sent = Instant::now();
            let mut others = declare(&store, own, true, INSIDE).await?;
            others.retain(|standing| standing.id != other);
            let now_us = clock::now_us();
            let (live, stale): (Vec<_>, Vec<_>) =
                others.into_iter().partition(|other| is_live(other, now_us));
            Ok(Seen { sent, someone_outside: live.iter().any(|other| !other.inside), stale })
        }));
    }

    /// Whether a renewal is under way.
    pub fn renewing(&self) -> bool {
        self.renewal.is_some()
    }

    /// Waits for the renewal that is under way, for ever if none is.
    pub async fn renewed(&mut self) -> Result<Seen, Away> {
        let Some(renewal) = &mut self.renewal else { return std::future::pending().await };
        let seen = renewal.await.unwrap_or(Err(Away));
        self.renewal = None;
        seen
    }

    /// Says that this process serves from the cache no more.
    pub async fn withdraw(&mut self) {
        self.strike_own(self.inside, true).await;
    }

    /// Says that this process writes without telling no more.
    pub async fn back_inside(&mut self) {
        if self.declared[1] {
            self.strike_own(self.outside, false).await;
            self.declared[1] = false;
        }
    }

    /// Strikes out a row of another.
    pub async fn strike(&self, stale: &Standing) {
        if let Err(error) = cache_processes::strike(&self.store, stale).await {
            tracing::debug!(%error, "a stale row stays for now");
        }
    }

    /// From now on writes are told: being outside has to be declared anew.
    pub fn forget_outside(&mut self) {
        self.out_until = None;
    }

    /// Declares to be outside. Returns until when writes need not be told, once nobody is inside.
    pub async fn go_out(&mut self) -> Option<Instant> {
        if let Some(until) = self.out_until.filter(|until| *until > Instant::now() + OUTSIDE / 2) {
            return Some(until);
        }
        if self.declared[0] {
            self.withdraw().await;
            self.declared[0] = false;
        }
        self.declared[1] = true;
        let sent = Instant::now();
        let others = declare(&self.store, self.outside, false, OUTSIDE).await.ok()?;
        let now_us = clock::now_us();
        let trusting = |other: &Standing| other.inside && other.id != self.inside && is_live(other, now_us);
        if others.iter().any(trusting) {
            return self.out_until;
        }
        self.out_until = Some(sent + OUTSIDE);
        self.out_until
    }

    /// Strikes out the own rows; the one that says outside only if `told`.
    pub async fn leave(&mut self, told: bool) {
        if self.declared[0] {
            self.withdraw().await;
        }
        if told {
            self.back_inside().await;
        }
    }

    async fn strike_own(&self, id: Uuid, inside: bool) {
        self.strike(&Standing { id, inside, until_us: Timestamp(i64::MAX) }).await;
    }
}

fn is_live(standing: &Standing, now_us: i64) -> bool {
    standing.until_us.0.saturating_add(SKEW_US) >= now_us
}

async fn declare(store: &Store, id: Uuid, inside: bool, life: Duration) -> Result<Vec<Standing>, Away> {
    let life_us = i64::try_from(life.as_micros()).unwrap_or(i64::MAX);
    let own = Standing { id, inside, until_us: Timestamp(clock::now_us() + life_us) };
    match timeout(DATABASE_TIMEOUT, cache_processes::declare(store, &own)).await {
        Ok(Ok(others)) => Ok(others),
        Ok(Err(error)) => {
            tracing::warn!(%error, "cannot say in the database how this process stands to the cache");
            Err(Away)
        }
        Err(_elapsed) => Err(Away),
    }
}
