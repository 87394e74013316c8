//! TLS 1.3 and nothing older, with a certificate that can be renewed while the service runs.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use anyhow::Context as _;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::config::TlsConfig;

/// The name by which a client asks for HTTP/2 (RFC 9113 §3.2).
pub const HTTP_2: &[u8] = b"h2";
const HTTP_1: &[u8] = b"http/1.1";

/// The service's side of TLS.
pub struct Tls {
    acceptor: TlsAcceptor,
    current: Arc<Current>,
    files: TlsConfig,
}

/// The certificate that the next handshake gets.
#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl Tls {
    /// Reads the certificate and its key; `None` when none is configured.
    ///
    /// # Errors
    /// A file cannot be read, is not PEM, or the key is not the certificate's.
    pub fn open(files: &TlsConfig) -> anyhow::Result<Option<Arc<Self>>> {
        if !files.enabled() {
            return Ok(None);
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        let current = Arc::new(Current(RwLock::new(read(files, &provider)?)));
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&current) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![HTTP_2.to_vec(), HTTP_1.to_vec()];
        Ok(Some(Arc::new(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            current,
            files: files.clone(),
        })))
    }

    /// Reads the files again. Connections that are open keep what they have.
    ///
    /// # Errors
    /// As [`Tls::open`]; then the certificate stays what it was.
    pub fn reload(&self) -> anyhow::Result<()> {
        let fresh = read(&self.files, &aws_lc_rs::default_provider())?;
        *self.current.0.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// Shakes hands.
    ///
    /// # Errors
    /// The client speaks no TLS 1.3, or went away.
    pub async fn accept(&self, stream: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        self.acceptor.accept(stream).await
    }
}

fn read(files: &TlsConfig, provider: &CryptoProvider) -> anyhow::Result<Arc<CertifiedKey>> {
    let cannot = |what: &str, path: &Path| format!("tls.{what}: cannot use {}", path.display());
    let chain =
        CertificateDer::pem_file_iter(&files.certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(anyhow::Error::from)
            .and_then(|chain| {
                if chain.is_empty() { Err(anyhow::anyhow!("it holds no certificate")) } else { Ok(chain) }
            })
            .with_context(|| cannot("certificate", &files.certificate))?;
    let key = PrivateKeyDer::from_pem_file(&files.key).with_context(|| cannot("key", &files.key))?;
    let certified = CertifiedKey::from_der(chain, key, provider).with_context(|| {
        format!("{} is not the key of {}", files.key.display(), files.certificate.display())
    })?;
    Ok(Arc::new(certified))
}
