use std::io::Read as _;

use reqwest::Method;
use serde_json::{Value, json};

use crate::config::Policy;
use crate::testing::{Service, header};

#[tokio::test]
async fn a_list_is_a_miss_then_a_hit_and_fresh_after_a_write() {
    let service = Service::start().await;
    let login = service.register("ada").await;
    let list = async || {
        let response = service.get("/api/v1/tasks", Some(&login)).await;
        let outcome = header(&response, "x-cache").to_owned();
        (outcome, response.json::<Value>().await.unwrap()["tasks"].as_array().unwrap().len())
    };
    assert_eq!(list().await, ("MISS".to_owned(), 0));
    assert_eq!(list().await, ("HIT".to_owned(), 0));
    service.task(&login, "One").await;
    assert_eq!(list().await, ("MISS".to_owned(), 1));
    let metrics = service.get("/metrics", None).await.text().await.unwrap();
    for (result, count) in [("hit", 1), ("miss", 2), ("bypass", 0)] {
        let line =
            format!("cache_requests_total{{cache=\"tasks\",tier=\"local\",result=\"{result}\"}} {count}");
        assert!(metrics.contains(&line), "{line} in {metrics}");
    }
}

#[tokio::test]
async fn without_a_cache_every_response_is_a_bypass() {
    let service = Service::with(|config| config.cache.policy = Policy::Off).await;
    for _ in 0..2 {
        assert_eq!(header(&service.get("/api/v2/products", None).await, "x-cache"), "BYPASS");
    }
}

#[tokio::test]
async fn a_changed_task_is_read_from_the_cache_without_a_query() {
    let service = Service::start().await;
    let login = service.register("ada").await;
    let task = service.task(&login, "One").await;
    let path = format!("/api/v1/tasks/{}", task["id"].as_str().unwrap());
    service.send(Method::PATCH, &path, Some(&login), Some(json!({ "title": "Two" }))).await;
    let response = service.get(&path, Some(&login)).await;
    assert_eq!(header(&response, "x-cache"), "HIT");
    assert_eq!(response.json::<Value>().await.unwrap()["title"], "Two");
}

#[tokio::test]
async fn no_user_reads_a_stale_list_after_a_write_of_theirs_was_acknowledged() {
    for policy in [Policy::Off, Policy::Aside, Policy::Through] {
        let service = Service::with(|config| config.cache.policy = policy).await;
        let login = service.register("ada").await;
        for count in 1..=20 {
            // Readers that may fill the cache with what they saw before the write.
            let readers =
                futures_util::future::join_all((0..4).map(|_| service.get("/api/v1/tasks", Some(&login))));
            let (_, _) = tokio::join!(readers, service.task(&login, "More"));
            let page: Value =
                service.get("/api/v1/tasks?limit=100", Some(&login)).await.json().await.unwrap();
            assert_eq!(page["tasks"].as_array().unwrap().len(), count, "{policy:?}");
            let page: Value = service.get("/api/v1/tasks", Some(&login)).await.json().await.unwrap();
            assert_eq!(page["tasks"].as_array().unwrap().len(), count, "{policy:?}");
        }
    }
}

#[tokio::test]
async fn a_client_that_has_the_list_is_told_so_until_it_changes() {
    let service = Service::start().await;
    let login = service.register("ada").await;
    let tag = header(&service.get("/api/v1/tasks", Some(&login)).await, "etag").to_owned();
    assert!(tag.starts_with("W/\""));
    let ask = async || {
        let request = service.request(Method::GET, "/api/v1/tasks").bearer_auth(&login.access);
        request.header("if-none-match", &tag).send().await.unwrap()
    };
    let unchanged = ask().await;
    assert_eq!((unchanged.status().as_u16(), header(&unchanged, "etag")), (304, tag.as_str()));
    assert_eq!(unchanged.bytes().await.unwrap().len(), 0);
    service.task(&login, "One").await;
    assert_eq!(ask().await.status(), 200);
}

#[tokio::test]
async fn a_long_response_is_compressed_for_who_asks_and_a_short_one_never() {
    let service = Service::start().await;
    let login = service.register("ada").await;
    let ask = async |encoding: &str| {
        let request = service.request(Method::GET, "/api/v1/tasks").bearer_auth(&login.access);
        request.header("accept-encoding", encoding).send().await.unwrap()
    };
    assert_eq!(header(&ask("gzip, br").await, "content-encoding"), "");
    for n in 0..15 {
        service.task(&login, &format!("A task with a long title, number {n}")).await;
    }
    let plain = ask("identity").await;
    assert_eq!(header(&plain, "content-encoding"), "");
    let plain = plain.bytes().await.unwrap();
    let packed = ask("gzip").await;
    assert_eq!((header(&packed, "content-encoding"), header(&packed, "vary")), ("gzip", "accept-encoding"));
    let packed = packed.bytes().await.unwrap();
    assert!(packed.len() < plain.len() / 2);
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, plain);
    #[cfg(feature = "br")]
    assert_eq!(header(&ask("gzip, br").await, "content-encoding"), "br");
}
