//! `service healthcheck`: asks a running service, for container health checks.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;

use crate::config::Config;

const PATIENCE: Duration = Duration::from_secs(3);

/// `/readyz` where `serve` would listen; a service that listens everywhere is asked on loopback.
pub fn default_url(config: &Config) -> String {
    let mut address = config.http.listen;
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    let scheme = if config.tls.enabled() { "https" } else { "http" };
    format!("{scheme}://{address}/readyz")
}

/// Asks, prints the answer, and succeeds when it is a 200. Who `trusts` the certificate whatever name it bears asks the
/// own machine: nothing is told that is secret.
///
/// # Errors
/// When nobody answers within three seconds.
pub async fn run(url: &str, trusts: bool) -> anyhow::Result<ExitCode> {
    let parsed = reqwest::Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let parsed = parsed.with_context(|| format!("`{url}`: expected http://HOST:PORT/PATH"))?;
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(PATIENCE)
        .redirect(reqwest::redirect::Policy::none())
        .tls_danger_accept_invalid_certs(trusts)
        .build()?;
    let answer = match client.get(parsed).send().await {
        Ok(answer) => answer,
        Err(error) if error.is_timeout() => anyhow::bail!("{url}: no answer within {PATIENCE:?}"),
        Err(error) => return Err(error).with_context(|| format!("cannot ask {url}")),
    };
    let status = answer.status().as_u16();
    let body = answer.text().await?;
    crate::print(&format!("{status} {}", body.trim()))?;
    Ok(if status == 200 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
