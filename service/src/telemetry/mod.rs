//! Logs, metrics, traces and errors.

pub mod activity;
mod errors;
pub mod metrics;
pub mod process;
pub mod trace;

use anyhow::Context as _;
use tokio::runtime::Handle;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer};

use self::errors::Errors;
use self::trace::Traces;
use crate::config::{Config, Format, LogConfig};

/// What has to be sent before the process ends.
#[derive(Default)]
pub struct Telemetry {
    traces: Option<Traces>,
    errors: Option<Errors>,
}

/// Sends log lines to stderr in the configured shape, and traces and errors to where they are wanted, over connections
/// that live on `runtime`. Where they are not wanted, nothing is made for them. A second call in one process changes
/// nothing.
///
/// # Errors
/// When what sends traces cannot be made.
pub fn start(config: &Config, runtime: &Handle) -> anyhow::Result<Telemetry> {
    let wanted = &config.telemetry;
    let traces = Traces::start(wanted, runtime).context("telemetry.otlp_endpoint")?;
    let errors = Errors::start(wanted);
    if traces.is_none() && errors.is_none() {
        log_to_stderr(&config.log);
        return Ok(Telemetry::default());
    }
    let ours = Targets::new().with_target(trace::TARGET, LevelFilter::TRACE);
    // Only a second subscriber can fail here, and then the first one stays.
    let _already_set = tracing_subscriber::registry()
        .with(lines(&config.log).with_filter(EnvFilter::new(&config.log.level)))
        .with(traces.as_ref().map(|traces| traces.layer().with_filter(ours)))
        .with(errors.clone().map(|errors| errors.with_filter(LevelFilter::ERROR)))
        .try_init();
    Ok(Telemetry { traces, errors })
}

impl Telemetry {
    /// Sends what is left, for a few seconds at most. Not to be called where a runtime's tasks run.
    pub fn close(self) {
        if let Some(traces) = self.traces {
            traces.close();
        }
        if let Some(errors) = self.errors {
            errors.close();
        }
    }
}

/// Sends log lines to stderr in the configured shape. A second call in one process changes nothing.
pub fn log_to_stderr(config: &LogConfig) {
    let filter = EnvFilter::new(&config.level);
    // Only a second subscriber can fail here, and then the first one stays.
    let _already_set = tracing_subscriber::registry().with(lines(config).with_filter(filter)).try_init();
}

fn lines<S>(config: &LogConfig) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    match config.format {
        Format::Json => lines.json().flatten_event(true).boxed(),
        Format::Pretty => {
            let colour = std::io::IsTerminal::is_terminal(&std::io::stderr()) && !no_colour();
            lines.with_ansi(colour).with_target(false).boxed()
        }
    }
}

fn no_colour() -> bool {
    crate::config::process_environment().any(|(name, value)| name == "NO_COLOR" && !value.is_empty())
}
