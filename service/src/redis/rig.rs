//! What tests of several processes need: a real Redis, "processes" that each reach it by a wire of their own, which can
//! be cut, and one database for all of them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{Members, Redis, keep};
use crate::auth::revocations::Revocations;
use crate::cache::Cache;
use crate::config::{CacheConfig, Config, Tier};
use crate::store::Store;
use crate::telemetry::metrics::Metrics;
use crate::testing;

/// A real Redis and a real database.
pub struct Rig {
    pub redis: Servers,
    config: Config,
    _dir: tempfile::TempDir,
}

pub enum Servers {
    One(stack::Redis),
    Cluster(stack::RedisCluster),
}

/// What one process has of its own.
pub struct Process {
    pub redis: Arc<Redis>,
    pub cache: Arc<Cache>,
    pub revocations: Arc<Revocations>,
    pub store: Arc<Store>,
    pub metrics: Metrics,
    wire: Option<Wire>,
    stop: CancellationToken,
    keeper: JoinHandle<()>,
}

impl Rig {
    pub async fn server() -> Self {
        Self::on(Servers::One(stack::Redis::start().unwrap())).await
    }

    pub async fn cluster() -> Self {
        Self::on(Servers::Cluster(stack::RedisCluster::start().unwrap())).await
    }

    async fn on(redis: Servers) -> Self {
        let (config, dir) = testing::config();
        let store = Store::open(&config.database, &Metrics::default()).await.unwrap();
        store.migrate().await.unwrap();
        Self { redis, config, _dir: dir }
    }

    pub fn server_under_test(&self) -> &stack::Redis {
        match &self.redis {
            Servers::One(server) => server,
            Servers::Cluster(_) => panic!("this rig has a cluster"),
        }
    }

    /// A process with copies in front of Redis, ready to serve.
    pub async fn process(&self) -> Process {
        self.process_with(|cache| cache.tier = Tier::Tiered).await
    }

    /// A process whose cache `change` configures.
    pub async fn process_with(&self, change: impl FnOnce(&mut CacheConfig)) -> Process {
        let mut config = self.config.clone();
        change(&mut config.cache);
        let (urls, wire) = match &self.redis {
            Servers::One(server) => {
                let wire = Wire::to(SocketAddr::from(([127, 0, 0, 1], server.port()))).await;
                (vec![format!("redis://{}", wire.address)], Some(wire))
            }
            Servers::Cluster(cluster) => (cluster.urls(), None),
        };
        // Tests that do not attack Redis must not take a busy machine for an attack.
        config.redis =
            serde_json::from_value(serde_json::json!({ "urls": urls, "timeout_ms": 300 })).unwrap();
        let metrics = Metrics::default();
        let store = Arc::new(Store::open(&config.database, &metrics).await.unwrap());
        let redis = Redis::new(&config.redis, &metrics).unwrap().unwrap();
        let revocations = Arc::new(Revocations::new(Some(Arc::clone(&redis))));
        let cache = Arc::new(Cache::new(&config.cache, Some(Arc::clone(&redis)), &metrics));
        let stop = CancellationToken::new();
        let members = Members { store: Arc::clone(&store), revocations: Arc::clone(&revocations) };
        let keeper = tokio::spawn(keep(Arc::clone(&redis), Some(members), stop.clone()));
        assert!(redis.ready(Duration::from_secs(10)).await, "the cache is served from");
        Process { redis, cache, revocations, store, metrics, wire, stop, keeper }
    }
}

impl Process {
    /// Breaks the connection to Redis and refuses new ones.
    pub fn cut(&self) {
        self.set(Passing::No);
    }

    /// Lets nothing through to Redis any more, without a word.
    pub fn silence(&self) {
        self.set(Passing::Silently);
    }

    /// Lets everything through again.
    pub fn mend(&self) {
        self.set(Passing::Yes);
    }

    fn set(&self, passing: Passing) {
        self.wire.as_ref().expect("only a single server has wires").passing.send_replace(passing);
    }

    /// Ends in good order.
    pub async fn stop(self) {
        self.stop.cancel();
        self.keeper.await.unwrap();
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Passing {
    Yes,
    No,
    Silently,
}

/// A connection of one process to one server that can be cut.
struct Wire {
    address: SocketAddr,
    passing: watch::Sender<Passing>,
}

impl Wire {
    async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (passing, state) = watch::channel(Passing::Yes);
        tokio::spawn(async move {
            // Ends with the test's runtime.
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, server, state.clone()));
            }
        });
        Self { address, passing }
    }
}

async fn pass(mut client: TcpStream, server: SocketAddr, mut state: watch::Receiver<Passing>) {
    let between = async {
        let mut server = TcpStream::connect(server).await?;
        tokio::io::copy_bidirectional(&mut client, &mut server).await
    };
    tokio::pin!(between);
    loop {
        let passing = *state.borrow_and_update();
        tokio::select! {
            _ = &mut between, if passing == Passing::Yes => return,
            changed = state.changed() => if changed.is_err() { return },
            () = std::future::ready(()), if passing == Passing::No => return,
        }
    }
}
