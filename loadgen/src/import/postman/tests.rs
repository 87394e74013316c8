use serde_json::json;

use super::*;
use crate::import::journey::{Action, Body, Request, Source};

fn requests(steps: &[Step]) -> Vec<&Request> {
    steps
        .iter()
        .filter_map(|step| if let Action::Request(it) = &step.action { Some(&**it) } else { None })
        .collect()
}

#[test]
fn folders_become_flows_and_what_they_share_is_done_first() {
    let journey = from_text(include_str!("../fixtures/postman.json")).unwrap();
    assert_eq!(journey.base_url, "http://127.0.0.1:8080");
    assert_eq!(journey.flows.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["Tasks", "Search"]);
    let start = requests(&journey.on_start);
    assert_eq!(
        (start[0].url.as_str(), start[0].save.clone()),
        ("/api/v1/auth/login", vec![("token".to_owned(), Source::Json("$.access_token".to_owned()))])
    );
    assert_eq!(
        start[0].body,
        Some(Body::Json(json!({ "email": "${accounts.email}", "password": "${accounts.password}" })))
    );
    let tasks = requests(&journey.flows[0].steps);
    assert_eq!(tasks[0].url.as_str(), "/api/v1/tasks?limit=${page_size}");
    assert_eq!(
        tasks[0].headers,
        [("authorization".to_owned(), {
            let mut text = crate::import::text::Text::literal("Bearer ");
            text.append(&crate::import::text::Text::variable("token"));
            text
        })]
    );
    assert_eq!(tasks[0].status, ["200"]);
    assert_eq!(tasks[1].url.as_str(), "/api/v1/tasks/${task_id}");
    assert_eq!(journey.vars, [("page_size".to_owned(), "20".to_owned(), String::new())]);
    assert!(
        !format!("{:?}", journey.flows).contains("hunter22") && !journey.notes.join(" ").contains("hunter22")
    );
    assert_eq!(journey.data[0].rows, [["ann@example.org", "hunter22"]]);
}

#[test]
fn graphql_forms_and_generators_are_written_as_scenarios_write_them() {
    let journey = from_text(include_str!("../fixtures/postman.json")).unwrap();
    let search = requests(&journey.flows[1].steps);
    let Some(Body::GraphQl(query, Some(variables))) = &search[0].body else { panic!("{:?}", search[0].body) };
    assert!(query.as_str().starts_with("query Find($q: String!)") && variables == &json!({ "q": "milk" }));
    let Some(Body::Form(form)) = &search[1].body else { panic!("{:?}", search[1].body) };
    assert_eq!(form.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>(), ["${uuid}", "a $${b}"]);
}

#[test]
fn an_authorization_that_no_header_can_hold_is_left_out_and_told() {
    let with = |token: &str| {
        let auth = json!({ "type": "bearer", "bearer": [{ "key": "token", "value": token }] });
        let item = json!({ "name": "one", "request": { "url": "http://127.0.0.1:8080/x", "auth": auth } });
        from_text(&json!({ "info": { "name": "x" }, "item": [item] }).to_string()).unwrap()
    };
    let broken = with("{{token}\0}");
    assert_eq!(requests(&broken.flows[0].steps)[0].headers, []);
    assert!(broken.notes.iter().any(|it| it.contains("no header can hold")), "{:?}", broken.notes);
    assert_eq!(requests(&with("{{token}}").flows[0].steps)[0].headers.len(), 1);
}

#[test]
fn what_is_no_collection_is_told_so() {
    for (text, part) in [
        ("{}", "no request"),
        ("[", "not a Postman collection"),
        (
            r#"{"info":{"schema":"https://schema.getpostman.com/json/collection/v1.0.0/"}}"#,
            "export it as v2.1",
        ),
    ] {
        let message = from_text(text).unwrap_err();
        assert!(message.contains(part), "{message}");
    }
}
