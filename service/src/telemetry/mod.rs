//! Logs and metrics.

pub mod activity;
pub mod metrics;
pub mod process;

use tracing_subscriber::EnvFilter;

use crate::config::{Format, LogConfig};

/// Sends log lines to stderr in the configured shape. A second call in one process changes nothing.
pub fn log_to_stderr(config: &LogConfig) {
    let filter = EnvFilter::new(&config.level);
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Only a second subscriber can fail here, and then the first one stays.
    let _already_set = match config.format {
        Format::Json => lines.json().flatten_event(true).try_init(),
        Format::Pretty => {
            let colour = std::io::IsTerminal::is_terminal(&std::io::stderr()) && !no_colour();
            lines.with_ansi(colour).with_target(false).try_init()
        }
    };
}

fn no_colour() -> bool {
    crate::config::process_environment().any(|(name, value)| name == "NO_COLOR" && !value.is_empty())
}
