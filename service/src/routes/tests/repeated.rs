//! A request that comes again with its `Idempotency-Key` while the first is still in progress.

use reqwest::Method;
use serde_json::{Value, json};

use crate::config::{Config, DatabaseConfig, Policy};
use crate::store::tests::in_flight::Hold;
use crate::testing::{self, Login, Service, problem};

async fn post(service: &Service, login: &Login, key: &str) -> reqwest::Response {
    let request = service.request(Method::POST, "/api/v1/tasks").bearer_auth(&login.access);
    request.header("idempotency-key", key).json(&json!({ "title": "Once" })).send().await.unwrap()
}

/// The first request meets `one`, the repetition `other`.
async fn is_refused_until_the_first_is_answered(one: &Service, other: &Service) {
    let login = one.register("ada").await;
    let hold = Hold::on(&one.store).await;
    let meanwhile = async {
        hold.is_waited_for(&one.store).await;
        let (status, problem) = problem(post(other, &login, "k").await).await;
        assert_eq!((status, &problem["type"]), (409, &json!("urn:headroom:problem:conflict")));
        hold.release().await;
    };
    let (first, ()) = tokio::join!(post(one, &login, "k"), meanwhile);
    assert_eq!(first.status(), 201);
    let again = post(other, &login, "k").await;
    assert_eq!(again.status(), 201);
    let (first, again): (Value, Value) = (first.json().await.unwrap(), again.json().await.unwrap());
    assert_eq!(first, again);
    let list: Value = one.get("/api/v1/tasks", Some(&login)).await.json().await.unwrap();
    assert_eq!(list["tasks"].as_array().map(Vec::len), Some(1), "{list}");
}

#[tokio::test]
async fn a_repetition_is_refused_while_the_first_is_in_progress() {
    let service = Service::start().await;
    is_refused_until_the_first_is_answered(&service, &service).await;
}

#[tokio::test]
async fn also_where_it_meets_another_process() {
    let database = testing::postgres();
    let shared = |config: &mut Config| {
        config.database = DatabaseConfig { path: config.database.path.clone(), ..database.clone() };
        config.auth.secret = Some("a secret that both processes know".into());
        // Each would have a cache of its own.
        config.cache.policy = Policy::Off;
    };
    let (one, other) = (Service::with(shared).await, Service::with(shared).await);
    is_refused_until_the_first_is_answered(&one, &other).await;
}
