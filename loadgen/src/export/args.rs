use std::{ffi::OsString, net::SocketAddr, path::PathBuf};

use clap::Args;
use url::Url;

use crate::{share::Share, web::listen};

/// What leaves a run while it goes on.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "While it runs")]
pub struct ExportArgs {
    /// Offer metrics to Prometheus at http://ADDR/metrics [default ADDR: 127.0.0.1:5671]
    #[arg(
        long,
        value_name = "ADDR",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "127.0.0.1:5671",
        value_parser = listen
    )]
    pub prometheus: Option<SocketAddr>,
    /// Push metrics to an OpenTelemetry collector (OTLP over HTTP, protobuf), such as http://127.0.0.1:4318; headers
    /// come from OTEL_EXPORTER_OTLP_HEADERS
    #[arg(long, value_name = "URL", value_parser = collector)]
    pub otlp: Option<Url>,
    /// Write every request as a line of JSON to this file: when it was due, sent, first answered and ended (microseconds
    /// since second 0), its name, status, error, bytes, user and iteration; each of several workers to FILE.0, FILE.1, …
    #[arg(long, value_name = "FILE")]
    pub log_requests: Option<PathBuf>,
    /// Most lines of the request log
    #[arg(long, value_name = "LINES", default_value_t = 1_000_000, requires = "log_requests")]
    pub log_requests_limit: u64,
    /// Most megabytes of the request log
    #[arg(long, value_name = "MB", default_value_t = 1_000, requires = "log_requests")]
    pub log_requests_size: u64,
    /// Share of iterations whose requests are logged, above 0 and up to 1
    #[arg(long, value_name = "SHARE", default_value_t = 1.0, value_parser = share, requires = "log_requests")]
    pub log_requests_share: f64,
}

impl ExportArgs {
    /// What a worker is told: a log of its own, and its part of the bounds. The rest is its parent's.
    pub fn of_worker(&self, part: Share) -> Vec<OsString> {
        let Some(file) = &self.log_requests else { return Vec::new() };
        let mut own = file.clone().into_os_string();
        own.push(format!(".{}", part.index()));
        let each = |all: u64| (all / part.of()).max(1);
        vec![
            "--log-requests".into(),
            own,
            format!("--log-requests-limit={}", each(self.log_requests_limit)).into(),
            format!("--log-requests-size={}", each(self.log_requests_size)).into(),
            format!("--log-requests-share={}", self.log_requests_share).into(),
        ]
    }
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if share > 0.0 && share <= 1.0 => Ok(share),
        _ => Err("a number above 0 and up to 1 is needed, such as 0.1".to_owned()),
    }
}

/// The URL that metrics go to: where it names no path, the one that the protocol gives.
fn collector(text: &str) -> Result<Url, String> {
    let mut url = Url::parse(text).map_err(|error| format!("{error}; write it as http://HOST:4318"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err("an http:// or https:// URL is needed, such as http://127.0.0.1:4318".to_owned());
    }
    if url.path() == "/" {
        url.set_path("/v1/metrics");
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_without_a_path_gets_the_protocols() {
        assert_eq!(collector("http://127.0.0.1:4318").unwrap().as_str(), "http://127.0.0.1:4318/v1/metrics");
        assert_eq!(collector("https://c.example/otlp/m").unwrap().path(), "/otlp/m");
        assert!(collector("127.0.0.1:4318").is_err() && collector("ftp://c.example").is_err());
    }

    #[test]
    fn a_share_is_above_0_and_up_to_1() {
        assert!(share("0.5").is_ok() && share("1").is_ok());
        assert!(
            share("0").is_err() && share("1.1").is_err() && share("NaN").is_err() && share("half").is_err()
        );
    }
}
