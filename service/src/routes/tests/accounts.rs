use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use reqwest::Method;
use serde_json::{Value, json};

use crate::config::Profile;
use crate::testing::{Login, PASSWORD, Service, header, problem};

async fn refresh(service: &Service, token: &str) -> reqwest::Response {
    service.send(Method::POST, "/api/v1/auth/refresh", None, Some(json!({ "refreshToken": token }))).await
}

#[tokio::test]
async fn a_registered_user_can_log_in_with_any_case_of_the_email() {
    let service = Service::start().await;
    service.register("ada").await;
    let body = json!({ "email": "ADA@headroom.example", "password": PASSWORD });
    let response = service.send(Method::POST, "/api/v1/auth/login", None, Some(body)).await;
    assert_eq!(response.status(), 200);
    let login = Login::from(&response.json().await.unwrap());
    let me: Value = service.get("/api/v1/users/me", Some(&login)).await.json().await.unwrap();
    assert_eq!(me["email"], "ada@headroom.example");
    assert!(me.get("passwordHash").is_none());
}

#[tokio::test]
async fn an_unknown_email_and_a_wrong_password_get_the_same_answer() {
    let service = Service::start().await;
    service.register("ada").await;
    let mut answers = Vec::new();
    for email in ["ada@headroom.example", "nobody@headroom.example"] {
        let body = json!({ "email": email, "password": "a wrong password" });
        answers.push(problem(service.send(Method::POST, "/api/v1/auth/login", None, Some(body)).await).await);
    }
    assert_eq!(answers[0].0, 401);
    assert_eq!(answers[0], answers[1]);
}

#[tokio::test]
async fn an_email_registers_once() {
    let service = Service::start().await;
    service.register("ada").await;
    let body = json!({ "email": "Ada@Headroom.example", "name": "Ada", "password": PASSWORD });
    let (status, _) =
        problem(service.send(Method::POST, "/api/v1/auth/register", None, Some(body)).await).await;
    assert_eq!(status, 409);
}

#[tokio::test]
async fn every_wrong_field_of_a_registration_is_named() {
    let service = Service::start().await;
    let body = json!({ "email": "not an address", "name": "", "password": "short" });
    let (status, problem) =
        problem(service.send(Method::POST, "/api/v1/auth/register", None, Some(body)).await).await;
    assert_eq!(status, 422);
    let mut fields: Vec<_> =
        problem["errors"].as_array().unwrap().iter().map(|e| e["field"].as_str().unwrap()).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["email", "name", "password"]);
    assert_eq!(problem["instance"], "/api/v1/auth/register");
}

#[tokio::test]
async fn a_refresh_token_works_once_and_its_replay_revokes_the_family() {
    let service = Service::start().await;
    let first = service.register("ada").await;
    let response = refresh(&service, &first.refresh).await;
    assert_eq!(response.status(), 200);
    let second = Login::from(&response.json().await.unwrap());
    assert_ne!(first.refresh, second.refresh);
    assert_eq!(service.get("/api/v1/users/me", Some(&second)).await.status(), 200);

    assert_eq!(problem(refresh(&service, &first.refresh).await).await.0, 401, "the replay");
    assert_eq!(refresh(&service, &second.refresh).await.status(), 401, "the latest token of the family");
    assert_eq!(service.get("/api/v1/users/me", Some(&second)).await.status(), 401, "its access token");
}

#[tokio::test]
async fn logging_out_ends_this_session_and_logging_out_everywhere_all() {
    let service = Service::start().await;
    let first = service.register("ada").await;
    let body = json!({ "email": "ada@headroom.example", "password": PASSWORD });
    let mut logins = vec![first];
    for _ in 0..2 {
        let response = service.send(Method::POST, "/api/v1/auth/login", None, Some(body.clone())).await;
        logins.push(Login::from(&response.json().await.unwrap()));
    }
    let alive = async |login| service.get("/api/v1/users/me", Some(login)).await.status() == 200;
    assert_eq!(service.send(Method::POST, "/api/v1/auth/logout", Some(&logins[0]), None).await.status(), 204);
    assert!(!alive(&logins[0]).await && alive(&logins[1]).await && alive(&logins[2]).await);
    assert_eq!(refresh(&service, &logins[0].refresh).await.status(), 401);
    assert_eq!(
        service.send(Method::POST, "/api/v1/auth/logout-all", Some(&logins[1]), None).await.status(),
        204
    );
    assert!(!alive(&logins[1]).await && !alive(&logins[2]).await);
}

#[tokio::test]
async fn a_tampered_token_is_refused() {
    let service = Service::start().await;
    let login = service.register("ada").await;
    let parts: Vec<&str> = login.access.split('.').collect();
    let claims: Value = serde_json::from_slice(&B64.decode(parts[1]).unwrap()).unwrap();
    let mut admin = claims.clone();
    admin["role"] = json!("admin");
    let admin = B64.encode(admin.to_string());
    let none = B64.encode(r#"{"alg":"none","typ":"JWT"}"#);
    for token in [
        format!("{}.{admin}.{}", parts[0], parts[2]),
        format!("{none}.{}.", parts[1]),
        format!("{}.{}.", parts[0], parts[1]),
        "nonsense".to_owned(),
        String::new(),
    ] {
        let forged = Login { access: token.clone(), refresh: String::new() };
        let response = service.get("/api/v1/users/me", Some(&forged)).await;
        assert_eq!(header(&response, "www-authenticate"), "Bearer");
        assert_eq!(problem(response).await.0, 401, "{token}");
    }
    assert_eq!(service.get("/api/v1/users/me", None).await.status(), 401);
}

#[tokio::test]
async fn a_removed_account_is_gone_with_its_tokens_and_its_email_is_free_again() {
    let service = Service::start().await;
    let login = service.register("ada").await;
    service.task(&login, "Something").await;
    assert_eq!(service.send(Method::DELETE, "/api/v1/users/me", Some(&login), None).await.status(), 204);
    assert_eq!(service.get("/api/v1/tasks", Some(&login)).await.status(), 401);
    assert_eq!(refresh(&service, &login.refresh).await.status(), 401);
    service.register("ada").await;
}

#[tokio::test]
async fn an_account_and_its_preferences_can_be_changed() {
    let service = Service::start().await;
    let login = service.register("ada").await;
    service.register("bob").await;
    let patch = async |body| service.send(Method::PATCH, "/api/v1/users/me", Some(&login), Some(body)).await;
    assert_eq!(patch(json!({ "name": "Countess" })).await.status(), 200);
    assert_eq!(patch(json!({ "email": "bob@headroom.example" })).await.status(), 409);
    assert_eq!(patch(json!({ "role": "admin" })).await.status(), 422, "unknown fields are refused");
    let me: Value = service.get("/api/v1/users/me", Some(&login)).await.json().await.unwrap();
    assert_eq!((&me["name"], &me["email"]), (&json!("Countess"), &json!("ada@headroom.example")));

    let path = "/api/v1/users/me/preferences";
    let before: Value = service.get(path, Some(&login)).await.json().await.unwrap();
    assert_eq!(before["theme"], "system");
    let wanted = json!({ "theme": "dark", "locale": "de-AT", "emailNotifications": false, "pageSize": 50 });
    assert_eq!(service.send(Method::PUT, path, Some(&login), Some(wanted.clone())).await.status(), 200);
    assert_eq!(service.get(path, Some(&login)).await.json::<Value>().await.unwrap(), wanted);
}

#[tokio::test]
async fn strict_limits_refuse_the_sixth_login_and_say_when_to_come_back() {
    let service = Service::with(|config| config.limits.profile = Profile::Strict).await;
    let body = json!({ "email": "nobody@headroom.example", "password": "a wrong password" });
    for left in (0..5).rev() {
        let response = service.send(Method::POST, "/api/v1/auth/login", None, Some(body.clone())).await;
        assert_eq!(response.status(), 401);
        assert_eq!(header(&response, "ratelimit-limit"), "5");
        assert_eq!(header(&response, "ratelimit-remaining"), left.to_string());
    }
    let refused = service.send(Method::POST, "/api/v1/auth/login", None, Some(body)).await;
    let wait: u64 = header(&refused, "retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait));
    assert_eq!(problem(refused).await.0, 429);
    let metrics = service.get("/metrics", None).await.text().await.unwrap();
    assert!(metrics.contains("rate_limited_total{limit=\"auth\"} 1"), "{metrics}");
}
