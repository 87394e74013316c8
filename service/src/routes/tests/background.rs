//! Jobs, notifications, events and what is counted of them.

use reqwest::Method;
use serde_json::{Value, json};

use crate::clock;
use crate::queue::chores::{Chore, work};
use crate::testing::{Service, problem};

async fn get(service: &Service, path: &str, login: &crate::testing::Login) -> Value {
    let answer = service.get(path, Some(login)).await;
    assert_eq!(answer.status(), 200, "{path}");
    answer.json().await.unwrap()
}

#[tokio::test]
async fn an_export_asked_for_twice_with_one_key_is_one_job() {
    let service = Service::start().await;
    let login = service.register("ada").await;
    let ask = async |format: &str| {
        let request = service.request(Method::POST, "/api/v1/tasks/export").bearer_auth(&login.access);
        request.header("idempotency-key", "one").json(&json!({ "format": format })).send().await.unwrap()
    };
    let (first, second) = (ask("csv").await, ask("csv").await);
    assert_eq!((first.status().as_u16(), second.status().as_u16()), (202, 202));
    let (first, second): (Value, Value) = (first.json().await.unwrap(), second.json().await.unwrap());
    assert_eq!(first, second);
    assert_eq!(problem(ask("ndjson").await).await.0, 422);
    let wrong = service
        .send(Method::POST, "/api/v1/tasks/export", Some(&login), Some(json!({ "format": "pdf" })))
        .await;
    assert_eq!(problem(wrong).await.1["errors"][0]["field"], "format");
}

#[tokio::test]
async fn only_names_that_were_given_lead_to_files() {
    let service = Service::start().await;
    for name in
        ["export-x.csv", "..%2F..%2Fetc%2Fpasswd", "export-.csv", &format!("export-{}.csv", "A".repeat(43))]
    {
        assert_eq!(problem(service.get(&format!("/api/v1/files/{name}"), None).await).await.0, 404, "{name}");
    }
}

fn in_hours(hours: i64) -> String {
    crate::store::Timestamp(clock::now_us() + hours * 3_600_000_000).to_string()
}

#[tokio::test]
async fn a_task_that_is_due_within_a_day_is_reminded_of_once() {
    let service = Service::start().await;
    let (login, other) = (service.register("ada").await, service.register("bob").await);
    for (title, due, status) in
        [("Soon", 3, "todo"), ("Done", 3, "done"), ("Later", 48, "todo"), ("Over", -3, "todo")]
    {
        let task = json!({ "title": title, "dueAt": in_hours(due), "status": status });
        service.send(Method::POST, "/api/v1/tasks", Some(&login), Some(task)).await;
    }
    for _ in 0..2 {
        work(&service, Chore::Reminders).await.unwrap();
    }
    let page = get(&service, "/api/v1/notifications", &login).await;
    let all = page["notifications"].as_array().unwrap();
    assert_eq!((all.len(), &all[0]["title"], &all[0]["readAt"]), (1, &json!("Soon"), &Value::Null));
    assert_eq!(get(&service, "/api/v1/notifications", &other).await["notifications"], json!([]));

    let read = format!("/api/v1/notifications/{}/read", all[0]["id"].as_str().unwrap());
    assert_eq!(problem(service.send(Method::POST, &read, Some(&other), None).await).await.0, 404);
    for _ in 0..2 {
        assert_eq!(service.send(Method::POST, &read, Some(&login), None).await.status(), 204);
    }
    assert_eq!(get(&service, "/api/v1/notifications?unread=true", &login).await["notifications"], json!([]));
    let again = get(&service, "/api/v1/notifications", &login).await;
    assert!(again["notifications"][0]["readAt"].is_string());
}

#[tokio::test]
async fn notifications_are_walked_by_cursor() {
    let service = Service::start().await;
    let login = service.register("ada").await;
    for hours in 1..=5 {
        let task = json!({ "title": format!("In {hours}"), "dueAt": in_hours(hours) });
        service.send(Method::POST, "/api/v1/tasks", Some(&login), Some(task)).await;
    }
    work(&service, Chore::Reminders).await.unwrap();
    let (mut titles, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = get(&service, &format!("/api/v1/notifications?limit=2{cursor}"), &login).await;
        titles.extend(page["notifications"].as_array().unwrap().iter().map(|n| n["title"].to_string()));
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    titles.sort();
    assert_eq!(titles.len(), 5);
    titles.dedup();
    assert_eq!(titles.len(), 5, "none is shown twice");
}

#[tokio::test]
async fn events_are_counted_once_however_often_they_are_sent() {
    let service = Service::start().await;
    let (ada, bob, admin) =
        (service.register("ada").await, service.register("bob").await, service.admin().await);
    let (product, id) = (clock::new_id(), clock::new_id());
    let send = async |login, events: Value| {
        let body = json!({ "events": events });
        service.send(Method::POST, "/api/v1/events", Some(login), Some(body)).await
    };
    let view = json!({ "id": id, "type": "product_view", "productId": product });
    let first = send(&ada, json!([view, { "type": "search", "query": " Lamp" }])).await;
    assert_eq!(first.status(), 202);
    assert_eq!(first.json::<Value>().await.unwrap(), json!({ "accepted": 2, "repeated": 0 }));
    let again = send(&ada, json!([view])).await;
    assert_eq!(again.json::<Value>().await.unwrap(), json!({ "accepted": 0, "repeated": 1 }));
    work(&service, Chore::RollUp).await.unwrap();
    send(&ada, json!([{ "type": "favorite", "productId": product }, { "type": "search", "query": "lamp" }]))
        .await;
    send(&bob, json!([{ "type": "product_view", "productId": product }, { "type": "search", "query": "desk" },
        { "type": "conversion", "productId": product, "valueCents": 995 }, { "type": "time_on_page", "durationMs": 12 }]))
    .await;
    for _ in 0..2 {
        work(&service, Chore::RollUp).await.unwrap();
    }
    let funnel = get(&service, "/api/v1/admin/analytics/funnel", &admin).await;
    // Bob bought without marking a favourite: he is not on the way that is counted.
    assert_eq!(funnel, json!({ "days": 7, "users": { "viewed": 2, "favorited": 1, "converted": 0 } }));
    let top = get(&service, "/api/v1/admin/analytics/top-searches?limit=1", &admin).await;
    assert_eq!(top["searches"], json!([{ "term": "lamp", "searches": 2 }]));
    for path in ["funnel", "top-searches"] {
        let refused = service.get(&format!("/api/v1/admin/analytics/{path}"), Some(&ada)).await;
        assert_eq!(problem(refused).await.0, 403);
    }
}

#[tokio::test]
async fn events_that_miss_what_their_type_needs_are_named_and_none_is_taken() {
    let service = Service::start().await;
    let login = service.register("ada").await;
    for (event, field) in [
        (json!({ "type": "search" }), "events[1].query"),
        (json!({ "type": "search", "query": "  " }), "events[1].query"),
        (json!({ "type": "product_view" }), "events[1].productId"),
        (json!({ "type": "time_on_page" }), "events[1].durationMs"),
        (json!({ "type": "time_on_page", "durationMs": -1 }), "events[1].durationMs"),
        (
            json!({ "type": "search", "query": "x", "occurredAt": "2001-01-01T00:00:00Z" }),
            "events[1].occurredAt",
        ),
    ] {
        let body = json!({ "events": [{ "type": "search", "query": "lamp" }, event] });
        let (status, problem) =
            problem(service.send(Method::POST, "/api/v1/events", Some(&login), Some(body)).await).await;
        assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!(field)), "{problem}");
    }
    let many: Vec<Value> = (0..1001).map(|_| json!({ "type": "search", "query": "x" })).collect();
    let refused =
        service.send(Method::POST, "/api/v1/events", Some(&login), Some(json!({ "events": many }))).await;
    assert_eq!(problem(refused).await.0, 422);
    let most = service
        .send(Method::POST, "/api/v1/events", Some(&login), Some(json!({ "events": many[1..] })))
        .await;
    assert_eq!(most.json::<Value>().await.unwrap()["accepted"], 1000);
}
