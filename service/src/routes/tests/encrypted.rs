use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http_body_util::Empty;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::config::TlsConfig;
use crate::testing::{Service, header};
use crate::tls::Tls;

/// A new certificate for `localhost` and its key in `folder`.
fn certify(folder: &Path) -> TlsConfig {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let files = TlsConfig { certificate: folder.join("certificate.pem"), key: folder.join("key.pem") };
    fs::write(&files.certificate, made.cert.pem()).unwrap();
    fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    files
}

async fn shake(
    service: &Service,
    certificate: &Path,
    versions: &[&'static SupportedProtocolVersion],
    protocols: &[&[u8]],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    let stream = TcpStream::connect(service.running.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

const MODERN: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];

#[tokio::test]
async fn https_is_tls_1_3_alone_and_speaks_both_versions_of_http() {
    let folder = tempfile::tempdir().unwrap();
    let files = certify(folder.path());
    let certificate = files.certificate.clone();
    let service = Service::with(|config| config.tls = files).await;
    for (offered, agreed) in [(&b"h2"[..], &b"h2"[..]), (b"http/1.1", b"http/1.1")] {
        let stream = shake(&service, &certificate, MODERN, &[offered]).await.unwrap();
        let session = stream.get_ref().1;
        assert_eq!(session.alpn_protocol(), Some(agreed));
        assert_eq!(session.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_3));
    }
    let stream = shake(&service, &certificate, MODERN, &[b"h2"]).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let url = format!("https://localhost:{}/livez", service.running.address.port());
    let request = hyper::Request::get(&url).body(Empty::<bytes::Bytes>::new()).unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert_eq!((response.status().as_u16(), response.version()), (200, hyper::Version::HTTP_2));

    let old = shake(&service, &certificate, &[&rustls::version::TLS12], &[]).await;
    assert!(old.is_err(), "TLS 1.2 is refused");

    let root = reqwest::Certificate::from_pem(&fs::read(&certificate).unwrap()).unwrap();
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([root]).build().unwrap();
    let response = client.get(&url).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "strict-transport-security"), "max-age=63072000; includeSubDomains");
    let plain = reqwest::get(format!("http://{}/livez", service.running.address)).await;
    assert!(plain.is_err(), "nothing is answered without TLS");
    service.running.stop().await;
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_to_the_next_connection_and_a_broken_one_to_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let files = certify(folder.path());
    let service = Service::with(|config| config.tls = files.clone()).await;
    let kept = folder.path().join("first.pem");
    fs::copy(&files.certificate, &kept).unwrap();
    let shown = async |certificate: &PathBuf| shake(&service, certificate, MODERN, &[]).await.is_ok();
    assert!(shown(&kept).await);

    let tls = service.running.tls.as_ref().unwrap();
    fs::write(&files.key, "no key").unwrap();
    assert!(tls.reload().is_err());
    assert!(shown(&kept).await, "the old one serves on");

    certify(folder.path());
    tls.reload().unwrap();
    assert!(shown(&files.certificate).await && !shown(&kept).await);
}

#[test]
fn a_certificate_that_cannot_be_used_is_refused_by_the_name_of_its_file() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let files = certify(folder.path());
    let stranger = certify(other.path());
    let open =
        |files: TlsConfig| Tls::open(&files).err().map(|error| format!("{error:#}")).unwrap_or_default();
    let missing = TlsConfig { certificate: "/nowhere/c.pem".into(), ..files.clone() };
    assert!(open(missing).contains("/nowhere/c.pem"));
    let mixed = open(TlsConfig { key: stranger.key, ..files.clone() });
    assert!(mixed.contains("is not the key of"), "{mixed}");
    fs::write(&files.certificate, "nothing").unwrap();
    let empty = open(files);
    assert!(empty.contains("certificate.pem") && empty.contains("no certificate"), "{empty}");
    assert!(Tls::open(&TlsConfig::default()).unwrap().is_none());
}
