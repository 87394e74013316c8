use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::Method;
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::clock;
use crate::config::Profile;
use crate::testing::{Login, Service, header, problem};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn signed(claims: &Value, algorithm: Algorithm, secret: &str) -> String {
    let key = EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&Header::new(algorithm), claims, &key).unwrap()
}

#[tokio::test]
async fn a_token_is_good_only_as_it_was_issued() {
    let service = Service::with(|config| config.auth.secret = Some(SecretString::from(SECRET))).await;
    let now = clock::now_s();
    let good = json!({
        "iss": "headroom", "aud": "headroom-api", "exp": now + 60, "iat": now, "sub": clock::new_id(),
        "jti": clock::new_id(), "sid": clock::new_id(), "role": "user",
    });
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        signed(&claims, Algorithm::HS256, SECRET)
    };
    let without = |name: &str| {
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().remove(name);
        signed(&claims, Algorithm::HS256, SECRET)
    };
    let plain = signed(&good, Algorithm::HS256, SECRET);
    let unsigned = {
        use base64::Engine as _;
        let none = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
        format!("{none}.{}.", plain.split('.').nth(1).unwrap())
    };
    let ask = async |token: String| {
        let login = Login { access: token, refresh: String::new() };
        service.get("/api/v1/tasks", Some(&login)).await
    };
    assert_eq!(ask(plain).await.status(), 200);
    for (what, token) in [
        ("none", unsigned),
        ("HS384", signed(&good, Algorithm::HS384, SECRET)),
        ("HS512", signed(&good, Algorithm::HS512, SECRET)),
        ("another secret", signed(&good, Algorithm::HS256, "another secret of thirty-two bytes")),
        ("another audience", with("aud", json!("another-api"))),
        ("no audience", without("aud")),
        ("another issuer", with("iss", json!("somebody"))),
        ("expired", with("exp", json!(now - 1))),
        ("no expiry", without("exp")),
        ("a role that is none", with("role", json!("root"))),
    ] {
        let refused = ask(token).await;
        assert_eq!(header(&refused, "www-authenticate"), "Bearer", "{what}");
        assert_eq!(problem(refused).await.0, 401, "{what}");
    }
}

#[tokio::test]
async fn of_two_who_use_a_refresh_token_at_once_neither_keeps_the_session() {
    let service = Service::start().await;
    let login = service.register("ada").await;
    let refresh = async || {
        let body = json!({ "refreshToken": login.refresh });
        service.send(Method::POST, "/api/v1/auth/refresh", None, Some(body)).await
    };
    let (one, two) = tokio::join!(refresh(), refresh());
    let mut statuses = [one.status().as_u16(), two.status().as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401]);
    let winner = if one.status() == 200 { one } else { two };
    let winner = Login::from(&winner.json().await.unwrap());
    assert_eq!(service.get("/api/v1/users/me", Some(&winner)).await.status(), 401, "one of them is a thief");
}

/// How many of `count` logins pass, each with another made-up `X-Forwarded-For`.
async fn admitted(service: &Service, count: u8, forwarded: impl Fn(u8) -> String) -> usize {
    let mut admitted = 0;
    for n in 0..count {
        // Another account each time, so that only the limit per address counts.
        let body = json!({ "email": format!("{n}@headroom.example"), "password": "a wrong password" });
        let request = service.request(Method::POST, "/api/v1/auth/login").json(&body);
        let response = request.header("x-forwarded-for", forwarded(n)).send().await.unwrap();
        admitted += usize::from(response.status() == 401);
    }
    admitted
}

#[tokio::test]
async fn a_made_up_forwarded_for_does_not_move_the_limit_to_another_address() {
    let direct = Service::with(|config| config.limits.profile = Profile::Strict).await;
    assert_eq!(admitted(&direct, 8, |n| format!("203.0.113.{n}")).await, 5, "nobody's proxy");
    let behind = Service::with(|config| {
        config.limits.profile = Profile::Strict;
        config.http.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap(), "10.0.0.0/8".parse().unwrap()];
    })
    .await;
    let one = |n: u8| format!("203.0.113.{n}, 198.51.100.7, 10.0.0.1");
    assert_eq!(admitted(&behind, 8, one).await, 5, "what stands left of the true address is made up");
    assert_eq!(
        admitted(&behind, 8, |n| format!("198.51.100.{}", 10 + n)).await,
        8,
        "eight clients of a proxy"
    );
}

#[tokio::test]
async fn an_admin_is_let_in_by_the_true_address() {
    let service = Service::with(|config| {
        config.http.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
        config.admin.allow = vec!["192.0.2.0/24".parse().unwrap()];
    })
    .await;
    let admin = service.admin().await;
    let from = async |forwarded: &str| {
        let request = service.request(Method::GET, "/api/v1/admin/users").bearer_auth(&admin.access);
        request.header("x-forwarded-for", forwarded).send().await.unwrap().status().as_u16()
    };
    assert_eq!(from("192.0.2.9").await, 200);
    assert_eq!(from("192.0.2.9, 203.0.113.9").await, 403, "the left one is made up");
    let nowhere: IpAddr = "203.0.113.9".parse().unwrap();
    assert_eq!(from(&nowhere.to_string()).await, 403);
}

#[tokio::test]
async fn every_response_has_the_headers_that_owasp_asks_for() {
    let service = Service::start().await;
    for path in ["/livez", "/api/v2/products", "/api/v1/users/me", "/nothing", "/openapi.json"] {
        let response = service.get(path, None).await;
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-embedder-policy", "require-corp"),
            ("cross-origin-resource-policy", "same-origin"),
            ("x-permitted-cross-domain-policies", "none"),
            ("strict-transport-security", ""),
        ] {
            assert_eq!(header(&response, name), value, "{path}: {name}");
        }
        assert!(header(&response, "permissions-policy").contains("camera=()"), "{path}");
        for told in ["server", "x-powered-by"] {
            assert_eq!(header(&response, told), "", "{path}: what runs here is nobody's business");
        }
    }
}

#[tokio::test]
async fn a_method_that_a_path_does_not_answer_is_told_those_that_it_does() {
    let service = Service::start().await;
    let response = service.send(Method::PUT, "/api/v1/tasks", None, None).await;
    assert_eq!(header(&response, "allow"), "GET, HEAD, POST");
    assert_eq!(problem(response).await.0, 405);
}

#[tokio::test]
async fn a_head_or_a_body_that_drips_in_is_given_up_and_silence_between_requests_is_not() {
    let service = Service::with(|config| {
        config.http.header_timeout_ms = 100;
        config.http.body_timeout_ms = 100;
        config.http.idle_timeout_s = 60;
    })
    .await;
    let connect = || TcpStream::connect(service.running.address);
    let mut head = connect().await.unwrap();
    head.write_all(b"GET /livez HTTP/1.1\r\nHost:").await.unwrap();
    let mut rest = Vec::new();
    head.read_to_end(&mut rest).await.unwrap();
    assert!(rest.is_empty(), "there is nothing to answer yet");

    let mut body = connect().await.unwrap();
    let request = b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
                    Content-Length: 50\r\n\r\n{";
    body.write_all(request).await.unwrap();
    let mut answer = String::new();
    body.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("connection: close"), "{answer}");

    let mut idle = connect().await.unwrap();
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_millis(250)).await;
        idle.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        while !answer.ends_with("\r\n\r\nok") {
            answer.push(char::from(idle.read_u8().await.unwrap()));
        }
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    }
    assert_eq!(service.in_flight.load(Ordering::Acquire), 0);
}
