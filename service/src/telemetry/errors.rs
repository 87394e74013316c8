//! Errors, as they are logged, sent to a Sentry project.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use sentry::protocol::{Event, Exception, Level, User, Values};
use sentry::transports::DefaultTransportFactory;
use sentry::{Client, ClientOptions};
use serde_json::Value;
use tracing::Subscriber;
use tracing::field::{Field, Visit};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use crate::config::TelemetryConfig;

/// How long the end of the process may wait for the last ones.
const PATIENCE: Duration = Duration::from_secs(3);

/// What sends errors.
#[derive(Clone)]
pub struct Errors(Arc<Client>);

impl Errors {
    /// As configured; `None` without a project.
    pub fn start(config: &TelemetryConfig) -> Option<Self> {
        let dsn = config.sentry_dsn.expose_secret();
        if dsn.is_empty() {
            return None;
        }
        let options = ClientOptions::new()
            .dsn(dsn)
            .release(concat!("headroom-service@", env!("CARGO_PKG_VERSION")))
            .default_integrations(false)
            .transport(DefaultTransportFactory);
        Some(Self(Arc::new(Client::with_options(options))))
    }

    /// Sends what is left.
    pub fn close(self) {
        self.0.close(Some(PATIENCE));
    }
}

impl<S: Subscriber> Layer<S> for Errors {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        self.0.capture_event(fields.into_event(event.metadata().target()), None);
    }
}

/// The fields of a log line.
#[derive(Default)]
struct Fields(BTreeMap<String, Value>);

impl Fields {
    fn take(&mut self, name: &str) -> Option<String> {
        self.0.remove(name).map(|value| match value {
            Value::String(text) => text,
            other => other.to_string(),
        })
    }

    /// What Sentry groups by and searches for goes where it looks for it; the rest is shown beside.
    fn into_event(mut self, target: &str) -> Event<'static> {
        let message = self.take("message").unwrap_or_default();
        let cause = self.take("cause").or_else(|| self.take("error"));
        let tags =
            [("id", "request_id"), ("http_route", "http_route"), ("status", "status"), ("method", "method")];
        let tags =
            tags.into_iter().filter_map(|(field, tag)| Some((tag.to_owned(), self.take(field)?))).collect();
        let user = self.take("user").map(|id| User { id: Some(id), ..User::default() });
        let exception =
            cause.map(|value| Exception { ty: message.clone(), value: Some(value), ..Exception::default() });
        Event {
            level: Level::Error,
            logger: Some(target.to_owned()),
            message: exception.is_none().then_some(message),
            exception: Values { values: exception.into_iter().collect() },
            tags,
            user,
            extra: self.0,
            ..Event::default()
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}
