//! Who keeps the connection: comes in, reports, renews, withdraws, goes out. The rules are in the module above.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _};
use redis::aio::PubSub;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::breaker::Breaker;
use super::house::{self, CHANNEL, Report};
use super::link::Link;
use super::standing::{INSIDE, Seen, Standings};
use super::{Away, Home, Redis, TRUST, Trust, fresh};
use crate::auth::revocations::Revocations;
use crate::store::Store;

/// How long a connection to a server or to all nodes of a cluster may take.
const CONNECT: Duration = Duration::from_secs(1);
const MOMENT: Duration = Duration::from_millis(200);
const BEAT: Duration = Duration::from_millis(200);
/// How long others reckon with this process after a report: longer than `TRUST`, by what a report may take.
const LEASE_MS: u64 = 1200;
/// How often the row in the database is renewed, and a lost subscription.
const RENEW: Duration = Duration::from_secs(1);
/// How often is tried what did not work.
const RETRY: Duration = Duration::from_millis(100);
/// Reports that may fail in a row, whatever becomes of other commands.
const REPORTS: u32 = 5;
/// How often ended sessions are read from the database while the journal is not to be relied on.
const CATCH_UP: Duration = Duration::from_millis(500);

/// What processes have in common that share more than rate limits.
pub struct Members {
    /// Where processes meet that cannot meet in Redis.
    pub store: Arc<Store>,
    /// What the journal is read for.
    pub revocations: Arc<Revocations>,
}

/// Keeps the connection until `stop`, then leaves in good order. Without `members` there is nothing to agree on: a
/// connection is all there is to keep.
pub async fn keep(redis: Arc<Redis>, members: Option<Members>, stop: CancellationToken) {
    let members = members.map(|Members { store, revocations }| Member {
        standings: Standings::new(store.clone(), redis.process),
        store,
        revocations,
        epoch: 0,
        seen: 0,
        renew: false,
        clean: None,
        caught_up: None,
    });
    let mut keeper = Keeper { redis, member: members, fleet: String::new(), next_beat: Instant::now() };
    stop.run_until_cancelled(Box::pin(keeper.work())).await;
    keeper.leave().await;
}

struct Keeper {
    redis: Arc<Redis>,
    member: Option<Member>,
    fleet: String,
    next_beat: Instant,
}

struct Member {
    standings: Standings,
    store: Arc<Store>,
    revocations: Arc<Revocations>,
    epoch: u64,
    seen: u64,
    /// There has to be a new epoch before anything is trusted.
    renew: bool,
    /// Since when nobody was seen outside, and when the row that says so was last renewed.
    clean: Option<(Instant, Instant)>,
    caught_up: Option<Instant>,
}

impl Keeper {
    async fn work(&mut self) {
        // Who was in for long may have met a moment's trouble, and need not write without telling if it is over.
        let mut quickly = false;
        loop {
            let patience = if quickly { MOMENT } else { CONNECT };
            if let Ok(Ok(home)) = timeout(patience, self.come_in()).await {
                let began = Instant::now();
                self.stay(&home).await;
                self.part();
                quickly = began.elapsed() > INSIDE;
                if quickly {
                    continue;
                }
            }
            quickly = false;
            if let Some(member) = &mut self.member {
                if let Some(until) = member.standings.go_out().await {
                    self.redis.outside.lock().unwrap_or_else(PoisonError::into_inner).until = Some(until);
                }
                member.catch_up_when_due().await;
            }
            tokio::select! {
                () = tokio::time::sleep(RETRY) => {}
                () = self.redis.poke.notified() => {}
            }
        }
    }

    /// Connects. From here on writes are told again; what was not is out of reach before anybody trusts.
    async fn come_in(&mut self) -> Result<Arc<Home>, Away> {
        let redis = Arc::clone(&self.redis);
        let link = redis.address.connect(&redis.config).await.map_err(|error| {
            tracing::debug!(%error, "no connection to Redis");
            Away
        })?;
        let time_limit = Duration::from_millis(redis.config.timeout_ms);
        let home = Home { link, timeout: time_limit, breaker: Breaker::default(), trust: None.into() };
        self.fleet = redis.ask(&home, home.link.fleet()).await?;
        if let Some(member) = &mut self.member {
            let mut outside = redis.outside.lock().unwrap_or_else(PoisonError::into_inner);
            outside.until = None;
            member.standings.forget_outside();
            member.renew |= std::mem::take(&mut outside.untold);
        }
        self.report(&home).await?;
        let home = Arc::new(home);
        *redis.home.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&home));
        redis.breaker_open.set(0.0);
        tracing::info!("Redis answers");
        Ok(home)
    }

    /// Reports and renews until the breaker opens.
    async fn stay(&mut self, home: &Home) {
        let redis = Arc::clone(&self.redis);
        let mut messages = self.listen().await;
        let mut next_renewal = Instant::now();
        let mut unreported = 0;
        loop {
            let renewal =
                self.member.is_some() && self.member.as_ref().is_some_and(|m| !m.standings.renewing());
            let renewed = async {
                match &mut self.member {
                    Some(member) => member.standings.renewed().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = redis.poke.notified() => {}
                heard = next(&mut messages) => if !heard { messages = None },
                () = sleep_until(self.next_beat) => {}
                seen = renewed => next_renewal = Instant::now() + self.renewed(home, seen).await,
                () = sleep_until(next_renewal), if renewal => {
                    if messages.is_none() {
                        messages = self.listen().await;
                    }
                    if let Some(member) = &mut self.member {
                        member.standings.renew();
                    }
                    continue;
                }
            }
            match self.report(home).await {
                Ok(()) => unreported = 0,
                Err(Away) => {
                    self.next_beat = Instant::now() + RETRY / 4;
                    unreported += 1;
                    if unreported == REPORTS {
                        redis.give_up(home);
                    }
                }
            }
            if home.breaker.is_open() {
                return;
            }
            if let Some(member) = self.member.as_mut().filter(|member| member.clean.is_none()) {
                member.catch_up_when_due().await;
            }
        }
    }

    async fn listen(&self) -> Option<PubSub> {
        self.member.as_ref()?;
        self.redis.address.listen(CHANNEL).await.ok()
    }

    /// Tells the house how far this process is, hears what is new, and trusts it if nobody is outside.
    async fn report(&mut self, home: &Home) -> Result<(), Away> {
        self.next_beat = Instant::now() + BEAT;
        let Some(member) = &mut self.member else {
            return self.redis.ask(home, home.link.command(&redis::cmd("PING"))).await;
        };
        let sent = Instant::now();
        if let Link::Cluster(_) = home.link {
            self.fleet = self.redis.ask(home, home.link.fleet()).await?;
        }
        let process = self.redis.process.simple().to_string();
        let (fleet, seen, renew) = (self.fleet.as_str(), member.seen, member.renew);
        let report = Report { process: &process, seen, lease_ms: LEASE_MS, fleet, fresh: fresh(), renew };
        let news = self.redis.ask(home, house::report(&home.link, &report)).await?;
        member.renew = false;
        if news.epoch != member.epoch || news.gap {
            // Entries may have been lost: what they said is in the database.
            if member.catch_up().await.is_err() {
                home.set_trust(None);
                return Ok(());
            }
        }
        news.entries.iter().for_each(|entry| member.revocations.hear(entry));
        if !news.entries.is_empty() {
            // At once, so that who wrote them need not wait.
            self.next_beat = Instant::now();
        }
        (member.epoch, member.seen) = (news.epoch, news.last);
        let age = Duration::from_millis(news.epoch_age_ms);
        home.set_trust(member.clean.filter(|(since, _)| *since <= sent).map(|(_, renewed)| Trust {
            epoch: news.epoch,
            epoch_began: sent.checked_sub(age).unwrap_or(sent),
            catalogue: news.catalogue,
            until: (sent + TRUST).min(renewed + INSIDE),
        }));
        Ok(())
    }

    /// Acts on how the others stand; returns when to look again.
    async fn renewed(&mut self, home: &Home, seen: Result<Seen, Away>) -> Duration {
        let Some(member) = &mut self.member else { return RENEW };
        let Ok(seen) = seen else { return RETRY };
        if seen.someone_outside {
            member.clean = None;
            home.set_trust(None);
            member.standings.withdraw().await;
            if !member.renew {
                // What this process wrote out there is out of reach since it came in, and from then on it tells: two that
                // came back would else wait for each other until their rows expire.
                member.standings.back_inside().await;
            }
            return RENEW / 5;
        }
        if !seen.stale.is_empty() {
            // They may have written without telling.
            member.renew = true;
            if self.report(home).await.is_err() {
                return self.distrust(home);
            }
        }
        let Some(member) = &mut self.member else { return RENEW };
        for stale in &seen.stale {
            member.standings.strike(stale).await;
        }
        // What was ended outside is in the database only.
        if member.clean.is_none() && member.catch_up().await.is_err() {
            return RETRY;
        }
        let since = member.clean.map_or_else(Instant::now, |(since, _)| since);
        member.clean = Some((since, seen.sent));
        member.standings.back_inside().await;
        RENEW
    }

    fn distrust(&mut self, home: &Home) -> Duration {
        if let Some(member) = &mut self.member {
            member.clean = None;
        }
        home.set_trust(None);
        RETRY
    }

    fn part(&mut self) {
        *self.redis.home.write().unwrap_or_else(PoisonError::into_inner) = None;
        if let Some(member) = &mut self.member {
            member.clean = None;
        }
    }

    async fn leave(&mut self) {
        let home = self.redis.home.write().unwrap_or_else(PoisonError::into_inner).take();
        let Some(member) = &mut self.member else { return };
        if let Some(home) = home {
            let process = self.redis.process.simple().to_string();
            let _ = timeout(home.timeout, house::leave(&home.link, &process)).await;
        }
        // A row of one who wrote without telling stays: who finds it stale begins a new epoch.
        let untold = self.redis.outside.lock().unwrap_or_else(PoisonError::into_inner).untold || member.renew;
        member.standings.leave(!untold).await;
    }
}

impl Member {
    async fn catch_up(&mut self) -> Result<(), Away> {
        let caught = self.revocations.catch_up(&self.store).await;
        self.caught_up = Some(Instant::now());
        caught.map_err(|error| {
            tracing::warn!(%error, "cannot read which sessions were ended");
            Away
        })
    }

    async fn catch_up_when_due(&mut self) {
        if self.caught_up.is_none_or(|at| at.elapsed() >= CATCH_UP) {
            // It is tried again in a moment.
            let _ = self.catch_up().await;
        }
    }
}

/// Waits for a message and takes those that came with it. False when the subscription ended.
async fn next(messages: &mut Option<PubSub>) -> bool {
    let Some(listening) = messages else { return std::future::pending().await };
    let mut stream = listening.on_message();
    if stream.next().await.is_none() {
        return false;
    }
    while let Some(Some(_)) = stream.next().now_or_never() {}
    true
}
