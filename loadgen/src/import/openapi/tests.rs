use std::path::PathBuf;

use super::*;
use crate::import::{
    journey::{Action, Body, Request, Source, Step},
    options::Common,
};

fn options(read_only: bool) -> OpenApi {
    let common =
        Common { file: PathBuf::from("api.yaml"), out: None, force: false, name: None, target: None };
    OpenApi { common, read_only }
}

fn requests(steps: &[Step]) -> Vec<&Request> {
    steps
        .iter()
        .filter_map(|step| if let Action::Request(it) = &step.action { Some(&**it) } else { None })
        .collect()
}

const API: &str = include_str!("../fixtures/openapi.yaml");

#[test]
fn tags_become_flows_whose_ids_come_from_lists() {
    let journey = from_text(API, &options(false)).unwrap();
    let names: Vec<(&str, f64)> =
        journey.flows.iter().map(|it| (it.name.as_str(), it.weight.unwrap())).collect();
    assert_eq!(names, [("read tasks", 9.0), ("write tasks", 1.0), ("read status", 9.0)]);
    let read = requests(&journey.flows[0].steps);
    assert_eq!(
        read.iter().map(|it| it.url.as_str()).collect::<Vec<_>>(),
        ["/tasks?limit=20", "/tasks/${task_id}"]
    );
    assert_eq!(read[0].save, [("task_id".to_owned(), Source::Json("$.items[0].id".to_owned()))]);
    assert_eq!(read[1].condition.as_deref(), Some("task_id"));
    let write = requests(&journey.flows[1].steps);
    let lines: Vec<_> = write.iter().map(|it| format!("{} {}", it.method, it.url)).collect();
    assert_eq!(lines, ["POST /tasks", "PATCH /tasks/${new_task_id}", "DELETE /tasks/${new_task_id}"]);
    assert_eq!(write[0].status, ["201"]);
    assert_eq!(
        write[0].body,
        Some(Body::Json(serde_json::json!({ "title": "${sentence(3)}", "status": "open" })))
    );
}

#[test]
fn the_sign_in_is_found_and_done_once_with_an_account_to_fill_in() {
    let journey = from_text(API, &options(false)).unwrap();
    let start = requests(&journey.on_start);
    assert_eq!(start[0].save, [("token".to_owned(), Source::Json("$.access_token".to_owned()))]);
    assert_eq!(
        start[0].body,
        Some(Body::Json(
            serde_json::json!({ "email": "${accounts.email}", "password": "${accounts.password}" })
        ))
    );
    assert_eq!(journey.headers[0].1.as_str(), "Bearer ${token}");
    assert_eq!(journey.data[0].rows, [["user@example.com", "change-me"]]);
    assert!(journey.notes.iter().any(|it| it.contains("ends a session")), "{:?}", journey.notes);
}

#[test]
fn read_only_leaves_writes_out() {
    let journey = from_text(API, &options(true)).unwrap();
    assert_eq!(
        journey.flows.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(),
        ["read tasks", "read status"]
    );
}

#[test]
fn what_is_no_description_is_told_so() {
    for (text, part) in [
        ("{}", "not an OpenAPI document"),
        ("swagger: '2.0'", "convert it"),
        ("openapi: 2.9.0", "3.0 and 3.1"),
        ("openapi: 3.0.0\npaths: {}", "no operation"),
        ("a: [", "not YAML"),
        ("{", "not JSON"),
    ] {
        let message = from_text(text, &options(false)).unwrap_err();
        assert!(message.contains(part), "{message}");
    }
}
