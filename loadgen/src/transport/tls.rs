use std::{path::PathBuf, sync::Arc};

use anyhow::Context as _;
use rustls::{
    ClientConfig, DigitallySignedStruct, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};
use rustls_platform_verifier::Verifier;
use tokio_rustls::TlsConnector;

use super::{
    Failure, Origin,
    stream::{Stream, Tcp},
};

/// Whom to trust.
#[derive(Debug, Default)]
pub struct TlsOptions {
    /// A file of PEM certificates to trust beside the platform's.
    pub ca: Option<PathBuf>,
    /// Trust everyone.
    pub insecure: bool,
}

pub(super) fn connector(options: &TlsOptions) -> anyhow::Result<TlsConnector> {
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
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("TLS versions")?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
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
