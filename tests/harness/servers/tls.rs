use std::{fs, io, net::SocketAddr, path::PathBuf, sync::Arc};

use anyhow::{Context, Result};
use axum::{
    Router,
    serve::{Listener, ListenerExt},
};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
    server::TlsStream,
};

use super::Server;

/// A server behind TLS, with a certificate for `localhost` and `127.0.0.1` that no platform trusts.
#[derive(Debug)]
pub struct Tls {
    server: Server,
    folder: TempDir,
}

impl Tls {
    /// Serves `router`.
    ///
    /// # Errors
    /// No port can be had, or the certificate cannot be written.
    pub fn start(router: Router) -> Result<Self> {
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names)?;
        let folder = tempfile::tempdir()?;
        fs::write(folder.path().join("ca.pem"), cert.pem())?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .context("a certificate made a moment ago")?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let server = Server::run(move |listener| async move {
            // Tapped, because the address of a tapped listener's client is known to handlers.
            let listener = Handshaking { listener, acceptor }.tap_io(|_| {});
            let service = router.into_make_service_with_connect_info::<SocketAddr>();
            let _ = axum::serve(listener, service).await;
        })?;
        Ok(Self { server, folder })
    }

    /// Scheme, host and port.
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.server.address.port())
    }

    /// The PEM file whose certificate a client must trust.
    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }
}

/// Hands out connections once their handshake is done; one at a time, which is enough for a test.
struct Handshaking {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for Handshaking {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = Listener::accept(&mut self.listener).await;
            // A client that does not trust the certificate hangs up here; the next one may.
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}
