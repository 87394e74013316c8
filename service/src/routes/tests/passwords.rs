use std::time::{Duration, Instant};

use reqwest::{Method, Response};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::auth::reset;
use crate::clock;
use crate::store::outbox::{NewJob, Work};
use crate::store::{Timestamp, password_resets};
use crate::testing::{Login, PASSWORD, Service, problem};

const NEW: &str = "a better password";

/// A token as the mail has it, for a request made `age_s` ago.
async fn token(service: &Service, login: &Login, age_s: i64) -> String {
    let me: Value = service.get("/api/v1/users/me", Some(login)).await.json().await.unwrap();
    let user: Uuid = me["id"].as_str().unwrap().parse().unwrap();
    let reset_id = clock::new_id();
    let token = service.resets.token(user, reset_id);
    let asked_us = clock::now_us() - age_s * 1_000_000;
    let until = Timestamp(asked_us + reset::LIFE_S * 1_000_000);
    let hash = reset::hash(&token);
    let work = Work::PasswordResetMail { reset_id };
    let mail = NewJob { id: clock::new_id(), user_id: user, work, now: Timestamp(asked_us) };
    password_resets::insert(&service.store, &hash, until, &mail).await.unwrap();
    token
}

async fn confirm(service: &Service, token: &str, password: &str) -> Response {
    let body = json!({ "token": token, "password": password });
    service.send(Method::POST, "/api/v1/auth/password-reset/confirm", None, Some(body)).await
}

async fn log_in(service: &Service, password: &str) -> Response {
    let body = json!({ "email": "ada@headroom.example", "password": password });
    service.send(Method::POST, "/api/v1/auth/login", None, Some(body)).await
}

#[tokio::test]
async fn an_address_with_an_account_and_one_without_are_answered_alike() {
    let service = Service::start().await;
    service.register("ada").await;
    for email in ["ada@headroom.example", "nobody@headroom.example", "not an address"] {
        let asked = Instant::now();
        let body = json!({ "email": email });
        let response = service.send(Method::POST, "/api/v1/auth/password-reset", None, Some(body)).await;
        assert_eq!(response.status(), 202, "{email}");
        assert!(asked.elapsed() >= Duration::from_millis(100), "{email}: not before the beat");
        assert_eq!(response.bytes().await.unwrap().len(), 0, "{email}");
    }
}

#[tokio::test]
async fn a_token_sets_a_new_password_once_and_ends_every_session() {
    let service = Service::start().await;
    let before = service.register("ada").await;
    let token = token(&service, &before, 0).await;
    assert_eq!(confirm(&service, &token, NEW).await.status(), 204);
    assert_eq!(service.get("/api/v1/users/me", Some(&before)).await.status(), 401);
    let body = json!({ "refreshToken": before.refresh });
    assert_eq!(service.send(Method::POST, "/api/v1/auth/refresh", None, Some(body)).await.status(), 401);
    assert_eq!(log_in(&service, PASSWORD).await.status(), 401);
    assert_eq!(log_in(&service, NEW).await.status(), 200);
    let again = problem(confirm(&service, &token, "yet another password").await).await;
    assert_eq!((again.0, &again.1["errors"][0]["field"]), (422, &json!("token")));
    assert_eq!(log_in(&service, NEW).await.status(), 200);
}

#[tokio::test]
async fn of_two_who_use_a_token_at_once_one_sets_the_password() {
    let service = Service::start().await;
    let login = service.register("ada").await;
    let token = token(&service, &login, 0).await;
    let (one, two) =
        tokio::join!(confirm(&service, &token, "password one"), confirm(&service, &token, "password two"));
    let mut statuses = [one.status().as_u16(), two.status().as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 422]);
}

#[tokio::test]
async fn a_token_that_expired_was_overtaken_or_made_up_sets_nothing() {
    let service = Service::start().await;
    let login = service.register("ada").await;
    let expired = token(&service, &login, reset::LIFE_S + 1).await;
    let (overtaken, used) = (token(&service, &login, 0).await, token(&service, &login, 0).await);
    assert_eq!(confirm(&service, &used, PASSWORD).await.status(), 204);
    let made_up = service.resets.token(clock::new_id(), clock::new_id());
    for stale in [expired, overtaken, made_up, "nonsense".to_owned()] {
        assert_eq!(problem(confirm(&service, &stale, NEW).await).await.0, 422, "{stale}");
    }
    assert_eq!(log_in(&service, PASSWORD).await.status(), 200);
}

#[tokio::test]
async fn a_password_that_is_too_short_leaves_the_token_good() {
    let service = Service::start().await;
    let login = service.register("ada").await;
    let token = token(&service, &login, 0).await;
    let refused = problem(confirm(&service, &token, "short").await).await;
    assert_eq!((refused.0, &refused.1["errors"][0]["field"]), (422, &json!("password")));
    assert_eq!(confirm(&service, &token, NEW).await.status(), 204);
}
