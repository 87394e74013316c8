//! What the probes say while the servers behind the service go and come back.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::config::{QueueKind, Tier};
use crate::testing::Service;

/// RabbitMQ takes its time to come back.
const PATIENCE: Duration = Duration::from_secs(120);

/// Asks until `/health` has this status and these dependencies, and `/readyz` is answered with `ready`.
async fn until(service: &Service, status: &str, dependencies: &Value, ready: u16) {
    let end = Instant::now() + PATIENCE;
    loop {
        let health = service.get("/health", None).await;
        let code = health.status().as_u16();
        let health: Value = health.json().await.unwrap();
        assert_eq!(
            code == 200,
            health["status"] == "ok" || health["status"] == "degraded",
            "{code} {health}"
        );
        let readiness = service.get("/readyz", None).await.status().as_u16();
        if health["status"] == status && health["dependencies"] == *dependencies && readiness == ready {
            return;
        }
        assert!(Instant::now() < end, "{status} {dependencies} {ready} expected: {health} {readiness}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn standing(database: &str, redis: &str, rabbitmq: &str) -> Value {
    json!({ "database": database, "redis": redis, "rabbitmq": rabbitmq })
}

#[tokio::test]
async fn what_the_service_does_not_use_is_no_dependency() {
    let service = Service::start().await;
    until(&service, "ok", &json!({ "database": "up" }), 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_server_that_goes_is_named_until_it_is_back_and_only_the_database_is_indispensable() {
    let (postgres, redis, rabbitmq) = thread::scope(|scope| {
        let rabbitmq = scope.spawn(stack::RabbitMq::start);
        let redis = scope.spawn(stack::Redis::start);
        let postgres = stack::Postgres::start().unwrap();
        (postgres, redis.join().unwrap().unwrap(), rabbitmq.join().unwrap().unwrap())
    });
    let service = Service::with(|config| {
        config.database.url = postgres.create_database("health").unwrap().parse().unwrap();
        config.database.min_connections = 0;
        config.auth.secret = Some("a secret that outlives this process".into());
        config.redis.urls = vec![redis.url().parse().unwrap()];
        config.cache.tier = Tier::Tiered;
        config.queue.kind = QueueKind::RabbitMq;
        config.queue.url = rabbitmq.url().parse().unwrap();
    })
    .await;
    let well = standing("up", "up", "up");
    until(&service, "ok", &well, 200).await;

    redis.kill();
    until(&service, "degraded", &standing("up", "down", "up"), 200).await;
    let login = service.register("ada").await;
    service.task(&login, "Written without Redis").await;
    redis.start_again().unwrap();
    until(&service, "ok", &well, 200).await;

    rabbitmq.kill();
    until(&service, "degraded", &standing("up", "up", "down"), 200).await;
    service.task(&login, "Written without RabbitMQ").await;
    rabbitmq.start_again().unwrap();
    until(&service, "ok", &well, 200).await;

    postgres.kill();
    until(&service, "down", &standing("down", "up", "up"), 503).await;
    assert_eq!(service.get("/livez", None).await.status(), 200);
    postgres.start_again().unwrap();
    until(&service, "ok", &well, 200).await;
    let tasks: Value = service.get("/api/v1/tasks", Some(&login)).await.json().await.unwrap();
    assert_eq!(tasks["tasks"].as_array().map(Vec::len), Some(2), "{tasks}");
}
