//! What tests share: a real service on a free port over a real SQLite file, and a client.

use std::ops::Deref;
use std::sync::atomic::{AtomicU32, Ordering};

use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::app::App;
use crate::config::{Config, DatabaseConfig, Profile};
use crate::lifecycle::{self, Running};
use crate::store::products::Product;
use crate::store::users::{self, Role, User};
use crate::store::{Store, Timestamp};
use crate::telemetry::metrics::Metrics;

/// A service of its own for one test.
pub struct Service {
    pub running: Running,
    client: reqwest::Client,
    _dir: tempfile::TempDir,
}

/// A user who is logged in.
pub struct Login {
    pub access: String,
    pub refresh: String,
}

/// A configuration over a file in a folder of its own.
pub fn config() -> (Config, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.database.path = dir.path().join("test.db").to_str().unwrap().to_owned();
    config.http.listen = ([127, 0, 0, 1], 0).into();
    config.limits.profile = Profile::Off;
    config.lifecycle.drain_wait_ms = 0;
    (config, dir)
}

/// An empty, migrated store.
pub async fn store() -> (Store, tempfile::TempDir) {
    let (config, dir) = config();
    let store = Store::open(&config.database, &Metrics::default()).await.unwrap();
    store.migrate().await.unwrap();
    (store, dir)
}

/// The settings of a store in an empty PostgreSQL database of its own.
pub fn postgres() -> DatabaseConfig {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let name = format!("test{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let url = stack::Postgres::shared().create_database(&name).unwrap();
    DatabaseConfig {
        url: url.parse().unwrap_or_default(),
        min_connections: 0,
        max_connections: 8,
        ..DatabaseConfig::default()
    }
}

/// An empty, migrated store on PostgreSQL.
pub async fn postgres_store() -> Store {
    let store = Store::open(&postgres(), &Metrics::default()).await.unwrap();
    store.migrate().await.unwrap();
    store
}

/// The settings of a store whose users are spread over `shards` empty PostgreSQL databases.
pub fn sharded(shards: usize) -> DatabaseConfig {
    let urls: Vec<String> = (0..shards).map(|_| postgres().url.expose().to_owned()).collect();
    let shards = urls.iter().filter_map(|url| url.parse().ok()).collect();
    DatabaseConfig { shards, max_connections: 4, ..postgres() }
}

/// An empty, migrated store whose users are spread over `shards` databases.
pub async fn sharded_store(shards: usize) -> Store {
    let store = Store::open(&sharded(shards), &Metrics::default()).await.unwrap();
    store.migrate().await.unwrap();
    store
}

/// Questions that replicas answered so far.
pub fn answered_by_replicas(metrics: &Metrics) -> f64 {
    let lines = metrics.render();
    let counts = lines.lines().filter(|line| {
        line.starts_with("db_client_operation_duration_seconds_count") && line.contains("role=\"replica\"")
    });
    counts.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
}

/// A product that is nowhere yet; its id is `number`.
pub fn product(number: u128) -> Product {
    Product {
        id: uuid::Uuid::from_u128(number),
        title: format!("Product {number}"),
        description: String::new(),
        category: "home".to_owned(),
        price_cents: 1,
        stock: 1,
        created_at: Timestamp(1),
        updated_at: Timestamp(1),
    }
}

/// A user in `store`.
pub async fn user(store: &Store, number: u128) -> uuid::Uuid {
    let id = uuid::Uuid::from_u128(number);
    let at = Timestamp(1);
    let email = format!("{number}@headroom.example");
    let user = User { id, email, name: "Test".to_owned(), role: Role::User, created_at: at, updated_at: at };
    users::insert(store, &user, "", None).await.unwrap();
    id
}

impl Service {
    /// With the default configuration of tests.
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// With a configuration that `change` adapts.
    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let (mut config, dir) = config();
        change(&mut config);
        let running = lifecycle::start(config).await.unwrap();
        Self { running, client: reqwest::Client::builder().no_proxy().no_gzip().build().unwrap(), _dir: dir }
    }

    /// Stops it; its folder stays for as long as what is returned.
    pub async fn stop(self) -> tempfile::TempDir {
        self.running.stop().await;
        self._dir
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.running.address))
    }

    pub async fn get(&self, path: &str, login: Option<&Login>) -> Response {
        self.send(Method::GET, path, login, None).await
    }

    pub async fn send(
        &self,
        method: Method,
        path: &str,
        login: Option<&Login>,
        body: Option<Value>,
    ) -> Response {
        let mut request = self.request(method, path);
        if let Some(login) = login {
            request = request.bearer_auth(&login.access);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        request.send().await.unwrap()
    }

    /// Registers `name@headroom.example`.
    pub async fn register(&self, name: &str) -> Login {
        let body = json!({ "email": format!("{name}@headroom.example"), "name": name, "password": PASSWORD });
        let response = self.send(Method::POST, "/api/v1/auth/register", None, Some(body)).await;
        assert_eq!(response.status(), 201);
        Login::from(&response.json().await.unwrap())
    }

    /// A user with the role admin, made past the API.
    pub async fn admin(&self) -> Login {
        let id = user(&self.running.app.store, 0xAD).await;
        let session_id = crate::clock::new_id();
        let identity = crate::auth::tokens::Identity { user_id: id, session_id, role: Role::Admin };
        let access = self.running.app.tokens.issue(identity, crate::clock::now_s(), 900).unwrap();
        Login { access, refresh: String::new() }
    }

    /// Makes a task and returns it.
    pub async fn task(&self, login: &Login, title: &str) -> Value {
        let response =
            self.send(Method::POST, "/api/v1/tasks", Some(login), Some(json!({ "title": title }))).await;
        assert_eq!(response.status(), 201);
        response.json().await.unwrap()
    }

    /// Makes a product and returns its id.
    pub async fn product(&self, admin: &Login, title: &str, price_cents: i64) -> String {
        let body = json!({ "title": title, "category": "home", "priceCents": price_cents });
        let response = self.send(Method::POST, "/api/v1/products", Some(admin), Some(body)).await;
        assert_eq!(response.status(), 201);
        response.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned()
    }
}

/// The password of every registered test user.
pub const PASSWORD: &str = "a good password";

impl From<&Value> for Login {
    fn from(tokens: &Value) -> Self {
        let text = |name: &str| tokens[name].as_str().unwrap().to_owned();
        Self { access: text("accessToken"), refresh: text("refreshToken") }
    }
}

impl Deref for Service {
    type Target = App;

    fn deref(&self) -> &App {
        &self.running.app
    }
}

/// The header `name` of a response.
pub fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

/// Status and problem of a response that must be one.
pub async fn problem(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    assert_eq!(header(&response, "content-type"), "application/problem+json");
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["status"], status);
    (status, problem)
}
