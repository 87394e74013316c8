use std::{fs, time::Duration};

use anyhow::Context as _;
use reqwest::{Certificate, Client, Identity, redirect::Policy};

use super::TlsOptions;

/// A client for what is not load: asking whether the target is ready, and what it tells about itself. It follows no
/// redirect, which could lead to a host that nobody allowed, and knows no proxy.
///
/// # Errors
/// The certificates to trust or to show cannot be read.
pub fn side_client(tls: &TlsOptions, timeout: Duration) -> anyhow::Result<Client> {
    let mut client = Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .timeout(timeout)
        .tls_danger_accept_invalid_certs(tls.insecure)
        .user_agent(concat!("headroom-loadgen/", env!("CARGO_PKG_VERSION")));
    if let Some(ca) = &tls.ca {
        let pem = fs::read(ca).with_context(|| format!("cannot read {}", ca.display()))?;
        let certificates = Certificate::from_pem_bundle(&pem);
        let certificates =
            certificates.with_context(|| format!("{} holds no PEM certificates", ca.display()))?;
        client = client.tls_certs_merge(certificates);
    }
    if let Some(identity) = &tls.identity {
        let mut pem = fs::read(&identity.cert).with_context(|| identity.cert.display().to_string())?;
        pem.push(b'\n');
        pem.extend(fs::read(&identity.key).with_context(|| identity.key.display().to_string())?);
        let read = Identity::from_pem(&pem);
        client = client.identity(read.with_context(|| {
            format!("{} and {}: no certificate with its key", identity.cert.display(), identity.key.display())
        })?);
    }
    client.build().context("cannot make an HTTP client")
}

/// What went wrong in the end, without the layers that only passed it on; never with a URL in it.
pub fn root_cause(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
