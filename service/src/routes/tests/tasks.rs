use reqwest::Method;
use serde_json::{Value, json};

use crate::testing::{Login, Service, header, problem};

async fn titles(service: &Service, login: &Login, query: &str) -> (Vec<String>, Value) {
    let page: Value = service.get(&format!("/api/v1/tasks{query}"), Some(login)).await.json().await.unwrap();
    let titles =
        page["tasks"].as_array().unwrap().iter().map(|t| t["title"].as_str().unwrap().to_owned()).collect();
    (titles, page)
}

#[tokio::test]
async fn a_task_can_be_made_read_changed_and_removed() {
    let service = Service::start().await;
    let login = service.register("ada").await;
    let new = json!({ "title": "Write", "description": "A letter", "dueAt": "2026-12-24T18:00:00+01:00" });
    let response = service.send(Method::POST, "/api/v1/tasks", Some(&login), Some(new)).await;
    let location = header(&response, "location").to_owned();
    let made: Value = response.json().await.unwrap();
    assert_eq!(location, format!("/api/v1/tasks/{}", made["id"].as_str().unwrap()));
    assert_eq!((&made["status"], &made["priority"]), (&json!("todo"), &json!("medium")));
    assert_eq!(made["dueAt"], "2026-12-24T17:00:00.000000Z");
    assert_eq!(service.get(&location, Some(&login)).await.json::<Value>().await.unwrap(), made);

    let change = json!({ "status": "in_progress", "description": null });
    let response = service.send(Method::PATCH, &location, Some(&login), Some(change)).await;
    let changed: Value = response.json().await.unwrap();
    assert_eq!((&changed["status"], &changed["description"]), (&json!("in_progress"), &Value::Null));
    assert_eq!(changed["dueAt"], made["dueAt"], "what is left out stays");
    assert_eq!(service.get(&location, Some(&login)).await.json::<Value>().await.unwrap(), changed);

    assert_eq!(service.send(Method::DELETE, &location, Some(&login), None).await.status(), 204);
    assert_eq!(problem(service.get(&location, Some(&login)).await).await.0, 404);
}

#[tokio::test]
async fn another_users_task_is_not_found() {
    let service = Service::start().await;
    let (owner, other) = (service.register("ada").await, service.register("bob").await);
    let task = service.task(&owner, "Mine").await;
    let path = format!("/api/v1/tasks/{}", task["id"].as_str().unwrap());
    // In the cache, where the other must not find it either.
    assert_eq!(service.get(&path, Some(&owner)).await.status(), 200);
    for method in [Method::GET, Method::PATCH, Method::DELETE] {
        let body = (method == Method::PATCH).then(|| json!({ "title": "Stolen" }));
        let response = service.send(method.clone(), &path, Some(&other), body).await;
        assert_eq!(problem(response).await.0, 404, "{method}");
    }
    assert_eq!(service.get(&path, Some(&owner)).await.json::<Value>().await.unwrap()["title"], "Mine");
    assert_eq!(titles(&service, &other, "").await.0, [""; 0]);
}

#[tokio::test]
async fn a_list_is_filtered_sorted_and_walked_by_cursor() {
    let service = Service::start().await;
    let login = service.register("ada").await;
    for (title, status) in [("One", "todo"), ("Two", "done"), ("Three", "todo"), ("100% sure", "todo")] {
        let body = json!({ "title": title, "status": status });
        service.send(Method::POST, "/api/v1/tasks", Some(&login), Some(body)).await;
    }
    assert_eq!(titles(&service, &login, "").await.0, ["100% sure", "Three", "Two", "One"]);
    assert_eq!(
        titles(&service, &login, "?status=todo&sort=created_at").await.0,
        ["One", "Three", "100% sure"]
    );
    assert_eq!(titles(&service, &login, "?q=T").await.0, ["Three", "Two"]);
    assert_eq!(titles(&service, &login, "?q=%25").await.0, ["100% sure"], "no wildcards");

    let (first, page) = titles(&service, &login, "?limit=3").await;
    assert_eq!((first.len(), &page["hasMore"]), (3, &json!(true)));
    service.task(&login, "Added between the pages").await;
    let cursor = page["nextCursor"].as_str().unwrap();
    let (second, page) = titles(&service, &login, &format!("?limit=3&cursor={cursor}")).await;
    assert_eq!(second, ["One"]);
    assert_eq!((&page["hasMore"], &page["nextCursor"]), (&json!(false), &Value::Null));
    let other_order = format!("/api/v1/tasks?sort=created_at&cursor={cursor}");
    assert_eq!(problem(service.get(&other_order, Some(&login)).await).await.0, 400);
}

#[tokio::test]
async fn parameters_that_are_not_acceptable_are_named() {
    let service = Service::start().await;
    let login = service.register("ada").await;
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=many", "limit"),
        ("status=finished", "status"),
        ("sort=title", "sort"),
        ("colour=red", "colour"),
    ] {
        let (status, problem) =
            problem(service.get(&format!("/api/v1/tasks?{query}"), Some(&login)).await).await;
        assert_eq!(status, 422, "{query}");
        assert_eq!(problem["errors"][0]["field"], field, "{query}: {problem}");
    }
    assert_eq!(problem(service.get("/api/v1/tasks?cursor=made-up", Some(&login)).await).await.0, 400);
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_refused_with_the_right_status() {
    let service = Service::with(|config| config.http.body_limit_bytes = 2048).await;
    let login = service.register("ada").await;
    let post = |body: String, kind: &str| {
        service
            .request(Method::POST, "/api/v1/tasks")
            .bearer_auth(&login.access)
            .header("content-type", kind)
            .body(body)
    };
    let long = json!({ "title": "x".repeat(5000) }).to_string();
    for (body, kind, status) in [
        ("{".to_owned(), "application/json", 400),
        (r#"{"title":"x"}"#.to_owned(), "text/plain", 415),
        (long, "application/json", 413),
        (r#"{"title":"x","owner":"me"}"#.to_owned(), "application/json", 422),
        (r#"{"title":7}"#.to_owned(), "application/json", 422),
        (r#"{"title":"x","dueAt":"tomorrow"}"#.to_owned(), "application/json", 422),
    ] {
        assert_eq!(problem(post(body.clone(), kind).send().await.unwrap()).await.0, status, "{body}");
    }
}

#[tokio::test]
async fn statistics_follow_every_write_at_once() {
    let service = Service::start().await;
    let login = service.register("ada").await;
    let stats =
        async || service.get("/api/v1/tasks/stats", Some(&login)).await.json::<Value>().await.unwrap();
    assert_eq!(stats().await["total"], 0);
    let task = service.task(&login, "One").await;
    assert_eq!((&stats().await["total"], &stats().await["todo"]), (&json!(1), &json!(1)));
    let path = format!("/api/v1/tasks/{}", task["id"].as_str().unwrap());
    service.send(Method::PATCH, &path, Some(&login), Some(json!({ "status": "done" }))).await;
    assert_eq!((&stats().await["todo"], &stats().await["done"]), (&json!(0), &json!(1)));
}

#[tokio::test]
async fn a_repeated_creation_with_the_same_key_makes_one_task() {
    let service = Service::start().await;
    let login = service.register("ada").await;
    let post = async |key: &str, title: &str| {
        let request = service.request(Method::POST, "/api/v1/tasks").bearer_auth(&login.access);
        request.header("idempotency-key", key).json(&json!({ "title": title })).send().await.unwrap()
    };
    let (first, second) = (post("key-1", "Once").await, post("key-1", "Once").await);
    assert_eq!((first.status().as_u16(), second.status().as_u16()), (201, 201));
    let (first, second): (Value, Value) = (first.json().await.unwrap(), second.json().await.unwrap());
    assert_eq!(first, second);
    assert_eq!(titles(&service, &login, "").await.0, ["Once"]);
    assert_eq!(problem(post("key-1", "Other").await).await.0, 422);
    assert_eq!(post("key-2", "Once").await.status(), 201);
    assert_eq!(titles(&service, &login, "").await.0.len(), 2);
    assert_eq!(problem(post(&"k".repeat(300), "Once").await).await.0, 400);
}

#[tokio::test]
async fn a_batch_makes_all_of_its_tasks_or_none() {
    let service = Service::start().await;
    let login = service.register("ada").await;
    let post = async |tasks: Value, key: &str| {
        let request = service.request(Method::POST, "/api/v1/tasks/batch").bearer_auth(&login.access);
        request.header("idempotency-key", key).json(&json!({ "tasks": tasks })).send().await.unwrap()
    };
    let many = |count: usize| (0..count).map(|n| json!({ "title": format!("Task {n}") })).collect::<Value>();
    let (first, second) = (post(many(500), "key-1").await, post(many(500), "key-1").await);
    assert_eq!((first.status().as_u16(), second.status().as_u16()), (201, 201));
    let (first, second): (Value, Value) = (first.json().await.unwrap(), second.json().await.unwrap());
    assert_eq!(first, second, "the repetition makes none");
    assert_eq!(first["tasks"][499]["title"], "Task 499");
    let stats: Value = service.get("/api/v1/tasks/stats", Some(&login)).await.json().await.unwrap();
    assert_eq!(stats["total"], 500);

    let spoilt = json!([{ "title": "Good" }, { "title": "" }]);
    let (status, problem_of) = problem(post(spoilt, "key-2").await).await;
    assert_eq!((status, &problem_of["errors"][0]["field"]), (422, &json!("tasks[1].title")));
    for count in [0, 501] {
        assert_eq!(problem(post(many(count), "key-3").await).await.0, 422, "{count}");
    }
    let stats: Value = service.get("/api/v1/tasks/stats", Some(&login)).await.json().await.unwrap();
    assert_eq!(stats["total"], 500);
}
