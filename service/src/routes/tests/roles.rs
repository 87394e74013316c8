use reqwest::Method;
use serde_json::{Value, json};

use crate::config::{Role, Roles};
use crate::testing::{Login, PASSWORD, Service, problem};

const USERS: &str = "/api/v1/admin/users";

async fn id_of(service: &Service, login: &Login) -> String {
    let me: Value = service.get("/api/v1/users/me", Some(login)).await.json().await.unwrap();
    me["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_admin_walks_through_all_accounts_and_finds_one_by_its_address() {
    let service = Service::start().await;
    let admin = service.admin().await;
    for name in ["ada", "bob", "cyd", "dan"] {
        service.register(name).await;
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page: Value =
            service.get(&format!("{USERS}?limit=2{cursor}"), Some(&admin)).await.json().await.unwrap();
        seen.extend(
            page["users"].as_array().unwrap().iter().map(|u| u["email"].as_str().unwrap().to_owned()),
        );
        assert!(!page.to_string().contains("argon2"));
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let names: Vec<&str> = seen.iter().map(|email| email.split('@').next().unwrap()).collect();
    assert_eq!(names, ["dan", "cyd", "bob", "ada", "173"], "newest first; the last is the admin");
    let found: Value = service.get(&format!("{USERS}?email=BO"), Some(&admin)).await.json().await.unwrap();
    assert_eq!(found["users"].as_array().unwrap().len(), 1);
    assert_eq!(found["users"][0]["email"], "bob@headroom.example");
    let foreign = service.get(&format!("{USERS}?cursor=nonsense"), Some(&admin)).await;
    assert_eq!(problem(foreign).await.0, 400);
}

#[tokio::test]
async fn a_new_role_counts_from_the_next_login_on_and_the_old_tokens_are_dead() {
    let service = Service::start().await;
    let (admin, ada) = (service.admin().await, service.register("ada").await);
    let path = format!("{USERS}/{}/role", id_of(&service, &ada).await);
    let set = async |role: &str| {
        service.send(Method::PATCH, &path, Some(&admin), Some(json!({ "role": role }))).await
    };
    let same = set("user").await;
    assert_eq!(same.json::<Value>().await.unwrap()["role"], "user");
    assert_eq!(service.get("/api/v1/users/me", Some(&ada)).await.status(), 200, "nothing changed");

    let changed = set("admin").await;
    assert_eq!(changed.json::<Value>().await.unwrap()["role"], "admin");
    assert_eq!(service.get("/api/v1/users/me", Some(&ada)).await.status(), 401);
    let body = json!({ "email": "ada@headroom.example", "password": PASSWORD });
    let login = service.send(Method::POST, "/api/v1/auth/login", None, Some(body)).await;
    let ada = Login::from(&login.json().await.unwrap());
    assert_eq!(service.get(USERS, Some(&ada)).await.status(), 200);

    assert_eq!(set("user").await.status(), 200);
    assert_eq!(service.get(USERS, Some(&ada)).await.status(), 401, "taken back at once");
    assert_eq!(problem(set("owner").await).await.0, 422);
}

#[tokio::test]
async fn an_admin_does_not_change_the_own_role() {
    let service = Service::start().await;
    let admin = service.admin().await;
    let path = format!("{USERS}/{}/role", id_of(&service, &admin).await);
    let own = service.send(Method::PATCH, &path, Some(&admin), Some(json!({ "role": "user" }))).await;
    assert_eq!(problem(own).await.0, 409);
    let nobody = format!("{USERS}/{}/role", crate::clock::new_id());
    let nobody = service.send(Method::PATCH, &nobody, Some(&admin), Some(json!({ "role": "user" }))).await;
    assert_eq!(problem(nobody).await.0, 404);
}

#[tokio::test]
async fn a_process_answers_for_its_roles_and_is_watched_in_any() {
    let service = Service::with(|config| config.serve.roles = Roles::only(Role::Tasks)).await;
    assert_eq!(service.get("/api/v1/tasks", None).await.status(), 401);
    assert_eq!(service.get("/api/v2/products", None).await.status(), 404);
    for path in ["/livez", "/readyz", "/health", "/metrics", "/openapi.json"] {
        assert_eq!(service.get(path, None).await.status(), 200, "{path}");
    }
}
