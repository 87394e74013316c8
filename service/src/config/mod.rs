//! The configuration: defaults, then a TOML file, then the environment, then `--set`; validated once, at start.
//!
//! The environment is read here and nowhere else. A key `section.name` is the variable `SERVICE_SECTION_NAME`.

mod admin;
mod auth;
mod cache;
mod choice;
mod cidr;
mod database;
mod files;
mod http;
mod lifecycle;
mod limits;
mod list;
mod log;
mod mail;
mod mask;
mod queue;
mod redis;
mod secret_url;
mod serve;
mod shard;
mod telemetry;
mod tls;

use std::path::Path;

pub use admin::AdminConfig;
pub use auth::{AuthConfig, Told};
pub use cache::{CacheConfig, Policy, Tier};
pub use cidr::Cidr;
pub use database::{DatabaseConfig, IN_MEMORY, ReadYourWrites};
pub use files::FilesConfig;
pub use http::{HttpConfig, address};
pub use lifecycle::LifecycleConfig;
pub use limits::{Counted, LimitsConfig, Profile};
pub use log::{Format, LogConfig, Requests};
pub use mail::{MailConfig, MailSink};
pub use queue::{QueueConfig, QueueKind};
pub use redis::RedisConfig;
pub use secret_url::SecretUrl;
use serde::{Deserialize, Serialize};
pub use serve::{Role, Roles, ServeConfig};
pub use shard::ShardUrls;
pub use telemetry::TelemetryConfig;
pub use tls::TlsConfig;

const PREFIX: &str = "SERVICE_";
/// Every value may come from a file, which is where secrets belong: `SERVICE_AUTH_SECRET_FILE=/run/secrets/jwt`.
const FROM_FILE: &str = "_FILE";

/// Everything that can be configured. Serialising it masks the secrets.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Listening, time limits, sizes, proxies.
    pub http: HttpConfig,
    /// The store.
    pub database: DatabaseConfig,
    /// Tokens and passwords.
    pub auth: AuthConfig,
    /// The response cache.
    pub cache: CacheConfig,
    /// Redis, for what several processes share.
    pub redis: RedisConfig,
    /// Rate limits.
    pub limits: LimitsConfig,
    /// What is logged and how.
    pub log: LogConfig,
    /// Stopping.
    pub lifecycle: LifecycleConfig,
    /// Who may use the admin routes.
    pub admin: AdminConfig,
    /// Background work.
    pub queue: QueueConfig,
    /// Where mail goes.
    pub mail: MailConfig,
    /// What is made for users and fetched by them.
    pub files: FilesConfig,
    /// Which part of the service a process is.
    pub serve: ServeConfig,
    /// Serving HTTPS.
    pub tls: TlsConfig,
    /// Where traces and errors are sent.
    pub telemetry: TelemetryConfig,
}

/// Why a configuration was refused; one line that names the key and what would be right.
#[derive(Debug, thiserror::Error)]
#[error("configuration: {0}")]
pub struct ConfigError(String);

impl ConfigError {
    fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

/// Reads and validates the configuration.
///
/// `file` is a TOML file; `environment` the process's variables; `overrides` are `key=value` pairs, which win.
///
/// # Errors
/// A missing file, an unknown key, a value of the wrong type or out of its range.
pub fn load(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
    overrides: &[(String, String)],
) -> Result<Config, ConfigError> {
    let mut builder = ::config::Config::builder();
    if let Some(path) = file {
        let text = std::fs::read_to_string(path)
            .map_err(|e| ConfigError::new(format!("cannot read {}: {e}", path.display())))?;
        builder = builder.add_source(::config::File::from_str(&text, ::config::FileFormat::Toml));
    }
    for (key, value) in from_environment(environment)? {
        builder = set(builder, &key, value)?;
    }
    for (key, value) in overrides {
        builder = set(builder, key, value.clone())?;
    }
    let config: Config = builder
        .build()
        .and_then(::config::Config::try_deserialize)
        .map_err(|e| ConfigError::new(one_line(&e.to_string())))?;
    config.validate()?;
    Ok(config)
}

/// The variables of this process.
#[allow(clippy::disallowed_methods, reason = "the environment is read in this room only")]
pub fn process_environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
}

type Builder = ::config::ConfigBuilder<::config::builder::DefaultState>;

fn set(builder: Builder, key: &str, value: String) -> Result<Builder, ConfigError> {
    builder
        .set_override(key, value)
        .map_err(|e| ConfigError::new(format!("{key}: {}", one_line(&e.to_string()))))
}

fn from_environment(
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Vec<(String, String)>, ConfigError> {
    let mut pairs = Vec::new();
    for (name, value) in environment {
        let Some(rest) = name.strip_prefix(PREFIX) else { continue };
        let (rest, from_file) = rest.strip_suffix(FROM_FILE).map_or((rest, false), |rest| (rest, true));
        let Some((section, key)) = rest.split_once('_') else {
            return Err(ConfigError::new(format!(
                "{name}: expected {PREFIX}SECTION_KEY, such as SERVICE_CACHE_POLICY"
            )));
        };
        let value = if from_file {
            let text = std::fs::read_to_string(&value)
                .map_err(|e| ConfigError::new(format!("{name}: cannot read {value}: {e}")))?;
            text.trim_end().to_owned()
        } else {
            value
        };
        pairs.push((format!("{}.{}", section.to_lowercase(), key.to_lowercase()), value));
    }
    Ok(pairs)
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Config {
    fn validate(&self) -> Result<(), ConfigError> {
        self.http.validate()?;
        self.database.validate()?;
        self.auth.validate()?;
        self.cache.validate()?;
        self.queue.validate()?;
        self.mail.validate()?;
        self.files.validate()?;
        self.tls.validate()?;
        self.telemetry.validate()?;
        self.redis.validate()?;
        match self.cache.tier {
            Tier::Local => {}
            Tier::Redis => self.redis.needed_by("cache.tier", "redis", "local")?,
            Tier::Tiered => self.redis.needed_by("cache.tier", "tiered", "local")?,
        }
        if self.limits.store == Counted::Redis {
            self.redis.needed_by("limits.store", "redis", "process")?;
        }
        if self.auth.revocations == Told::Redis {
            self.redis.needed_by("auth.revocations", "redis", "process")?;
        }
        self.log.validate()
    }
}

/// Refuses `value` outside `range`, naming the key.
fn within<T>(key: &str, value: T, range: std::ops::RangeInclusive<T>) -> Result<(), ConfigError>
where
    T: PartialOrd + std::fmt::Display,
{
    if range.contains(&value) {
        return Ok(());
    }
    Err(ConfigError::new(format!(
        "{key} is {value}; it must be between {} and {}",
        range.start(),
        range.end()
    )))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn env(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn a_set_option_wins_over_the_environment_which_wins_over_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("service.toml");
        std::fs::write(
            &file,
            "[cache]\npolicy = \"off\"\nmax_bytes = 1048576\n[limits]\nprofile = \"off\"\n",
        )
        .unwrap();
        let config = load(
            Some(&file),
            env(&[("SERVICE_LIMITS_PROFILE", "strict"), ("SERVICE_HTTP_MAX_IN_FLIGHT", "7")]),
            &env(&[("limits.profile", "generous")]),
        )
        .unwrap();
        assert_eq!(config.cache.policy, Policy::Off);
        assert_eq!(config.cache.max_bytes, 1_048_576);
        assert_eq!(config.limits.profile, Profile::Generous);
        assert_eq!(config.http.max_in_flight, 7);
    }

    #[test]
    fn an_unknown_key_is_refused_in_one_line_that_lists_the_right_ones() {
        let error = load(None, env(&[("SERVICE_CACHE_POLICI", "off")]), &[]).unwrap_err().to_string();
        assert!(error.contains("polici") && error.contains("`policy`"), "{error}");
        assert!(!error.contains('\n'));
    }

    #[test]
    fn a_value_out_of_range_is_refused_by_name() {
        let error = load(None, [], &env(&[("http.max_in_flight", "0")])).unwrap_err().to_string();
        assert!(error.contains("http.max_in_flight is 0"), "{error}");
    }

    #[test]
    fn a_word_that_is_not_a_choice_is_answered_with_the_choices() {
        for (key, wrong, expected) in [
            ("cache.policy", "offf", "off or aside or through"),
            ("limits.profile", "lax", "strict or generous or off"),
            ("cache.tier", "l2", "local or redis or tiered"),
            ("cache.tier", "tiered", "redis.urls is empty; set redis.urls=redis://127.0.0.1:6379"),
            ("limits.store", "redis", "or limits.store=process"),
            ("log.requests", "all", "on or errors or off"),
            ("http.listen", "0.0.0.0", "127.0.0.1:8080"),
            ("serve.roles", "gateway", "auth or users or tasks"),
            ("telemetry.otlp_endpoint", "collector:4318", "http://127.0.0.1:4318"),
            ("telemetry.sentry_dsn", "sentry.example", "https://KEY@sentry.example/PROJECT"),
            ("tls.key", "key.pem", "tls.certificate is not"),
        ] {
            let error = load(None, [], &env(&[(key, wrong)])).unwrap_err().to_string();
            assert!(error.contains(key) && error.contains(expected), "{error}");
        }
    }

    #[test]
    fn every_value_may_come_from_a_file_and_a_file_that_is_missing_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("dsn");
        std::fs::write(&file, "https://public@sentry.example/7\n").unwrap();
        let (file, name) = (file.to_str().unwrap(), "SERVICE_TELEMETRY_SENTRY_DSN_FILE");
        let config = load(None, env(&[(name, file)]), &[]).unwrap();
        assert_eq!(config.telemetry.sentry_dsn.expose_secret(), "https://public@sentry.example/7");
        assert!(!format!("{config:?}{}", serde_json::to_string(&config).unwrap()).contains("public"));
        let error = load(None, env(&[(name, "/nowhere/dsn")]), &[]).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains("/nowhere/dsn"), "{error}");
        let error = load(None, env(&[("SERVICE_CACHE_POLICI_FILE", file)]), &[]).unwrap_err().to_string();
        assert!(error.contains("polici"), "{error}");
    }

    #[test]
    fn an_address_of_redis_is_never_shown_with_its_password() {
        let urls = "redis://:s3cret-word@127.0.0.1:6379/0,redis://127.0.0.1:6380";
        let config = load(None, [], &env(&[("redis.urls", urls)])).unwrap();
        assert_eq!(config.redis.urls[0].expose(), "redis://:s3cret-word@127.0.0.1:6379/0");
        let shown = format!("{config:?}{}", serde_json::to_string(&config).unwrap());
        assert!(!shown.contains("s3cret-word"), "{shown}");
        assert!(
            shown.contains("redis://:********@127.0.0.1:6379/0") && shown.contains("redis://127.0.0.1:6380")
        );
        let wrong = [("redis.urls", "redis://127.0.0.1:6379,http://:s3cret-word@host")];
        let error = load(None, [], &env(&wrong)).unwrap_err().to_string();
        assert!(error.contains("address 2") && !error.contains("s3cret-word"), "{error}");
    }

    #[test]
    fn a_secret_is_read_from_its_file_and_masked_when_printed() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("jwt");
        let secret = "0123456789abcdef0123456789abcdef";
        std::fs::write(&file, format!("{secret}\n")).unwrap();
        let config = load(None, env(&[("SERVICE_AUTH_SECRET_FILE", file.to_str().unwrap())]), &[]).unwrap();
        assert_eq!(config.auth.secret.as_ref().unwrap().expose_secret(), secret);
        assert!(!format!("{config:?}").contains(secret));
        assert!(!serde_json::to_string(&config).unwrap().contains(secret));
    }
}
