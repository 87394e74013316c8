use std::{net::IpAddr, time::Duration};

use http::{Method, header::AUTHORIZATION};
use rand::SeedableRng;
use record::Stage;

use super::{RIGHT, folder, load_in, load_text, plan_with, with};
use crate::{
    flow::session::Session,
    plan::{
        Overrides, Plan,
        model::{
            Abort, Action, Body, Dns, Http, Load, ObserverSource, PerUser, Process, PrometheusQuery, Request,
            Wire,
        },
        show,
    },
};

fn request(plan: &Plan, flow: usize, step: usize) -> &Request {
    match &plan.flows[flow].steps[step].action {
        Action::Request(request) => request,
        other => panic!("no request: {other:?}"),
    }
}

fn body(plan: &Plan, flow: usize, step: usize) -> String {
    let Some(Body::Text(body)) = &request(plan, flow, step).body else { panic!("no body") };
    let mut out = String::new();
    body.render(plan, &mut Session::new(plan, 1, 4), &mut out).unwrap();
    out
}

#[test]
fn a_scenario_becomes_the_plan_it_describes() {
    let plan = load_text(RIGHT).unwrap();
    assert_eq!(plan.requests, ["POST /login", "list tasks", "one task", "POST /tasks"]);
    assert_eq!(plan.flows.iter().map(|flow| flow.weight).collect::<Vec<_>>(), [3.0, 1.0]);
    assert_eq!((plan.slots, plan.kept.as_slice()), (2, [0].as_slice()));
    let Load::Users { stages, pacing: None, .. } = &plan.load else { panic!("closed") };
    let expected =
        [Stage { from: 0.0, to: 10.0, seconds: 5.0 }, Stage { from: 10.0, to: 10.0, seconds: 10.0 }];
    assert_eq!(stages.as_slice(), expected);
    let list = request(&plan, 0, 0);
    assert_eq!(
        (&list.method, list.url.as_static(), list.reads_body),
        (&Method::GET, Some("/tasks?limit=20"), true)
    );
    assert_eq!(plan.flows[0].steps[2].condition.as_ref().map(|it| it.text.as_str()), Some("id"));
    assert!(!request(&plan, 0, 2).reads_body);
    let ObserverSource::Prometheus { values, .. } = &plan.observe[0].source else { panic!("prometheus") };
    assert!(matches!(&values[0].query, PrometheusQuery::Ratio { hits, .. } if hits.labels.len() == 1));
    assert_eq!(plan.budgets.len(), 3);
    assert_eq!(plan.source.sha256.len(), 64);
}

#[test]
fn a_default_header_is_left_out_before_its_variable_can_be_set() {
    let plan = load_text(RIGHT).unwrap();
    let Action::Request(login) = &plan.on_start[0].action else { panic!("a request") };
    assert!(!login.headers.iter().any(|(name, _)| name == AUTHORIZATION));
    assert!(request(&plan, 0, 0).headers.iter().any(|(name, _)| name == AUTHORIZATION));
}

#[test]
fn null_drops_a_default_header_and_a_value_replaces_it() {
    let names = |other: &str| {
        let plan = plan_with("{ post: /tasks,", &format!("{{ post: /tasks, headers: {other},"));
        let headers = &request(&plan, 1, 0).headers;
        headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.as_static().unwrap_or("?")))
            .collect::<Vec<_>>()
    };
    assert_eq!(names("{ authorization: null }"), ["content-type: application/json"]);
    assert_eq!(names("{ Authorization: x, Content-Type: y }"), ["authorization: x", "content-type: y"]);
}

#[test]
fn a_json_body_keeps_its_types_and_writes_lone_numbers_bare() {
    let json = "{ n: '${page}', t: '${word}', u: '${user.index}', s: 'p${page}', q: '${people.email}', \
                l: [1, 2.50, null, true, '1', '$${x} \"', '${hex}'] }";
    let text = with("json: { title: \"${sentence(3)}\" }", &format!("json: {json}"));
    let plan = load_text(&text.replace("vars: {", "vars: { hex: 0x1F,")).unwrap();
    let body: serde_json::Value = serde_json::from_str(&body(&plan, 1, 0)).unwrap();
    let expected = serde_json::json!({
        "n": 20, "t": "2 0", "u": 4, "s": "p20", "q": "a@b.example", "l": [1, 2.5, null, true, "1", "${x} \"", "0x1F"]
    });
    assert_eq!(body, expected);
}

#[test]
fn the_command_line_replaces_what_it_names() {
    let folder = folder(&[("s.yaml", RIGHT)]);
    let overrides = Overrides {
        target: Some("https://there.example/base".into()),
        scale: Some(0.26),
        vars: vec![("page".into(), "7".into())],
        allow: vec!["there.example".into()],
    };
    let plan = load_in(folder.path(), &overrides).unwrap();
    assert_eq!(plan.target.base_url.as_str(), "https://there.example/base");
    assert_eq!(plan.allow, ["there.example"]);
    assert_eq!(request(&plan, 0, 0).url.as_static(), Some("/tasks?limit=7"));
    let Load::Users { stages, .. } = &plan.load else { panic!("closed") };
    assert_eq!(stages[1].to, 3.0);
    let plain = load_in(folder.path(), &Overrides::default()).unwrap();
    assert_eq!(plain.source.text, plan.source.text);
    assert_ne!(plain.source.sha256, plan.source.sha256);
}

#[test]
fn a_smaller_rate_keeps_fewer_users_busy_but_at_least_one() {
    let arrivals = "arrivals: { max_in_flight: 50, stages: [{ rate: 100/s, hold: 20s }] }";
    let text = with("users:\n    stages: [{ to: 10, over: 5s }, { hold: 10s }]\n    think: 1s", arrivals);
    let folder = folder(&[("s.yaml", &text)]);
    for (scale, busy, rate) in [(0.11, 6, 11.0), (0.001, 1, 0.1), (3.0, 150, 300.0)] {
        let plan = load_in(folder.path(), &Overrides { scale: Some(scale), ..Overrides::default() }).unwrap();
        let Load::Arrivals { max_in_flight, stages, .. } = &plan.load else { panic!("open") };
        assert_eq!((*max_in_flight, stages[0].to), (busy, rate));
    }
}

#[test]
fn scaled_down_some_users_are_still_some() {
    let folder = folder(&[("s.yaml", RIGHT)]);
    let plan = load_in(folder.path(), &Overrides { scale: Some(0.001), ..Overrides::default() }).unwrap();
    let Load::Users { stages, .. } = &plan.load else { panic!("closed") };
    assert_eq!(stages[1].to, 1.0);
}

#[test]
fn the_open_model_reads_its_rates_and_jumps() {
    let users = "  users:\n    stages: [{ to: 10, over: 5s }, { hold: 10s }]\n    think: 1s\n";
    let arrivals = "  arrivals:\n    process: constant\n    max_in_flight: 50\n    stages:\n      - { rate: 30/min, hold: 2s }\n      \
                    - { to: 7200/h, over: 0s }\n      - { to: 10, over: 10s }\n";
    let plan = plan_with(users, arrivals);
    let Load::Arrivals { process: Process::Constant, max_in_flight: 50, stages } = &plan.load else {
        panic!("open")
    };
    let expected = [Stage { from: 0.5, to: 0.5, seconds: 2.0 }, Stage { from: 2.0, to: 10.0, seconds: 10.0 }];
    assert_eq!(stages.as_slice(), expected);
}

#[test]
fn abort_is_off_or_a_rule() {
    let abort = |text: &str| plan_with("vars:", &format!("abort: {text}\nvars:")).abort;
    assert_eq!(load_text(RIGHT).unwrap().abort, None);
    assert_eq!(abort("off"), Some(Abort::Off));
    let within = Duration::from_secs(5);
    let storm = Abort::Storm { share: 0.25, requests: 100, within };
    assert_eq!(abort("{ share: 25%, requests: 100, within: 5s }"), Some(storm));
}

#[test]
fn data_is_found_beside_the_file_or_where_the_command_line_says() {
    let other = folder(&[]);
    let text =
        with("{ csv: people.csv }", "{ csv: \"${word}\" }").replace("word: \"2 0\"", "word: people.csv");
    let scenario = folder(&[("s.yaml", &text)]);
    assert_eq!(load_in(scenario.path(), &Overrides::default()).unwrap().data[0].rows(), 2);
    let file = other.path().join("one.csv");
    std::fs::write(&file, "email\nz@z.example\n").unwrap();
    let vars = vec![("word".to_owned(), file.to_string_lossy().into_owned())];
    let plan = load_in(scenario.path(), &Overrides { vars, ..Overrides::default() }).unwrap();
    assert_eq!(plan.data[0].rows(), 1);
}

#[test]
fn a_missing_file_says_how_it_is_made() {
    let text = with("{ csv: people.csv }", "{ csv: none.csv, made_by: make people }");
    let said = load_text(&text).unwrap_err().to_string();
    assert!(said.contains("none.csv`; make it with `make people`"), "{said}");
}

#[test]
fn popular_rows_come_from_the_top_of_the_data() {
    let plan = plan_with("${sentence(3)}", "${zipf(people.email, 3)}");
    let Some(Body::Text(template)) = &request(&plan, 1, 0).body else { panic!("no body") };
    let mut session = Session::new(&plan, 1, 0);
    session.rng = rand::rngs::ChaCha8Rng::seed_from_u64(4);
    let mut first = 0;
    for _ in 0..1000 {
        let mut out = String::new();
        template.render(&plan, &mut session, &mut out).unwrap();
        first += usize::from(out.contains("a@b.example"));
    }
    // 1 / (1 + 2⁻³) = 0.889, give or take five standard deviations.
    assert!((839..=939).contains(&first), "{first}");
}

#[test]
fn connections_are_as_the_target_says_and_as_a_browser_s_otherwise() {
    assert_eq!(load_text(RIGHT).unwrap().target.wire, Wire::default());
    assert!(!show(&load_text(RIGHT).unwrap()).contains("Wire "));
    let plan = plan_with(
        "127.0.0.1:8080\" }",
        "127.0.0.1:8080\", http: 2, source_addresses: [127.0.0.2, '::1'], dns: each_connection, \
         client_certificate: { cert: people.csv, key: people.csv }, \
         connections: { max_requests: 100, max_age: 90s, per_user: close } }",
    );
    let Wire {
        http,
        client_certificate: Some(certificate),
        source_addresses,
        dns,
        max_requests,
        max_age,
        per_user,
    } = &plan.target.wire
    else {
        panic!("no certificate")
    };
    assert_eq!((*http, *dns, *per_user), (Http::Two, Dns::EachConnection, PerUser::Close));
    assert_eq!(source_addresses.as_slice(), ["127.0.0.2", "::1"].map(|it| it.parse::<IpAddr>().unwrap()));
    assert_eq!((max_requests.unwrap().get(), *max_age), (100, Some(Duration::from_secs(90))));
    assert!(certificate.key.ends_with("people.csv"));
    let shown = show(&plan);
    for part in [
        "Wire     connections: HTTP/2 alone; users show the certificate ",
        "from 2 addresses in turn, 127.0.0.2 to ::1; the target's name looked up for each; at most 100 requests each; \
         at most 1 min 30 s old; new ones each iteration\n",
    ] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
}

#[test]
fn a_plan_is_shown_with_what_it_will_do() {
    let shown = show(&load_text(RIGHT).unwrap());
    for part in [
        "127.0.0.1:8080",
        "hold 10 users for 10 s",
        " 75.0 %  browse: list tasks → one task",
        "once a user: POST /login",
        "people: 2 rows (email, password), a random row each iteration",
        "p99 of list tasks ≤ 1 s",
        // 125 user-seconds over 1 s + ¾ · 2 s; 1.75 requests an iteration
        "at most 50 iterations, 88 requests (1.75 an iteration)",
    ] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
}

#[test]
fn a_user_that_asks_several_things_at_once_needs_a_connection_for_each() {
    let connections = |block: &str, target: &str| {
        let text = RIGHT.replace(r#"      - { post: /tasks, json: { title: "${sentence(3)}" } }"#, block);
        let text = text.replace("base_url: \"http://127.0.0.1:8080\"", target);
        load_text(&text).unwrap().connections_of_user()
    };
    let (one, two) = ("base_url: http://127.0.0.1:8080", "base_url: http://127.0.0.1:8080, http: 2");
    let three = "      - { parallel: [{ get: /a }, { get: /b }, { get: /c }], connections: 5 }";
    let nested =
        "      - { loop: 2, steps: [{ parallel: [{ get: /a }, { get: /b }, { get: /c }], connections: 2 }] }";
    assert_eq!(connections("      - { get: / }", one), 1);
    assert_eq!([connections(three, one), connections(nested, one), connections(three, two)], [3, 2, 1]);
}
