//! How requests reach the target: connections of our own over hyper, so that the clock can be read where it matters
//! (sent, first byte, last byte) and each user keeps a connection as a browser does.

mod connection;
mod deadline;
mod decode;
mod failure;
mod gate;
mod http1;
mod http2;
mod origin;
mod side;
mod sources;
mod stream;
mod tls;

use std::{
    collections::{HashMap, HashSet},
    fmt,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

pub use connection::{Connection, Exchange, Patience};
pub use deadline::Deadline;
pub use decode::decode;
pub use failure::Failure;
pub use gate::Gate;
pub use origin::{Origin, allowed};
pub use side::{root_cause, side_client};
pub use tls::TlsOptions;
pub use tokio_rustls::TlsConnector;

use rustls::ClientConfig;

use self::{http1::Http1, http2::Http2, sources::Sources, stream::Stream};
use crate::plan::model::{Dns, Http, Wire};

/// What every user's connections share: how they are made, where to connect to, and whom to trust.
pub struct Transport {
    allow: Vec<String>,
    wire: Wire,
    tls: ClientConfig,
    sources: Sources,
    resolved: Mutex<HashMap<Origin, Arc<[SocketAddr]>>>,
    /// Origins that chose HTTP/2.
    multiplexed: Mutex<HashSet<Origin>>,
    open: Arc<AtomicI64>,
    opened_http2: AtomicU64,
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport")
            .field("allow", &self.allow)
            .field("wire", &self.wire)
            .finish_non_exhaustive()
    }
}

/// A connection just opened and what that took.
#[derive(Debug)]
pub struct Opened {
    /// The connection.
    pub connection: Connection,
    /// TCP connect.
    pub connect: Duration,
    /// TLS handshake, for https.
    pub tls: Option<Duration>,
}

impl Transport {
    /// A transport that may reach loopback and the hosts of `allow`.
    ///
    /// # Errors
    /// Certificates cannot be read, or a source address is not this machine's.
    pub fn new(allow: &[String], tls: &TlsOptions, wire: &Wire) -> anyhow::Result<Self> {
        Ok(Self {
            allow: allow.to_vec(),
            wire: wire.clone(),
            tls: tls::config(tls, wire.http)?,
            sources: Sources::new(&wire.source_addresses).map_err(anyhow::Error::msg)?,
            resolved: Mutex::default(),
            multiplexed: Mutex::default(),
            open: Arc::default(),
            opened_http2: AtomicU64::new(0),
        })
    }

    /// How connections are made and kept.
    pub fn wire(&self) -> &Wire {
        &self.wire
    }

    /// Connections open now.
    pub fn open(&self) -> u64 {
        self.open.load(Ordering::Relaxed).max(0) as u64
    }

    /// Connections that spoke HTTP/2, so far.
    pub fn opened_http2(&self) -> u64 {
        self.opened_http2.load(Ordering::Relaxed)
    }

    /// What a new user's TLS handshakes are made with.
    pub fn tls_of_user(&self) -> TlsConnector {
        tls::connector_of_user(&self.tls)
    }

    /// Whether all requests of a user to `origin` go over one connection, as far as is known.
    pub fn shares_connections(&self, origin: &Origin) -> bool {
        match (self.wire.http, origin.tls) {
            (Http::One, _) | (Http::Auto, false) => false,
            (Http::Two, _) => true,
            (Http::Auto, true) => self.multiplexed.lock().expect("no panic under this lock").contains(origin),
        }
    }

    /// The addresses of `origin`, looked up as the scenario says, and refused unless load may go there.
    ///
    /// # Errors
    /// The name has no address, or the host was not allowed.
    pub async fn resolve(&self, origin: &Origin) -> Result<Arc<[SocketAddr]>, Failure> {
        let once = self.wire.dns == Dns::Once;
        if once && let Some(known) = self.resolved.lock().expect("no panic under this lock").get(origin) {
            return Ok(known.clone());
        }
        let found = tokio::net::lookup_host((origin.host.as_str(), origin.port)).await;
        let found: Arc<[SocketAddr]> = found.map_err(|error| Failure::dns(origin, &error))?.collect();
        if found.is_empty() {
            return Err(Failure::new("dns", format!("{} has no address", origin.host)));
        }
        allowed(origin, &found, &self.allow).map_err(|refusal| Failure::new("not_allowed", refusal))?;
        if once {
            self.resolved.lock().expect("no panic under this lock").insert(origin.clone(), found.clone());
        }
        Ok(found)
    }

    /// Opens a connection to `origin`; `tls` is the user's for https, see [`Transport::tls_of_user`].
    ///
    /// # Errors
    /// No address answered, the TLS handshake failed, the host was not allowed, or does not speak the HTTP asked for.
    pub async fn open_connection(
        &self,
        origin: &Arc<Origin>,
        tls: Option<&TlsConnector>,
    ) -> Result<Opened, Failure> {
        let addresses = self.resolve(origin).await?;
        let began = Instant::now();
        let tcp = stream::connect(&addresses, &self.sources, self.open.clone())
            .await
            .map_err(|error| Failure::io("connect", &error))?;
        let connected = Instant::now();
        let (stream, tls) = match tls.filter(|_| origin.tls) {
            Some(tls) => (tls::handshake(tls, origin, tcp).await?, Some(connected.elapsed())),
            None => (Stream::plain(tcp), None),
        };
        let http2 = if origin.tls { tls::chose_http2(&stream) } else { self.wire.http == Http::Two };
        let connection = if http2 {
            self.opened_http2.fetch_add(1, Ordering::Relaxed);
            if origin.tls && !self.shares_connections(origin) {
                self.multiplexed.lock().expect("no panic under this lock").insert((**origin).clone());
            }
            Connection::http2(origin.clone(), Http2::begin(origin, stream).await?)
        } else if self.wire.http == Http::Two {
            return Err(Failure::new("protocol", format!("{origin} does not speak HTTP/2 (ALPN)")));
        } else {
            Connection::http1(origin.clone(), Http1::new(stream))
        };
        Ok(Opened { connection, connect: connected - began, tls })
    }
}
