use std::path::PathBuf;

use serde_json::{Value, json};

use super::*;
use crate::import::{
    journey::{Action, Body, Pause, Request, Source, Step},
    options::{Common, Har},
};

fn options() -> Har {
    let common = Common { file: PathBuf::from("x.har"), out: None, force: false, name: None, target: None };
    Har { common, host: Vec::new(), with_assets: false, flow_per_page: false, keep_header: Vec::new() }
}

/// An entry that begins and ends at these milliseconds.
fn entry(page: &str, (from, to): (u32, u32), request: Value, response: Value) -> Value {
    let time = format!("2026-11-21T10:00:{:02}.{:03}Z", from / 1000, from % 1000);
    json!({ "startedDateTime": time, "time": to - from, "pageref": page, "request": request, "response": response })
}

fn get(path: &str) -> Value {
    json!({ "method": "GET", "url": format!("http://127.0.0.1:8080{path}"), "headers": [
        { "name": "User-Agent", "value": "Browser/1" }, { "name": "Accept", "value": "*/*" },
        { "name": "sec-fetch-mode", "value": "navigate" } ] })
}

fn post(path: &str, mime: &str, text: &str) -> Value {
    let mut request = get(path);
    request["method"] = json!("POST");
    request["headers"] = json!([{ "name": "Content-Type", "value": mime }]);
    request["postData"] = json!({ "mimeType": mime, "text": text });
    request
}

fn answer(status: u16, mime: &str, text: &str, headers: &[(&str, &str)]) -> Value {
    let headers: Vec<Value> =
        headers.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
    json!({ "status": status, "headers": headers, "content": { "mimeType": mime, "text": text } })
}

fn recording(entries: Vec<Value>) -> String {
    let pages = json!([{ "id": "p1", "title": "Sign in" }, { "id": "p2", "title": "" }]);
    json!({ "log": { "version": "1.2", "pages": pages, "entries": entries } }).to_string()
}

const FORM: &str = "application/x-www-form-urlencoded";

/// A page with a form token, a sign-in that leads to a page with another, calls of an API side by side.
fn shop() -> Vec<Value> {
    let sign_in = r#"<form method=post><input type="hidden" name="csrf" value="tok-1a2b3c4d5e"><input name=email></form>"#;
    let tasks = r#"<meta name="csrf-token" content="meta-9f8e7d6c5b"><a href="/tasks/823411/edit">edit</a>"#;
    let api = json!({ "items": [{ "id": 41, "key": "k-77aa88bb99" }] }).to_string();
    vec![
        entry(
            "p1",
            (0, 100),
            get("/login"),
            answer(200, "text/html", sign_in, &[("set-cookie", "sid=abc123def; Path=/")]),
        ),
        entry("p1", (110, 150), get("/app.css"), answer(200, "text/css", "a{}", &[])),
        entry(
            "p1",
            (4150, 4250),
            post("/login", FORM, "csrf=tok-1a2b3c4d5e&email=ann%40example.org&password=hunter22"),
            answer(302, "text/html", "", &[("Location", "/tasks")]),
        ),
        entry("p2", (4260, 4400), get("/tasks"), answer(200, "text/html", tasks, &[])),
        entry(
            "p2",
            (4410, 4500),
            get("/api/tasks?of=ann%40example.org"),
            answer(200, "application/json", &api, &[]),
        ),
        entry("p2", (4420, 4510), get("/api/me"), answer(200, "application/json", "{}", &[])),
        entry(
            "p2",
            (6510, 6600),
            get("/api/tasks/41?key=k-77aa88bb99"),
            answer(200, "application/json", "{}", &[]),
        ),
        entry("p2", (6610, 6700), get("/tasks/823411/edit"), answer(200, "text/html", "<p>", &[])),
        entry(
            "p2",
            (6710, 6800),
            {
                let mut request =
                    post("/api/tasks", "application/json", r#"{"title":"new ${x}","parent":41}"#);
                request["headers"] = json!([{ "name": "x-csrf-token", "value": "meta-9f8e7d6c5b" }, { "name": "content-type", "value": "application/json" }]);
                request
            },
            answer(201, "application/json", r#"{"id":"0190b7a0-0000-7000-8000-000000000001"}"#, &[]),
        ),
    ]
}

fn requests(steps: &[Step]) -> Vec<&Request> {
    steps
        .iter()
        .flat_map(|step| match &step.action {
            Action::Request(request) => vec![&**request],
            Action::Parallel(requests) => requests.iter().collect(),
            _ => Vec::new(),
        })
        .collect()
}

#[test]
fn a_sign_in_is_done_once_by_any_user_with_the_token_of_its_page() {
    let journey = from_text(&recording(shop()), &options()).unwrap();
    let start = requests(&journey.on_start);
    assert_eq!(start.iter().map(|it| it.url.as_str()).collect::<Vec<_>>(), ["/login", "/login"]);
    assert_eq!(start[0].save, [("csrf".to_owned(), Source::Input("csrf".to_owned()))]);
    let Some(Body::Form(form)) = &start[1].body else { panic!("a form") };
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(
        form,
        [("csrf", "${csrf}"), ("email", "${accounts.email}"), ("password", "${accounts.password}")]
    );
    assert_eq!(start[1].status, ["200"], "of the page it leads to");
    let accounts = &journey.data[0];
    assert_eq!(
        (accounts.columns.join(","), accounts.rows[0].join(",")),
        ("email,password".to_owned(), "ann@example.org,hunter22".to_owned())
    );
    assert!(!journey.notes.join("\n").contains("hunter22"));
}

#[test]
fn what_an_answer_gave_is_saved_where_it_first_appeared() {
    let journey = from_text(&recording(shop()), &options()).unwrap();
    let flow = requests(&journey.flows[0].steps);
    let urls: Vec<&str> = flow.iter().map(|it| it.url.as_str()).collect();
    assert_eq!(
        urls,
        [
            "/tasks",
            "/api/tasks?of=${accounts.email}",
            "/api/me",
            "/api/tasks/${id}?key=${key}",
            "/tasks/${task_id}/edit",
            "/api/tasks"
        ]
    );
    assert_eq!(
        flow[0].save,
        [
            ("task_id".to_owned(), Source::Regex(r#"href="/tasks/([^"'<>\&/\?;,\s]+)"#.to_owned())),
            ("csrf_token".to_owned(), Source::Meta("csrf-token".to_owned())),
        ]
    );
    assert_eq!(
        flow[1].save,
        [
            ("id".to_owned(), Source::Json("$.items[0].id".to_owned())),
            ("key".to_owned(), Source::Json("$.items[0].key".to_owned())),
        ]
    );
    assert_eq!(flow[3].name, "GET /api/tasks/:id");
    assert_eq!(flow[5].headers[0].1.as_str(), "${csrf_token}");
    assert_eq!(flow[5].status, ["201"]);
    assert_eq!(flow[5].body, Some(Body::Json(json!({ "title": "new $${x}", "parent": 41 }))));
}

#[test]
fn pauses_are_the_users_and_calls_that_overlap_stand_side_by_side() {
    let journey = from_text(&recording(shop()), &options()).unwrap();
    let pauses = |steps: &[Step]| -> Vec<f64> {
        steps
            .iter()
            .filter_map(|step| match step.action {
                Action::Think(Pause::Constant(pause)) => Some(pause),
                _ => None,
            })
            .collect()
    };
    // From the end of the style sheet to the sign-in, though the style sheet is left out.
    assert_eq!(pauses(&journey.on_start), [4.0]);
    assert_eq!(pauses(&journey.flows[0].steps), [2.0]);
    let side_by_side: Vec<usize> = journey.flows[0]
        .steps
        .iter()
        .filter_map(|step| match &step.action {
            Action::Parallel(requests) => Some(requests.len()),
            _ => None,
        })
        .collect();
    assert_eq!(side_by_side, [2]);
}

#[test]
fn headers_that_browsers_set_are_dropped_and_secrets_become_a_row() {
    let mut entries = shop();
    entries[4]["request"]["headers"] = json!([
        { "name": "Authorization", "value": "Bearer abcdefghijkl" }, { "name": "Referer", "value": "http://127.0.0.1:8080/" },
        { "name": ":authority", "value": "x" }, { "name": "X-Requested-With", "value": "fetch" },
        { "name": "If-None-Match", "value": "\"1\"" }, { "name": "Cookie", "value": "sid=abc123def; old=1" },
    ]);
    let journey = from_text(&recording(entries.clone()), &options()).unwrap();
    let flow = requests(&journey.flows[0].steps);
    let headers: Vec<(&str, &str)> =
        flow[1].headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(headers, [("authorization", "${accounts.authorization}"), ("x-requested-with", "fetch")]);
    assert!(journey.notes.iter().any(|note| note.contains("(old)")), "{:?}", journey.notes);
    let keeping = Har { keep_header: vec!["referer".to_owned()], ..options() };
    let journey = from_text(&recording(entries), &keeping).unwrap();
    assert_eq!(requests(&journey.flows[0].steps)[1].headers[1].0, "referer");
}

#[test]
fn other_hosts_assets_cached_and_broken_requests_are_left_out_and_told() {
    let mut entries = shop();
    let third = json!({ "method": "GET", "url": "https://stats.example.com/hit", "headers": [] });
    entries.push(entry("p2", (6900, 6910), third, answer(200, "application/json", "{}", &[])));
    let mut cached = entry("p2", (6920, 6920), get("/api/me"), answer(200, "application/json", "{}", &[]));
    cached["_fromCache"] = json!("disk");
    entries.push(cached);
    entries.push(entry("p2", (6930, 6930), get("/gone"), json!({ "status": 0 })));
    let journey = from_text(&recording(entries.clone()), &options()).unwrap();
    let notes = journey.notes.join("\n");
    for part in [
        "8 requests of 12",
        "left out 1 request to stats.example.com; --host stats.example.com takes them in",
        "left out 1 request for pictures",
        "left out 1 request answered by the browser's cache",
        "left out 1 request without an answer",
    ] {
        assert!(notes.contains(part), "{part} is missing in\n{notes}");
    }
    let all = Har { host: vec!["stats.example.com".to_owned()], with_assets: true, ..options() };
    let journey = from_text(&recording(entries), &all).unwrap();
    let urls: Vec<_> = requests(&journey.flows[0].steps).iter().map(|it| it.url.to_string()).collect();
    assert!(urls.contains(&"https://stats.example.com/hit".to_owned()), "{urls:?}");
    assert_eq!(requests(&journey.on_start).len(), 3);
}

#[test]
fn a_redirect_is_followed_unless_something_is_taken_from_it() {
    let mut entries = shop();
    entries.push(entry(
        "p2",
        (7000, 7100),
        post("/tasks", FORM, "title=x"),
        answer(303, "", "", &[("location", "/tasks/990011")]),
    ));
    entries.push(entry(
        "p2",
        (7110, 7200),
        get("/tasks/990011"),
        answer(200, "text/html", "<p>made</p>", &[]),
    ));
    let followed = from_text(&recording(entries.clone()), &options()).unwrap();
    let flow = requests(&followed.flows[0].steps);
    assert_eq!(
        flow.last().map(|it| (it.url.as_str(), it.stay, it.status.join(","))),
        Some(("/tasks", false, "200".to_owned()))
    );

    entries.push(entry("p2", (9000, 9100), get("/tasks/990011/comments"), answer(200, "text/html", "", &[])));
    let taken = from_text(&recording(entries), &options()).unwrap();
    let flow = requests(&taken.flows[0].steps);
    let last: Vec<_> = flow[flow.len() - 3..].iter().map(|it| (it.url.as_str(), it.stay)).collect();
    assert_eq!(last, [("/tasks", true), ("${location}", false), ("${location}/comments", false)]);
    assert_eq!(flow[flow.len() - 3].save, [("location".to_owned(), Source::Header("location".to_owned()))]);
}

#[test]
fn each_page_can_be_a_flow() {
    let each = Har { flow_per_page: true, ..options() };
    let mut entries = shop();
    entries.push(entry("p3", (9000, 9100), get("/about"), answer(200, "text/html", "", &[])));
    let journey = from_text(&recording(entries), &each).unwrap();
    assert_eq!(journey.flows.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["/tasks", "/about"]);
}

#[test]
fn what_is_no_recording_is_told_so() {
    for (text, part) in [
        ("{}", "not a HAR file"),
        ("[1", "x.har"),
        (r#"{"log":{}}"#, "no request over http"),
        (
            r#"{"log":{"entries":[{"request":{"method":"GET","url":"http://h/a.png"},"response":{"status":200}}]}}"#,
            "nothing to replay",
        ),
    ] {
        let message = from_text(text, &options()).map_err(|it| format!("x.har: {it}")).unwrap_err();
        assert!(message.contains(part), "{message}");
    }
}
