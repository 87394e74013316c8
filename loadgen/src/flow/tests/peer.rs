//! Servers that users are let loose on.

use std::{
    convert::Infallible,
    fs,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, Response, Version};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{
    HandshakeKind, RootCertStore, ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    server::WebPkiClientVerifier,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

/// What a peer has seen.
#[derive(Debug, Default)]
pub struct Seen {
    pub connections: AtomicUsize,
    pub versions: Mutex<Vec<Version>>,
    pub handshakes: Mutex<Vec<HandshakeKind>>,
    at_once: AtomicUsize,
    pub most_at_once: AtomicUsize,
}

/// A hyper server: `/slow` answers after 50 ms, `/echo` with method, authority and body, `/set` sets a cookie that
/// `/need` asks for, `/away` redirects to `/echo`, `/big` is larger than what is kept, anything else is a small document.
#[derive(Debug)]
pub struct Peer {
    pub address: SocketAddr,
    pub seen: Arc<Seen>,
    /// Certificates, of the server and for clients; for https.
    pub folder: TempDir,
}

/// How a peer takes connections.
#[derive(Debug, Clone, Copy)]
pub enum Door {
    /// http, in this version alone.
    Plain(Version),
    /// https, choosing of these.
    Tls(&'static [&'static str]),
    /// https with both versions, for clients with a certificate alone.
    Known,
}

impl Peer {
    pub async fn start(door: Door) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, seen) = (listener.local_addr().unwrap(), Arc::new(Seen::default()));
        let folder = tempfile::tempdir().unwrap();
        let acceptor = match door {
            Door::Plain(_) => None,
            Door::Tls(offered) => Some(acceptor(&folder, offered, false)),
            Door::Known => Some(acceptor(&folder, &["h2", "http/1.1"], true)),
        };
        let all = seen.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, seen) = (acceptor.clone(), all.clone());
                tokio::spawn(async move {
                    let Some(acceptor) = acceptor else {
                        let Door::Plain(version) = door else { unreachable!() };
                        return serve(stream, version, seen).await;
                    };
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let session = stream.get_ref().1;
                    seen.handshakes.lock().unwrap().extend(session.handshake_kind());
                    let http2 = session.alpn_protocol() == Some(b"h2");
                    serve(stream, if http2 { Version::HTTP_2 } else { Version::HTTP_11 }, seen).await;
                });
            }
        });
        Self { address, seen, folder }
    }

    pub fn url(&self, scheme: &str) -> String {
        format!("{scheme}://localhost:{}", self.address.port())
    }

    pub fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }
}

fn acceptor(folder: &TempDir, offered: &[&str], known_only: bool) -> TlsAcceptor {
    let made = |name: &str| {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed([name.to_owned()]).unwrap();
        fs::write(folder.path().join(format!("{name}.pem")), cert.pem()).unwrap();
        fs::write(folder.path().join(format!("{name}.key")), signing_key.serialize_pem()).unwrap();
        (CertificateDer::from(cert), signing_key.serialize_der())
    };
    let (client, _) = made("client");
    let (server, key) = made("localhost");
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
    let mut roots = RootCertStore::empty();
    roots.add(client).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let config = match known_only {
        true => config.unwrap().with_client_cert_verifier(verifier.build().unwrap()),
        false => config.unwrap().with_no_client_auth(),
    };
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key));
    let mut config = config.with_single_cert(vec![server], key).unwrap();
    config.alpn_protocols = offered.iter().map(|name| name.as_bytes().to_vec()).collect();
    TlsAcceptor::from(Arc::new(config))
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    version: Version,
    seen: Arc<Seen>,
) {
    seen.connections.fetch_add(1, Ordering::SeqCst);
    let service = service_fn(move |request| answer(request, seen.clone()));
    let stream = TokioIo::new(stream);
    // A client that goes away ends its connection, and nothing else.
    let _ = match version {
        Version::HTTP_2 => {
            hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                .serve_connection(stream, service)
                .await
        }
        _ => hyper::server::conn::http1::Builder::new().serve_connection(stream, service).await,
    };
}

async fn answer(request: Request<Incoming>, seen: Arc<Seen>) -> Result<Response<Full<Bytes>>, Infallible> {
    let now = seen.at_once.fetch_add(1, Ordering::SeqCst) + 1;
    seen.most_at_once.fetch_max(now, Ordering::SeqCst);
    seen.versions.lock().unwrap().push(request.version());
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let cookie = parts.headers.get("cookie").is_some_and(|cookie| cookie == "seat=12");
    let response = Response::builder();
    let host = parts.uri.authority().map(ToString::to_string);
    let host =
        host.or_else(|| Some(parts.headers.get("host")?.to_str().ok()?.to_owned())).unwrap_or_default();
    let response = match parts.uri.path() {
        "/slow" => {
            tokio::time::sleep(Duration::from_millis(50)).await;
            response.body("slow".into())
        }
        "/echo" => response.body(format!("{} {host} {}", parts.method, body.escape_ascii()).into()),
        "/set" => response.header("set-cookie", "seat=12; Path=/").body("set".into()),
        "/need" => response.status(if cookie { 200 } else { 403 }).body("need".into()),
        "/away" => response.status(303).header("location", "/echo").body("away".into()),
        "/big" => response.body(vec![b'x'; (64 << 20) + 1].into()),
        // hyper leaves it to the service that an answer to HEAD has no body.
        _ if parts.method == Method::HEAD => response.body(Bytes::new().into()),
        _ => response.header("content-type", "application/json").body(r#"{"id":7}"#.into()),
    };
    seen.at_once.fetch_sub(1, Ordering::SeqCst);
    Ok(response.unwrap())
}
