use reqwest::Method;
use serde_json::{Value, json};

use crate::queue::chores::{Chore, work};
use crate::testing::{Service, header, problem};

async fn titles(service: &Service, path: &str) -> (Vec<String>, Value) {
    let response = service.get(path, None).await;
    assert_eq!(response.status(), 200, "{path}");
    let page: Value = response.json().await.unwrap();
    let titles = page["products"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["title"].as_str().unwrap().to_owned())
        .collect();
    (titles, page)
}

#[tokio::test]
async fn everybody_reads_the_catalogue_and_only_admins_change_it() {
    let service = Service::start().await;
    let (user, admin) = (service.register("ada").await, service.admin().await);
    let id = service.product(&admin, "Lamp", 1999).await;
    let path = format!("/api/v1/products/{id}");
    assert_eq!(service.get(&path, None).await.json::<Value>().await.unwrap()["priceCents"], 1999);
    let change = json!({ "priceCents": 999 });
    for (login, status) in [(None, 401), (Some(&user), 403)] {
        let refused = service.send(Method::PATCH, &path, login, Some(change.clone())).await;
        assert_eq!(problem(refused).await.0, status);
    }
    assert_eq!(service.send(Method::PATCH, &path, Some(&admin), Some(change)).await.status(), 200);
    assert_eq!(service.get(&path, None).await.json::<Value>().await.unwrap()["priceCents"], 999);
    assert_eq!(service.send(Method::DELETE, &path, Some(&admin), None).await.status(), 204);
    assert_eq!(problem(service.get(&path, None).await).await.0, 404);
    assert_eq!(titles(&service, "/api/v2/products").await.0.len(), 0);
}

#[tokio::test]
async fn an_admin_at_another_address_is_refused() {
    let service = Service::with(|config| config.admin.allow = vec!["10.0.0.0/8".parse().unwrap()]).await;
    let admin = service.admin().await;
    let body = json!({ "title": "Lamp", "category": "home", "priceCents": 1 });
    let refused = service.send(Method::POST, "/api/v1/products", Some(&admin), Some(body)).await;
    assert_eq!(problem(refused).await.0, 403);
}

#[tokio::test]
async fn the_first_version_pages_by_number_and_says_that_it_is_deprecated() {
    let service = Service::start().await;
    let admin = service.admin().await;
    for n in 1..=5 {
        service.product(&admin, &format!("Lamp {n}"), n * 100).await;
    }
    let response = service.get("/api/v1/products?page=2&limit=2", None).await;
    assert!(header(&response, "deprecation").starts_with('@'));
    assert_eq!(header(&response, "link"), "</api/v2/products>; rel=\"successor-version\"");
    let page: Value = response.json().await.unwrap();
    assert_eq!((&page["total"], &page["totalPages"], &page["page"]), (&json!(5), &json!(3), &json!(2)));
    assert_eq!(titles(&service, "/api/v1/products?page=2&limit=2").await.0, ["Lamp 3", "Lamp 2"]);
    assert_eq!(titles(&service, "/api/v1/products?page=9").await.0, [""; 0]);
}

#[tokio::test]
async fn the_second_version_walks_by_cursor_and_both_filter_alike() {
    let service = Service::start().await;
    let admin = service.admin().await;
    for n in 1..=5 {
        service.product(&admin, &format!("Lamp {n}"), n * 100).await;
    }
    let body = json!({ "title": "Tent", "category": "camping", "priceCents": 300 });
    service.send(Method::POST, "/api/v1/products", Some(&admin), Some(body)).await;
    let (mut seen, mut query) = (Vec::new(), String::new());
    loop {
        let (titles, page) =
            titles(&service, &format!("/api/v2/products?limit=2&category=home{query}")).await;
        seen.extend(titles);
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        query = format!("&cursor={cursor}");
        service.product(&admin, "Added meanwhile", 1).await;
    }
    assert_eq!(seen, ["Lamp 5", "Lamp 4", "Lamp 3", "Lamp 2", "Lamp 1"]);
    for version in ["v1", "v2"] {
        let path = format!("/api/{version}/products?min_price=200&max_price=400&q=LAMP");
        assert_eq!(titles(&service, &path).await.0, ["Lamp 4", "Lamp 3", "Lamp 2"]);
        let fields = service.get(&format!("/api/{version}/products?fields=title&limit=1"), None).await;
        let page: Value = fields.json().await.unwrap();
        let keys: Vec<_> = page["products"][0].as_object().unwrap().keys().cloned().collect();
        assert_eq!(keys, ["id", "title"]);
        let refused = service.get(&format!("/api/{version}/products?min_price=5&max_price=4"), None).await;
        assert_eq!(problem(refused).await.1["errors"][0]["field"], "max_price");
    }
}

#[tokio::test]
async fn favourites_are_marked_listed_and_unmarked() {
    let service = Service::start().await;
    let (admin, user) = (service.admin().await, service.register("ada").await);
    let mut ids = Vec::new();
    for n in 1..=3 {
        ids.push(service.product(&admin, &format!("Lamp {n}"), n).await);
    }
    let list = async |query: &str| {
        let page: Value =
            service.get(&format!("/api/v1/favorites{query}"), Some(&user)).await.json().await.unwrap();
        let titles: Vec<_> =
            page["favorites"].as_array().unwrap().iter().map(|f| f["product"]["title"].clone()).collect();
        (titles, page["nextCursor"].as_str().map(ToOwned::to_owned))
    };
    assert!(list("").await.0.is_empty());
    for id in ids.iter().chain([&ids[0]]) {
        let marked = service.send(Method::PUT, &format!("/api/v1/favorites/{id}"), Some(&user), None).await;
        assert_eq!(marked.status(), 204);
    }
    let (first, cursor) = list("?limit=2").await;
    assert_eq!(first, ["Lamp 3", "Lamp 2"]);
    assert_eq!(list(&format!("?limit=2&cursor={}", cursor.unwrap())).await.0, ["Lamp 1"]);
    for _ in 0..2 {
        let path = format!("/api/v1/favorites/{}", ids[2]);
        assert_eq!(service.send(Method::DELETE, &path, Some(&user), None).await.status(), 204);
    }
    assert_eq!(list("").await.0, ["Lamp 2", "Lamp 1"]);
    let nothing = format!("/api/v1/favorites/{}", uuid::Uuid::from_u128(5));
    assert_eq!(problem(service.send(Method::PUT, &nothing, Some(&user), None).await).await.0, 404);
}

#[tokio::test]
async fn what_others_marked_along_is_recommended_as_soon_as_it_was_counted() {
    let service = Service::start().await;
    let admin = service.admin().await;
    let (ada, bob) = (service.register("ada").await, service.register("bob").await);
    let mut ids = Vec::new();
    for n in 1..=3 {
        ids.push(service.product(&admin, &format!("Lamp {n}"), n).await);
    }
    let mark = async |login, id: &str| {
        let marked = service.send(Method::PUT, &format!("/api/v1/favorites/{id}"), Some(login), None).await;
        assert_eq!(marked.status(), 204);
    };
    let titles = async |login| {
        let response = service.get("/api/v1/recommendations", Some(login)).await;
        let cached = header(&response, "x-cache").to_owned();
        let page: Value = response.json().await.unwrap();
        let all = page["recommendations"].as_array().unwrap().iter();
        (all.map(|product| product["title"].as_str().unwrap().to_owned()).collect::<Vec<_>>(), cached)
    };
    for id in &ids[..2] {
        mark(&ada, id).await;
    }
    mark(&bob, &ids[0]).await;
    assert!(titles(&bob).await.0.is_empty());
    work(&service, Chore::Recommendations).await.unwrap();
    assert_eq!(titles(&bob).await, (vec!["Lamp 2".to_owned()], "MISS".to_owned()));
    assert_eq!(titles(&bob).await.1, "HIT");
    work(&service, Chore::Recommendations).await.unwrap();
    assert_eq!(titles(&bob).await.1, "HIT", "nothing changed");
    mark(&bob, &ids[1]).await;
    assert!(titles(&bob).await.0.is_empty(), "it is bob's own now");
    assert_eq!(problem(service.get("/api/v1/recommendations", None).await).await.0, 401);
    let many = service.get("/api/v1/recommendations?limit=51", Some(&ada)).await;
    assert_eq!(problem(many).await.1["errors"][0]["field"], "limit");
}
