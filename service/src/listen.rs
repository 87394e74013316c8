//! Accepting connections and serving HTTP on them: HTTP/1.1, and HTTP/2 to those who ask for it by TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
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
}

impl Serving {
    /// `router` behind `tls`, as configured.
    pub fn new(router: Router, tls: Option<Arc<Tls>>, config: &HttpConfig) -> Self {
        let idle = Duration::from_secs(config.idle_timeout_s);
        Self { router, tls, idle, head: Duration::from_millis(config.header_timeout_ms) }
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
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                // A response is written whole: waiting to fill a packet would only delay it. A socket that refuses
                // still works.
                let _ = stream.set_nodelay(true);
                let (serving, stop) = (serving.clone(), stop.clone());
                match serving.tls.clone() {
                    Some(tls) => connections.spawn(encrypted(stream, peer, tls, serving, stop)),
                    None => connections.spawn(plain(stream, peer, serving, stop)),
                };
            }
            Err(error) if is_one_connection(&error) => {}
            Err(error) => {
                // Out of files, most likely: the connections that end give some back.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    connections.close();
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
    let io = TokioIo::new(HeadClock::new(io, progress.clone(), serving.head));
    let service = service_fn(move |mut request: Request<Incoming>| {
        progress.busy();
        request.extensions_mut().insert(Peer(peer));
        let answer = serving.router.clone().call(request);
        let progress = progress.clone();
        async move {
            let answer = answer.await;
            progress.between();
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
            connection.as_mut().graceful_shutdown();
            connection.await
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
