//! `service healthcheck`: asks a running service, for container health checks.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use axum::http::{Request, Uri, header};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

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
    format!("http://{address}/readyz")
}

/// Asks, prints the answer, and succeeds when it is a 200.
///
/// # Errors
/// When nobody answers within three seconds.
pub async fn run(url: &str) -> anyhow::Result<ExitCode> {
    let asked = tokio::time::timeout(PATIENCE, ask(url)).await;
    let (status, body) = asked.with_context(|| format!("{url}: no answer within {PATIENCE:?}"))??;
    crate::print(&format!("{status} {}", body.trim()))?;
    Ok(if status == 200 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn ask(url: &str) -> anyhow::Result<(u16, String)> {
    let uri: Uri = url.parse().with_context(|| format!("`{url}` is no URL"))?;
    anyhow::ensure!(uri.scheme_str() == Some("http"), "`{url}`: expected http://HOST:PORT/PATH");
    let authority = uri.authority().with_context(|| format!("`{url}` names no host"))?;
    let host = authority.host().trim_matches(['[', ']']);
    let stream = TcpStream::connect((host, authority.port_u16().unwrap_or(80)))
        .await
        .with_context(|| format!("cannot connect to {authority}"))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let request =
        Request::get(path).header(header::HOST, authority.as_str()).body(Empty::<bytes::Bytes>::new())?;
    let response = sender.send_request(request).await?;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await?.to_bytes();
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}
