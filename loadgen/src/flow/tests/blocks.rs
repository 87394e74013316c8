//! Blocks, bodies and what is kept of answers, against a server that tells what it was sent.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{Method, Uri},
    response::{IntoResponse, Response},
};
use record::Kind;

use super::{at_once, came, engine, iterate, scenario};
use crate::flow::user::VirtualUser;

#[derive(Debug, Default)]
struct Told {
    asked: Mutex<Vec<String>>,
    now: AtomicUsize,
    most_at_once: AtomicUsize,
}

impl Told {
    /// Method and path, and the body if there was one, of every request since the last call.
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

async fn answer(State(told): State<Arc<Told>>, method: Method, uri: Uri, body: Bytes) -> Response {
    let asked = {
        let mut asked = told.asked.lock().unwrap();
        let body = String::from_utf8_lossy(&body).into_owned();
        asked.push(format!("{method} {uri} {body}").trim_end().to_owned());
        asked.iter().filter(|it| it.contains("/job")).count()
    };
    let state = if asked >= 3 { "done" } else { "running" };
    match uri.path() {
        "/job" => ([("x-state", state)], format!("{{\"state\":\"{state}\"}}")).into_response(),
        "/job-by-status" if asked < 3 => http::StatusCode::NOT_FOUND.into_response(),
        "/list" => r#"{"items":[{"id":7},{"id":8},{"id":9}],"none":[]}"#.into_response(),
        "/form" => r#"<form><input type=hidden name="csrf_token" value="t0k&amp;en"></form>"#.into_response(),
        "/graphql" => r#"{"data":null,"errors":[{"message":"no such user"}]}"#.into_response(),
        "/slow" => {
            told.most_at_once.fetch_max(told.now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(40)).await;
            told.now.fetch_sub(1, Ordering::SeqCst);
            "{\"slow\":1}".into_response()
        }
        "/fails" => http::StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        _ => "{}".into_response(),
    }
}

async fn server() -> (String, Arc<Told>) {
    let told = Arc::new(Told::default());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(answer).with_state(told.clone());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, told)
}

/// What one iteration of `steps` sends, and what came of it.
async fn one(steps: &str) -> (Vec<String>, (u64, String)) {
    let (url, told) = server().await;
    let came = iterate(engine(&url, "", steps).await, 1).await;
    (told.take(), came)
}

#[tokio::test]
async fn a_loop_counts_over_its_range_and_over_the_values_of_an_answer() {
    let (asked, came) = one(r#"
      - loop: 2
        steps: [ { get: /twice } ]
      - loop: { from: 5, to: 1, by: -2, as: page }
        steps: [ { get: "/list?page=${page}", name: list, save: { ids: { json: "$.items[*].id", pick: all }, none: { json: "$.none[*]", pick: all } } } ]
      - loop: { over: ids, as: id }
        steps: [ { get: "/item/${id}", name: item } ]
      - loop: { over: none, as: id }
        steps: [ { get: /never } ]
      - { post: "/all?ids=${ids}", name: all, json: { ids: "${ids}", text: "of ${ids}" } }
"#)
    .await;
    let expected = [
        "GET /twice",
        "GET /twice",
        "GET /list?page=5",
        "GET /list?page=3",
        "GET /list?page=1",
        "GET /item/7",
        "GET /item/8",
        "GET /item/9",
        r#"POST /all?ids=7%2C8%2C9 {"ids":[7,8,9],"text":"of 7,8,9"}"#,
    ];
    assert_eq!(asked, expected);
    assert_eq!(came, (9, String::new()));
}

#[tokio::test]
async fn a_repetition_ends_when_what_it_waits_for_has_come() {
    for until in ["state == 'done'", "{ json: { $.state: done } }", "{ header: { x-state: done } }"] {
        let (asked, came) = one(&format!(
            "      - repeat: {{ until: {until}, at_most: 9, pause: 1ms }}\n        steps: [ {{ get: /before }}, \
             {{ get: /job, save: {{ state: $.state }} }} ]\n      - {{ get: /after }}\n"
        ))
        .await;
        let expected = ["GET /before", "GET /job"].repeat(3);
        assert_eq!(asked, [expected, vec!["GET /after"]].concat(), "{until}");
        assert_eq!(came, (7, String::new()), "{until}");
    }
}

#[tokio::test]
async fn a_status_that_is_waited_for_makes_others_a_reason_to_ask_again() {
    let (asked, came) = one(r#"
      - repeat: { until: { status: 200 }, at_most: 3 }
        steps: [ { get: /job-by-status } ]
"#)
    .await;
    assert_eq!((asked.len(), came), (3, (3, String::new())));
}

#[tokio::test]
async fn what_does_not_come_is_a_failure_of_the_request_that_asked_last() {
    for (until, said) in [("state == 'never'", 4), ("{ json: { $.state: never } }", 4)] {
        let (asked, came) = one(&format!(
            "      - repeat: {{ until: {until}, at_most: 4 }}\n        steps: [ {{ get: /job, save: {{ state: $.state }} }} ]\n      \
             - {{ get: /after }}\n"
        ))
        .await;
        assert_eq!((asked.len(), came), (said, (3, "repeat:1".to_owned())), "{until}");
    }
}

#[tokio::test]
async fn conditions_choose_between_steps_and_others() {
    let (asked, came) = one(r#"
      - { get: /list, save: { first: "$.items[0].id", code: status, gone: $.gone } }
      - { if: first == 7 and code < 300, get: /yes }
      - { if: not first or gone, get: /no }
      - if: first > 100
        steps: [ { get: /more } ]
        else: [ { get: /less, name: less }, { if: gone != 1, get: /unset } ]
      - { if: gone, get: /gone, else: [ { get: /here } ] }
"#)
    .await;
    assert_eq!(asked, ["GET /list", "GET /yes", "GET /less", "GET /unset", "GET /here"]);
    assert_eq!(came, (5, String::new()));
}

#[tokio::test]
async fn branches_are_chosen_by_weight_and_the_same_by_the_same_seed() {
    let (url, told) = server().await;
    let steps = r#"
      - choose:
          - { weight: 3, steps: [ { get: /often } ] }
          - { weight: 1, steps: [ { get: "/rare?n=${int(1,1000000)}", name: rare } ] }
"#;
    let engine = engine(&url, "", steps).await;
    let mut runs = Vec::new();
    for _ in 0..2 {
        let mut user = VirtualUser::new(engine, 3);
        for _ in 0..400 {
            user.iterate(at_once()).await.unwrap();
        }
        runs.push(told.take());
    }
    assert_eq!(runs[0], runs[1]);
    let often = runs[0].iter().filter(|it| it.contains("often")).count();
    // 300 of 400, give or take five standard deviations of 8.7.
    assert!((256..=344).contains(&often), "{often}");
}

#[tokio::test]
async fn requests_at_once_are_each_recorded_and_the_block_by_its_own_name() {
    let (url, told) = server().await;
    let steps = r#"
      - set: { n: "${int(10,99)}" }
      - parallel:
          - { get: "/slow?a=${n}", name: a, save: { slow: $.slow } }
          - { get: "/slow?b=${n}", name: b }
          - { get: /slow, name: c }
          - { if: n < 10, get: /never }
        connections: 2
        name: page
      - { if: slow == 1, get: /after }
"#;
    let engine = engine(&url, "", steps).await;
    let mut user = VirtualUser::new(engine, 0);
    user.iterate(at_once()).await.unwrap();
    let asked = told.take();
    assert_eq!((asked.len(), asked[3].as_str()), (4, "GET /after"), "{asked:?}");
    let number = |asked: &str| asked[asked.len() - 2..].parse::<u8>().ok();
    assert!(number(&asked[0]).is_some() && number(&asked[0]) == number(&asked[1]), "{asked:?}");
    assert_eq!(told.most_at_once.load(Ordering::SeqCst), 2);
    let (row, histograms) = engine.recorder.rotate(0);
    assert_eq!((row.completed, row.failed), (4, 0));
    let of = |name: &str, kind: Kind| {
        let mut found = histograms.iter().filter(|(tag, _)| tag.request == name && tag.kind == kind);
        found.next().map(|(_, histogram)| (histogram.len(), histogram.min()))
    };
    let (blocks, block_us) = of("page", Kind::Block).unwrap();
    let (waited, waited_us) = of("c", Kind::Response).unwrap();
    // Two connections: the third waits for one of them, and its wait is response time.
    assert!(blocks == 1 && waited == 1 && waited_us >= 79_000 && block_us >= waited_us - waited_us / 500);
    assert_eq!(of("page", Kind::Response), None);
}

#[tokio::test]
async fn a_request_that_fails_among_others_ends_the_iteration_after_all_of_them() {
    let (url, told) = server().await;
    let steps = r#"
      - parallel: [ { get: /fails }, { get: /a }, { get: /b } ]
        name: page
      - { get: /after }
"#;
    let engine = engine(&url, "", steps).await;
    let mut user = VirtualUser::new(engine, 0);
    user.iterate(at_once()).await.unwrap();
    let mut asked = told.take();
    asked.sort();
    assert_eq!(asked, ["GET /a", "GET /b", "GET /fails"]);
    assert_eq!(came(engine), (2, "status_500:1".to_owned()));
}

#[tokio::test]
async fn a_value_made_up_once_is_used_as_often_as_wanted() {
    let (asked, _) = one(r#"
      - set: { order: "${uuid}", label: "no ${order}" }
      - { put: "/orders/${order}", name: order, json: { id: "${order}", label: "${label}" } }
"#)
    .await;
    let id = &asked[0]["PUT /orders/".len()..][..36];
    assert_eq!(asked[0], format!(r#"PUT /orders/{id} {{"id":"{id}","label":"no {id}"}}"#));
}

#[tokio::test]
async fn a_form_token_goes_back_as_it_was_given() {
    let (asked, came) = one(r#"
      - { get: /form, save: { token: { input: csrf_token }, other: { input: none, default: "-" } } }
      - { post: /login, form: { csrf_token: "${token}", other: "${other}" } }
"#)
    .await;
    assert_eq!(asked[1], "POST /login csrf_token=t0k%26en&other=-");
    assert_eq!(came, (2, String::new()));
}

#[tokio::test]
async fn a_form_with_files_is_sent_as_browsers_send_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cat \"one\".png");
    std::fs::write(&file, "not really\r\na picture").unwrap();
    let file = serde_json::Value::from(file.to_string_lossy().into_owned());
    let (asked, came) = one(&format!(
        "      - post: /upload\n        multipart:\n          price: 1.10\n          who: \"user ${{user.index}}\"\n          \
         photos: [ {{ file: {file} }}, {{ file: {file}, name: b.bin, type: x/y }} ]\n          \
         note: {{ text: \"{{}}\", type: application/json }}\n"
    ))
    .await;
    assert_eq!(came, (1, String::new()));
    let body = asked[0].strip_prefix("POST /upload ").unwrap();
    let boundary = body.lines().next().unwrap();
    let part = |head: &str, content: &str| {
        format!("{boundary}\r\ncontent-disposition: form-data; {head}\r\n\r\n{content}\r\n")
    };
    let content = "not really\r\na picture";
    let expected = [
        part("name=\"price\"", "1.10"),
        part("name=\"who\"", "user 0"),
        part("name=\"photos\"; filename=\"cat %22one%22.png\"\r\ncontent-type: image/png", content),
        part("name=\"photos\"; filename=\"b.bin\"\r\ncontent-type: x/y", content),
        part("name=\"note\"\r\ncontent-type: application/json", "{}"),
        format!("{boundary}--"),
    ];
    assert_eq!(body, expected.concat());
}

#[tokio::test]
async fn a_graphql_answer_with_errors_fails_unless_they_are_expected() {
    let graphql = r#"graphql: { query: "query Who($id: ID!) { user(id: $id) { name } }", operation: Who, variables: { id: "${user.index}" } }"#;
    let (asked, came) = one(&format!("      - {{ post: /graphql, {graphql} }}\n")).await;
    let body = r#"{"query":"query Who($id: ID!) { user(id: $id) { name } }","operationName":"Who","variables":{"id":0}}"#;
    assert_eq!(asked, [format!("POST /graphql {body}")]);
    assert_eq!(came, (0, "check:1".to_owned()));
    let expect = "expect: { json: { \"$.errors[0].message\": no such user } }";
    let (_, came) = one(&format!("      - {{ post: /graphql, {graphql}, {expect} }}\n")).await;
    assert_eq!(came, (1, String::new()));
    let (_, came) = one(&format!("      - {{ post: /list, {graphql} }}\n")).await;
    assert_eq!(came, (1, String::new()));
}

#[tokio::test]
async fn blocks_in_blocks_go_on_from_when_the_step_before_was_over() {
    let (url, _) = server().await;
    let steps = r#"
      - loop: 2
        steps:
          - choose: [ { steps: [ { if: "1 == 1", steps: [ { get: /slow }, { think: 30ms } ] } ] } ]
          - { get: /quick }
"#;
    let engine = engine(&url, "", steps).await;
    let mut user = VirtualUser::new(engine, 0);
    user.iterate(at_once()).await.unwrap();
    let (row, histograms) = engine.recorder.rotate(0);
    assert_eq!(row.completed, 4);
    // Due when the pause is over: neither the slow request nor the pause is in its response time, and a free user waited.
    let quick = |kind: Kind| {
        histograms
            .iter()
            .find(|(tag, _)| tag.request == "GET /quick" && tag.kind == kind)
            .map(|(_, it)| it.len())
    };
    assert_eq!((quick(Kind::Response), quick(Kind::Lag)), (Some(2), Some(2)));
}

#[test]
fn a_plan_with_blocks_is_shown_as_an_outline() {
    let plan = scenario(
        "http://127.0.0.1:9",
        "",
        r#"
      - { get: /a }
      - choose:
          - { weight: 3, steps: [ { get: /b } ] }
          - weight: 1
            steps: [ { loop: "${int(1,3)}", steps: [ { get: /c }, { think: 1s } ] } ]
      - repeat: { until: { status: 200 }, at_most: 30, pause: 2s }
        steps: [ { get: /d } ]
      - parallel: [ { get: /e }, { get: /f } ]
        name: page
      - { if: "1 > 2", get: /g, else: [ { get: /h } ] }
"#,
    );
    let shown = crate::plan::show(&plan);
    let outline = "
  100.0 %  steps
             GET /a
             one of
                75.0 %: GET /b
                25.0 %
                 1 to 3 times: GET /c
             until the answer is as it should be, every 2 s, at most 30 times: GET /d
             page, 6 at once: GET /e, GET /f
             if 1 > 2: GET /g
             else: GET /h
";
    assert!(shown.contains(outline), "{shown}");
    // 1 + ¾ + ¼ · 2 + at least 1 + 2 + 1
    assert!(shown.contains("(6.25 or more an iteration)"), "{shown}");
}
