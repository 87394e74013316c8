//! Accepting connections and serving HTTP on them: HTTP/1.1, and HTTP/2 to those who ask for it by TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use socket2::{SockFilter, SockRef};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service as _;

use crate::config::HttpConfig;
use crate::head_clock::{HeadClock, Progress};
use crate::tls::{HTTP_2, Tls};

/// The other end of the connection that a request came over.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// How connections are served.
#[derive(Clone)]
pub struct Serving {
    /// What answers requests.
    pub router: Router,
    /// Encryption, if there is any.
    pub tls: Option<Arc<Tls>>,
    /// How long a connection may be silent.
    pub idle: Duration,
    /// How long a handshake, and the head of a request, may take.
    pub head: Duration,
    /// Set when the service is about to stop: each answer is then the last of its connection, and says so. Whoever holds
    /// connections open, as a gateway does, opens the next one elsewhere.
    pub draining: Arc<AtomicBool>,
}

/// How long a connection over which nothing was asked yet may still ask when the service stops.
const UNASKED: Duration = Duration::from_millis(500);

impl Serving {
    /// `router` behind `tls`, as configured.
    pub fn new(
        router: Router,
        tls: Option<Arc<Tls>>,
        config: &HttpConfig,
        draining: Arc<AtomicBool>,
    ) -> Self {
        let idle = Duration::from_secs(config.idle_timeout_s);
        Self { router, tls, idle, head: Duration::from_millis(config.header_timeout_ms), draining }
    }
}

/// Accepts connections until `stop`, then tells each to end with its current request. `connections` tracks them: it
/// is empty once all are done.
pub async fn serve(
    listener: TcpListener,
    serving: Serving,
    connections: TaskTracker,
    stop: CancellationToken,
) {
    let begin = |stream: TcpStream, peer| {
        // A response is written whole: waiting to fill a packet would only delay it. A socket that refuses still works.
        let _ = stream.set_nodelay(true);
        let (serving, stop) = (serving.clone(), stop.clone());
        match serving.tls.clone() {
            Some(tls) => connections.spawn(encrypted(stream, peer, tls, serving, stop)),
            None => connections.spawn(plain(stream, peer, serving, stop)),
        };
    };
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => begin(stream, peer),
            Err(error) if is_one_connection(&error) => {}
            Err(error) => {
                // Out of files, most likely: the connections that end give some back.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    for (stream, peer) in queued(listener) {
        begin(stream, peer);
    }
    connections.close();
}

/// A program of one instruction for the system's packet filter: drop (`BPF_RET | BPF_K`, 0 bytes to keep).
const DROP: [SockFilter; 1] = [SockFilter::new(0x06, 0, 0, 0)];

/// Closes the listener, and gives back who had been told to be connected and was not accepted yet: what they have sent
/// would be lost. Nobody else is told so meanwhile; they try again, and elsewhere.
fn queued(listener: TcpListener) -> Vec<(TcpStream, SocketAddr)> {
    // Without the filter, all that is lost is who connects between the last look and the closing.
    let _ = SockRef::from(&listener).attach_filter(&DROP);
    let Ok(listener) = listener.into_std() else { return Vec::new() };
    let mut queued = Vec::new();
    loop {
        match listener.accept() {
            Ok((stream, peer)) => {
                let stream = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream));
                queued.extend(stream.ok().map(|stream| (stream, peer)));
            }
            Err(error) if is_one_connection(&error) => {}
            Err(_none_left) => return queued,
        }
    }
}

fn is_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

async fn encrypted(
    stream: TcpStream,
    peer: SocketAddr,
    tls: Arc<Tls>,
    serving: Serving,
    stop: CancellationToken,
) {
    let handshake = tokio::time::timeout(serving.head, tls.accept(stream));
    let stream = tokio::select! {
        () = stop.cancelled() => return,
        shaken = handshake => match shaken {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return tracing::debug!(%peer, %error, "a handshake failed"),
            Err(_elapsed) => return tracing::debug!(%peer, "a handshake took too long"),
        },
    };
    if stream.get_ref().1.alpn_protocol() == Some(HTTP_2) {
        multiplexed(stream, peer, serving, stop).await;
    } else {
        plain(stream, peer, serving, stop).await;
    }
}

/// HTTP/1.1.
async fn plain<I>(io: I, peer: SocketAddr, serving: Serving, stop: CancellationToken)
where
    I: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let progress = Progress::default();
    let (draining, asked) = (serving.draining, Arc::new(AtomicBool::new(false)));
    let asking = Arc::clone(&asked);
    let io = TokioIo::new(HeadClock::new(io, progress.clone(), serving.head));
    let service = service_fn(move |mut request: Request<Incoming>| {
        progress.busy();
        asking.store(true, Ordering::Relaxed);
        request.extensions_mut().insert(Peer(peer));
        let answer = serving.router.clone().call(request);
        let (progress, draining) = (progress.clone(), Arc::clone(&draining));
        async move {
            let mut answer = answer.await;
            progress.between();
            if draining.load(Ordering::Acquire)
                && let Ok(answer) = &mut answer
            {
                answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            answer
        }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(serving.idle);
    let connection = builder.serve_connection(io, service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            let patience = if asked.load(Ordering::Relaxed) { Duration::ZERO } else { UNASKED };
            tokio::select! {
                ended = connection.as_mut() => ended,
                () = tokio::time::sleep(patience) => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            }
        }
    };
    log(peer, ended);
}

/// Requests of one connection that may be answered at the same time.
const STREAMS: u32 = 128;
const HEADERS_BYTES: u32 = 16 * 1024;

/// HTTP/2.
async fn multiplexed<I>(io: I, peer: SocketAddr, serving: Serving, stop: CancellationToken)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let router = serving.router;
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        router.clone().call(request)
    });
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEADERS_BYTES)
        // A silent client is asked whether it is still there, and dropped when it does not answer.
        .keep_alive_interval(serving.idle)
        .keep_alive_timeout(serving.head);
    let connection = builder.serve_connection(TokioIo::new(io), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    log(peer, ended);
}

fn log(peer: SocketAddr, ended: hyper::Result<()>) {
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "a connection broke off");
    }
}
