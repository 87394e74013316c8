//! How requests reach the target: connections of our own over hyper, so that the clock can be read where it matters
//! (sent, first byte, last byte) and each user keeps a connection as a browser does.

mod connection;
mod deadline;
mod decode;
mod failure;
mod gate;
mod origin;
mod side;
mod stream;
mod tls;

use std::{
    collections::HashMap,
    fmt,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

pub use connection::{Connection, Exchange};
pub use deadline::Deadline;
pub use decode::decode;
pub use failure::Failure;
pub use origin::{Origin, allowed};
pub use side::{root_cause, side_client};
pub use tls::TlsOptions;

/// What every user's connections share: where to connect to, and whom to trust.
pub struct Transport {
    allow: Vec<String>,
    tls: tokio_rustls::TlsConnector,
    resolved: Mutex<HashMap<Origin, Arc<[SocketAddr]>>>,
    open: Arc<AtomicI64>,
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").field("allow", &self.allow).finish_non_exhaustive()
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
    /// The certificates to trust cannot be read.
    pub fn new(allow: &[String], tls: &TlsOptions) -> anyhow::Result<Self> {
        Ok(Self {
            allow: allow.to_vec(),
            tls: tls::connector(tls)?,
            resolved: Mutex::default(),
            open: Arc::default(),
        })
    }

    /// Connections open now.
    pub fn open(&self) -> u64 {
        self.open.load(Ordering::Relaxed).max(0) as u64
    }

    /// The addresses of `origin`, looked up once, and refused unless load may go there.
    ///
    /// # Errors
    /// The name has no address, or the host was not allowed.
    pub async fn resolve(&self, origin: &Origin) -> Result<Arc<[SocketAddr]>, Failure> {
        if let Some(known) = self.resolved.lock().expect("no panic under this lock").get(origin) {
            return Ok(known.clone());
        }
        let found = tokio::net::lookup_host((origin.host.as_str(), origin.port)).await;
        let found: Arc<[SocketAddr]> = found.map_err(|error| Failure::dns(origin, &error))?.collect();
        if found.is_empty() {
            return Err(Failure::new("dns", format!("{} has no address", origin.host)));
        }
        allowed(origin, &found, &self.allow).map_err(|refusal| Failure::new("not_allowed", refusal))?;
        self.resolved.lock().expect("no panic under this lock").insert(origin.clone(), found.clone());
        Ok(found)
    }

    /// Opens a connection to `origin`.
    ///
    /// # Errors
    /// No address answered, the TLS handshake failed, or the host was not allowed.
    pub async fn open_connection(&self, origin: &Arc<Origin>) -> Result<Opened, Failure> {
        let addresses = self.resolve(origin).await?;
        let began = Instant::now();
        let tcp = stream::connect(&addresses, self.open.clone())
            .await
            .map_err(|error| Failure::io("connect", &error))?;
        let connected = Instant::now();
        let (stream, tls) = if origin.tls {
            let stream = tls::handshake(&self.tls, origin, tcp).await?;
            (stream, Some(connected.elapsed()))
        } else {
            (stream::Stream::plain(tcp), None)
        };
        let connection = Connection::new(origin.clone(), stream);
        Ok(Opened { connection, connect: connected - began, tls })
    }
}
