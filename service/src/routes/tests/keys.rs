use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::config::Profile;
use crate::testing::{Login, PASSWORD, Service, header, problem};

const KEYS: &str = "/api/v1/auth/api-keys";
const SESSIONS: &str = "/api/v1/auth/sessions";

async fn make(service: &Service, login: &Login, name: &str) -> Value {
    let response = service.send(Method::POST, KEYS, Some(login), Some(json!({ "name": name }))).await;
    assert_eq!(response.status(), 201);
    response.json().await.unwrap()
}

async fn by_key(service: &Service, method: Method, path: &str, key: &str) -> Response {
    service.request(method, path).header("x-api-key", key).send().await.unwrap()
}

async fn login(service: &Service, device: &str) -> Login {
    let body = json!({ "email": "ada@headroom.example", "password": PASSWORD });
    let request =
        service.request(Method::POST, "/api/v1/auth/login").header("user-agent", device).json(&body);
    Login::from(&request.send().await.unwrap().json().await.unwrap())
}

#[tokio::test]
async fn a_key_is_shown_once_speaks_for_its_user_and_is_dead_once_removed() {
    let service = Service::start().await;
    let ada = service.register("ada").await;
    service.task(&ada, "By token").await;
    let made = make(&service, &ada, "Phone").await;
    let key = made["key"].as_str().unwrap();
    assert!(key.starts_with(made["prefix"].as_str().unwrap()) && made["lastUsedAt"].is_null());

    let tasks: Value = by_key(&service, Method::GET, "/api/v1/tasks", key).await.json().await.unwrap();
    assert_eq!(tasks["tasks"][0]["title"], "By token");
    let listed = service.get(KEYS, Some(&ada)).await.text().await.unwrap();
    assert!(!listed.contains(key), "only its beginning is kept: {listed}");
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed["apiKeys"][0]["name"], "Phone");
    assert!(listed["apiKeys"][0]["lastUsedAt"].is_string(), "{listed}");

    let path = format!("{KEYS}/{}", made["id"].as_str().unwrap());
    assert_eq!(service.send(Method::DELETE, &path, Some(&ada), None).await.status(), 204);
    let refused = by_key(&service, Method::GET, "/api/v1/tasks", key).await;
    assert_eq!(problem(refused).await.0, 401, "at once, though it was known a moment ago");
    assert_eq!(problem(service.send(Method::DELETE, &path, Some(&ada), None).await).await.0, 404);
}

#[tokio::test]
async fn keys_are_found_by_how_they_begin_and_there_are_at_most_twenty() {
    let service = Service::start().await;
    let ada = service.register("ada").await;
    let mut made = Vec::new();
    for n in 1..=20 {
        made.push(make(&service, &ada, &format!("Key {n}")).await["key"].as_str().unwrap().to_owned());
    }
    let found = async |prefix: &str| {
        let page: Value =
            service.get(&format!("{KEYS}?prefix={prefix}"), Some(&ada)).await.json().await.unwrap();
        page["apiKeys"].as_array().unwrap().len()
    };
    assert_eq!(found(&made[0]).await, 1, "the whole key, as somebody found it");
    // An underscore is a digit of keys too: it stands for itself, and not for any digit as in SQL.
    let with_underscore = made.iter().filter(|key| key.starts_with("hak__")).count();
    assert_eq!((found("hak_").await, found("hak__").await), (20, with_underscore), "{made:?}");
    let more = service.send(Method::POST, KEYS, Some(&ada), Some(json!({ "name": "More" }))).await;
    assert_eq!(problem(more).await.0, 409);
}

#[tokio::test]
async fn a_made_up_key_is_refused_and_a_token_beside_a_key_wins() {
    let service = Service::start().await;
    let ada = service.register("ada").await;
    let key = make(&service, &ada, "Phone").await["key"].as_str().unwrap().to_owned();
    let mut other = key.clone().into_bytes();
    other[20] = if other[20] == b'A' { b'B' } else { b'A' };
    let other = String::from_utf8(other).unwrap();
    for forged in [other.as_str(), "hak_", "hak_AAAA", "nonsense", ""] {
        let refused = by_key(&service, Method::GET, "/api/v1/tasks", forged).await;
        assert_eq!(problem(refused).await.0, 401, "{forged}");
    }
    let both =
        service.request(Method::GET, "/api/v1/tasks").header("x-api-key", &key).bearer_auth("nonsense");
    assert_eq!(both.send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn an_admins_key_does_nothing_that_only_an_admin_may() {
    let service = Service::start().await;
    let admin = service.admin().await;
    let key = make(&service, &admin, "Phone").await["key"].as_str().unwrap().to_owned();
    let refused = by_key(&service, Method::GET, "/api/v1/admin/users", &key).await;
    assert_eq!(problem(refused).await.0, 403);
    assert_eq!(by_key(&service, Method::GET, "/api/v1/tasks", &key).await.status(), 200);
}

#[tokio::test]
async fn a_key_has_the_limits_of_its_user() {
    // Of the limits of users the one that lets the next request in latest, so that none comes back meanwhile.
    const FAVORITES: &str = "/api/v1/favorites";
    let service = Service::with(|config| config.limits.profile = Profile::Strict).await;
    let ada = service.register("ada").await;
    let key = make(&service, &ada, "Phone").await["key"].as_str().unwrap().to_owned();
    for left in (0..10).rev() {
        let by_token = service.get(FAVORITES, Some(&ada)).await;
        assert_eq!(header(&by_token, "ratelimit-remaining"), (2 * left + 1).to_string());
        let by_key = by_key(&service, Method::GET, FAVORITES, &key).await;
        assert_eq!(header(&by_key, "ratelimit-remaining"), (2 * left).to_string());
    }
    assert_eq!(problem(by_key(&service, Method::GET, FAVORITES, &key).await).await.0, 429);
}

#[tokio::test]
async fn the_sessions_of_a_user_are_listed_and_ended_one_by_one() {
    let service = Service::start().await;
    service.register("ada").await;
    let (phone, laptop) = (login(&service, "Phone").await, login(&service, "Laptop").await);
    let page: Value = service.get(SESSIONS, Some(&laptop)).await.json().await.unwrap();
    let sessions = page["sessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 3, "with the one of the registration");
    assert_eq!((&sessions[0]["device"], &sessions[0]["current"]), (&json!("Laptop"), &json!(true)));
    assert_eq!((&sessions[1]["device"], &sessions[1]["current"]), (&json!("Phone"), &json!(false)));
    assert_eq!(
        (&sessions[1]["ip"], &sessions[1]["lastSeenAt"]),
        (&json!("127.0.0.1"), &sessions[1]["createdAt"])
    );

    let body = json!({ "refreshToken": phone.refresh });
    let fresh = service.send(Method::POST, "/api/v1/auth/refresh", None, Some(body)).await;
    let fresh = Login::from(&fresh.json().await.unwrap());
    let page: Value = service.get(SESSIONS, Some(&laptop)).await.json().await.unwrap();
    assert!(page["sessions"][1]["lastSeenAt"].as_str() > page["sessions"][1]["createdAt"].as_str(), "{page}");

    let path = format!("{SESSIONS}/{}", sessions[1]["id"].as_str().unwrap());
    assert_eq!(service.send(Method::DELETE, &path, Some(&laptop), None).await.status(), 204);
    for ended in [&phone, &fresh] {
        assert_eq!(service.get("/api/v1/users/me", Some(ended)).await.status(), 401);
    }
    assert_eq!(service.get("/api/v1/users/me", Some(&laptop)).await.status(), 200);
    assert_eq!(problem(service.send(Method::DELETE, &path, Some(&laptop), None).await).await.0, 404);
}

#[tokio::test]
async fn an_eleventh_login_ends_the_oldest_session() {
    let service = Service::start().await;
    let first = service.register("ada").await;
    let mut last = None;
    for n in 1..=10 {
        assert_eq!(service.get("/api/v1/users/me", Some(&first)).await.status(), 200, "before login {n}");
        last = Some(login(&service, &format!("Device {n}")).await);
    }
    assert_eq!(service.get("/api/v1/users/me", Some(&first)).await.status(), 401);
    let page: Value = service.get(SESSIONS, last.as_ref()).await.json().await.unwrap();
    assert_eq!(page["sessions"].as_array().unwrap().len(), 10);
}
