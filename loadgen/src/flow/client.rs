//! What a user's browser would keep between requests: connections, cookies, TLS sessions.

use std::{
    fmt,
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll, Waker},
    time::Instant,
};

use cookie_store::CookieStore;

use crate::{
    plan::model::Wire,
    transport::{Connection, Origin, TlsConnector, Transport},
};

/// What a user keeps between requests. One task uses it, but may have several requests on their way at once: each takes
/// what it needs and puts it back, and nobody holds the lock while it waits.
#[derive(Debug, Default)]
pub struct Client(Mutex<Belongings>);

/// What is in a [`Client`].
#[derive(Default)]
pub struct Belongings {
    connections: Vec<Connection>,
    /// Cookies, once there are any.
    pub cookies: Option<Box<CookieStore>>,
    tls: Option<TlsConnector>,
    opening: Vec<Opening>,
}

/// A connection that several requests of one user will share is being opened.
#[derive(Debug)]
struct Opening {
    origin: Arc<Origin>,
    waiting: Vec<Waker>,
}

/// Says that a connection to `origin` is being opened, until this is dropped.
#[derive(Debug)]
pub struct Claim<'a> {
    client: &'a Client,
    origin: &'a Arc<Origin>,
}

/// Cookies are secret: they are not shown.
impl fmt::Debug for Belongings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Belongings").field("connections", &self.connections).finish_non_exhaustive()
    }
}

impl Client {
    /// Its content, for as short as can be.
    pub fn open(&self) -> MutexGuard<'_, Belongings> {
        self.0.lock().expect("no panic under this lock")
    }

    /// Its content, while nothing is on its way.
    pub fn mine(&mut self) -> &mut Belongings {
        self.0.get_mut().expect("no panic under this lock")
    }

    /// The right to open the one connection to `origin`; `None`, after a while, when somebody else has opened one or
    /// has failed to.
    pub async fn claim<'a>(&'a self, origin: &'a Arc<Origin>) -> Option<Claim<'a>> {
        let mut waited = false;
        poll_fn(|cx| {
            let mut belongings = self.open();
            match belongings.opening.iter_mut().find(|opening| opening.origin == *origin) {
                Some(opening) => {
                    waited = true;
                    opening.waiting.push(cx.waker().clone());
                    Poll::Pending
                }
                None if waited => Poll::Ready(None),
                None => {
                    belongings.opening.push(Opening { origin: origin.clone(), waiting: Vec::new() });
                    Poll::Ready(Some(Claim { client: self, origin }))
                }
            }
        })
        .await
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let mut belongings = self.client.open();
        if let Some(index) = belongings.opening.iter().position(|opening| opening.origin == *self.origin) {
            belongings.opening.swap_remove(index).waiting.into_iter().for_each(Waker::wake);
        }
    }
}

impl Belongings {
    /// A connection to `origin`: taken out, or a second handle of one that can be shared.
    pub fn take(&mut self, origin: &Arc<Origin>) -> Option<Connection> {
        let index = self.connections.iter().position(|connection| connection.origin() == origin)?;
        match self.connections[index].share() {
            Some(shared) => Some(shared),
            None => Some(self.connections.swap_remove(index)),
        }
    }

    /// Keeps `connection` for the next request, if it may go on.
    pub fn put(&mut self, connection: Connection, now: Instant, wire: &Wire) {
        if !connection.may_go_on(now, wire) {
            self.forget(&connection);
            return;
        }
        // Of connections that can be shared one is enough.
        let shared = connection.wants_attention();
        if !(shared && self.connections.iter().any(|kept| kept.origin() == connection.origin())) {
            self.connections.push(connection);
        }
    }

    /// Keeps nothing of `connection`, nor any other handle of it.
    pub fn forget(&mut self, connection: &Connection) {
        self.connections.retain(|kept| !kept.is_same(connection));
    }

    /// What this user's TLS handshakes are made with.
    pub fn tls(&mut self, transport: &Transport) -> TlsConnector {
        self.tls.get_or_insert_with(|| transport.tls_of_user()).clone()
    }

    /// Closes all connections and forgets TLS sessions, as if another visitor came.
    pub fn disconnect(&mut self) {
        self.connections = Vec::new();
        self.tls = None;
    }

    /// Gives the connections' buffers back for a while.
    pub fn park(&mut self) {
        self.connections.iter_mut().for_each(Connection::park);
    }

    /// Whether a connection wants to be attended to while nothing is on its way.
    pub fn wants_attention(&self) -> bool {
        self.connections.iter().any(Connection::wants_attention)
    }

    /// Answers what the other sides ask of idle connections.
    pub fn attend(&mut self, cx: &mut Context<'_>) {
        self.connections.iter_mut().for_each(|connection| connection.attend(cx));
    }
}
