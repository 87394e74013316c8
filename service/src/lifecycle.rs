//! From start to stop: announce, serve, turn readiness off, wait, stop accepting, drain, close.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::{TcpListener, TcpSocket};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::App;
use crate::config::{Config, Role, Tier, Told};
use crate::listen::{self, Serving};
use crate::redis::{self, Members};
use crate::tls::Tls;
use crate::{queue, router};

/// A service that is listening.
pub struct Running {
    /// Where, with the real port.
    pub address: SocketAddr,
    /// What it shares.
    pub app: Arc<App>,
    /// Encryption, if there is any.
    pub tls: Option<Arc<Tls>>,
    connections: TaskTracker,
    stop: CancellationToken,
    tasks: TaskTracker,
    leave: CancellationToken,
    keeper: TaskTracker,
}

/// Builds the app and begins to serve.
///
/// # Errors
/// When the app cannot be built or the address is taken.
pub async fn start(config: Config) -> anyhow::Result<Running> {
    let address = config.http.listen;
    let listener =
        bind(address, config.http.reuse_port).with_context(|| format!("cannot listen on {address}"))?;
    let address = listener.local_addr()?;
    let tls = Tls::open(&config.tls)?;
    // Boxed, because it is large and over with when serving begins.
    let app = Box::pin(App::build(config)).await?;
    let (router, _) = router::build(&app);
    let (connections, stop, tasks) = (TaskTracker::new(), CancellationToken::new(), TaskTracker::new());
    let serving = Serving::new(router, tls.clone(), &app.config.http, Arc::clone(&app.draining));
    tasks.spawn(listen::serve(listener, serving, connections.clone(), stop.clone()));
    tasks.spawn(Arc::clone(&app).keep_house(stop.clone()));
    if app.config.serve.roles.has(Role::Worker) {
        queue::start(&app, &stop, &tasks);
    }
    tasks.close();
    let (leave, keeper) = (CancellationToken::new(), TaskTracker::new());
    keep_redis(&app, &keeper, &leave).await;
    Ok(Running { address, app, tls, connections, stop, tasks, leave, keeper })
}

/// How long the start waits for Redis, which is no condition for serving.
const REDIS_WAIT: Duration = Duration::from_secs(2);

/// Begins to keep the connection to Redis, if there is one.
async fn keep_redis(app: &Arc<App>, keeper: &TaskTracker, leave: &CancellationToken) {
    keeper.close();
    let Some(redis) = app.redis.clone() else { return };
    let config = &app.config;
    let shared = config.cache.tier != Tier::Local
        || config.auth.revocations == Told::Redis
        || config.database.has_replicas();
    let members =
        shared.then(|| Members { store: Arc::clone(&app.store), revocations: Arc::clone(&app.revocations) });
    keeper.spawn(redis::keep(Arc::clone(&redis), members, leave.clone()));
    if shared && !redis.ready(REDIS_WAIT).await {
        let urls = &app.config.redis.urls;
        tracing::warn!(?urls, "Redis does not answer; serving from the database until it does");
    }
}

/// Connections that may wait to be accepted; the system's own limit may be lower.
const BACKLOG: u32 = 4096;

fn bind(address: SocketAddr, reuse_port: bool) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A restarted service need not wait until the last connections of the one before are forgotten.
    socket.set_reuseaddr(true)?;
    if reuse_port {
        socket.set_reuseport(true)?;
    }
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

impl Running {
    /// Turns readiness off, waits, stops accepting, lets requests in progress end, and closes the store.
    pub async fn stop(self) {
        let config = &self.app.config.lifecycle;
        self.app.draining.store(true, Ordering::Release);
        tokio::time::sleep(Duration::from_millis(config.drain_wait_ms)).await;
        self.stop.cancel();
        self.tasks.wait().await;
        let drained =
            tokio::time::timeout(Duration::from_millis(config.drain_timeout_ms), self.connections.wait());
        if drained.await.is_err() {
            tracing::warn!(
                connections = self.connections.len(),
                "requests took too long to end and are cut off"
            );
        }
        // Only now: requests in progress may have had something to tell the cache.
        self.leave.cancel();
        self.keeper.wait().await;
        self.app.store.close().await;
    }
}

/// Serves until SIGINT or SIGTERM, then stops in order. A second signal ends the process at once.
///
/// Announces the address on stderr for people and as `listening http://ADDRESS` on stdout for programs.
///
/// # Errors
/// When the service cannot start.
pub async fn serve(config: Config) -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let running = start(config).await?;
    let scheme = if running.tls.is_some() { "https" } else { "http" };
    let address = format!("{scheme}://{}", running.address);
    if let Some(tls) = &running.tls {
        tokio::spawn(renew(Arc::clone(tls), signal(SignalKind::hangup())?));
    }
    tracing::info!("listening on {address}");
    {
        let mut stdout = std::io::stdout();
        // Nobody may be reading; the service works all the same.
        let _ = writeln!(stdout, "listening {address}").and_then(|()| stdout.flush());
    }
    first(&mut interrupt, &mut terminate).await;
    tracing::info!("stopping; a second signal ends it at once");
    tokio::spawn(async move {
        let signal = first(&mut interrupt, &mut terminate).await;
        std::process::exit(128 + signal);
    });
    running.stop().await;
    tracing::info!("stopped");
    Ok(())
}

/// Reads the certificate again whenever `hangup` comes.
async fn renew(tls: Arc<Tls>, mut hangup: Signal) {
    while hangup.recv().await.is_some() {
        match tls.reload() {
            Ok(()) => tracing::info!("the certificate was read again"),
            Err(error) => tracing::error!(cause = format!("{error:#}"), "the certificate stays what it was"),
        }
    }
}

/// The number of the signal that comes first.
async fn first(interrupt: &mut Signal, terminate: &mut Signal) -> i32 {
    tokio::select! {
        _ = interrupt.recv() => SignalKind::interrupt().as_raw_value(),
        _ = terminate.recv() => SignalKind::terminate().as_raw_value(),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing;

    #[tokio::test]
    async fn processes_share_a_port_only_when_all_of_them_say_so() {
        let (mut first, _first_dir) = testing::config();
        let (mut second, _second_dir) = testing::config();
        first.http.reuse_port = true;
        let first = super::start(first).await.unwrap();
        second.http.listen = first.address;
        let refused = super::start(second.clone()).await.err().expect("the address is taken");
        assert!(format!("{refused:#}").contains(&first.address.to_string()), "{refused:#}");
        second.http.reuse_port = true;
        let second = super::start(second).await.unwrap();
        assert_eq!(first.address, second.address);
        for _ in 0..8 {
            let answer = reqwest::get(format!("http://{}/livez", first.address)).await.unwrap();
            assert!(answer.status().is_success());
        }
        first.stop().await;
        let answer = reqwest::get(format!("http://{}/livez", second.address)).await.unwrap();
        assert!(answer.status().is_success(), "the other serves on");
        second.stop().await;
    }
}
