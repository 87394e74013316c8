use std::{path::PathBuf, sync::Arc};

use anyhow::Context as _;
use rustls::{
    ClientConfig, DigitallySignedStruct, SignatureScheme,
    client::{
        Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
};
use rustls_platform_verifier::Verifier;
use tokio_rustls::TlsConnector;

use super::{
    Failure, Origin,
    stream::{Stream, Tcp},
};
use crate::plan::model::{ClientCertificate, Http};

/// HTTP/2 as ALPN names it.
const H2: &[u8] = b"h2";

/// Whom to trust, and who one is.
#[derive(Debug, Default)]
pub struct TlsOptions {
    /// A file of PEM certificates to trust beside the platform's.
    pub ca: Option<PathBuf>,
    /// Trust everyone.
    pub insecure: bool,
    /// What is shown to targets that ask for a certificate.
    pub identity: Option<ClientCertificate>,
}

/// Sessions that a user remembers, to take up again when it connects anew.
const SESSIONS: usize = 4;

/// What a new user begins with: it knows no session, so that its first handshake is a full one, and shares none with
/// other users. Connections that it opens later take up its own sessions, as a browser's do.
pub(super) fn connector_of_user(config: &ClientConfig) -> TlsConnector {
    let mut config = config.clone();
    config.resumption = Resumption::in_memory_sessions(SESSIONS);
    TlsConnector::from(Arc::new(config))
}

/// # Errors
/// Certificates or the key cannot be read, or do not belong together.
pub(super) fn config(options: &TlsOptions, http: Http) -> anyhow::Result<ClientConfig> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = if options.insecure {
        Arc::new(Anyone(provider.clone()))
    } else {
        let extra = match &options.ca {
            None => Vec::new(),
            Some(path) => CertificateDer::pem_file_iter(path)
                .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                .with_context(|| format!("{}: no PEM certificates can be read from it", path.display()))?,
        };
        Arc::new(
            Verifier::new_with_extra_roots(extra, provider.clone())
                .context("the platform's trusted certificates")?,
        )
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("TLS versions")?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match &options.identity {
        None => config.with_no_client_auth(),
        Some(identity) => {
            let (chain, key) = read(identity)?;
            config
                .with_client_auth_cert(chain, key)
                .with_context(|| format!("{} with {}", identity.cert.display(), identity.key.display()))?
        }
    };
    let offered: &[&[u8]] = match http {
        Http::Auto => &[H2, b"http/1.1"],
        Http::One => &[b"http/1.1"],
        Http::Two => &[H2],
    };
    config.alpn_protocols = offered.iter().map(|name| name.to_vec()).collect();
    Ok(config)
}

fn read(
    identity: &ClientCertificate,
) -> anyhow::Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
    let chain =
        CertificateDer::pem_file_iter(&identity.cert).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain =
        chain.with_context(|| format!("{}: no PEM certificate can be read", identity.cert.display()))?;
    anyhow::ensure!(!chain.is_empty(), "{} holds no PEM certificate", identity.cert.display());
    let key = PrivateKeyDer::from_pem_file(&identity.key);
    Ok((chain, key.with_context(|| format!("{}: no PEM private key can be read", identity.key.display()))?))
}

pub(super) async fn handshake(
    connector: &TlsConnector,
    origin: &Origin,
    tcp: Tcp,
) -> Result<Stream, Failure> {
    let failed = |detail: String| Failure::new("tls", detail);
    let name = ServerName::try_from(origin.host.clone()).map_err(|error| failed(error.to_string()))?;
    let stream = connector.connect(name, tcp).await.map_err(|error| failed(error.to_string()))?;
    Ok(Stream::Tls(Box::new(stream)))
}

/// Whether the other side chose HTTP/2.
pub(super) fn chose_http2(stream: &Stream) -> bool {
    match stream {
        Stream::Plain(_) => false,
        Stream::Tls(stream) => stream.get_ref().1.alpn_protocol() == Some(H2),
    }
}

/// Accepts every certificate; used only with `--insecure`. Signatures are still checked, so that the handshake costs
/// what it costs.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
