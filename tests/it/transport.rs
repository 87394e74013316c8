use anyhow::Result;
use harness::{
    loadgen::Loadgen,
    servers::{Server, Tls, known, seen_connections},
};
use record::{Record, Summary};

/// One user, ten iterations a second for two seconds.
fn scenario(target: &str, steps: &str) -> String {
    format!(
        "
version: 1
name: transport
target: {{ base_url: http://127.0.0.1:1, {target} }}
load: {{ users: {{ stages: [ {{ users: 1, hold: 2s }} ], pacing: 100ms }} }}
flows:
  - name: steps
    steps:
{steps}
"
    )
}

fn run(url: &str, target: &str, steps: &str) -> Result<(Record, Summary)> {
    let record = Loadgen::run(&scenario(target, steps), url)?.finish()?.record()?;
    let (summary, _) = record.conclude()?;
    assert!(summary.started >= 10, "{} iterations", summary.started);
    Ok((record, summary))
}

fn all_good(steps: &str) -> Result<Summary> {
    let server = Server::start(known(&Default::default()))?;
    let (record, summary) = run(&server.url(), "timeout: 5s", steps)?;
    assert_eq!(summary.failed, 0, "{:?}", record.errors);
    assert!(summary.completed >= summary.started);
    Ok(summary)
}

#[test]
fn redirects_are_followed_to_their_end_unless_told_otherwise() -> Result<()> {
    all_good("      - { get: /redirect/3, expect: { status: 200, json: { $.status: open } } }")?;
    all_good("      - { get: /redirect/3, follow_redirects: false, expect: { status: 302 } }")?;
    Ok(())
}

#[test]
fn a_redirect_without_end_is_a_failure() -> Result<()> {
    let server = Server::start(known(&Default::default()))?;
    let (_, summary) = run(&server.url(), "timeout: 5s", "      - { get: /redirect/100 }")?;
    assert_eq!(summary.completed, 0);
    assert_eq!(summary.errors.values().sum::<u64>(), summary.failed);
    Ok(())
}

#[test]
fn a_user_keeps_the_cookies_it_was_given() -> Result<()> {
    all_good("      - { get: /cookie/set }\n      - { get: /cookie/need, expect: { status: 200 } }").map(drop)
}

#[test]
fn a_squeezed_body_is_read() -> Result<()> {
    all_good("      - { get: /gzip, expect: { json: { $.squeezed: true } } }").map(drop)
}

#[test]
fn a_user_keeps_its_connection_and_opens_another_when_the_server_closes_it() -> Result<()> {
    for (path, connections_per_request) in [("/json", false), ("/closing", true)] {
        let connections = Default::default();
        let server = Server::start(known(&connections))?;
        let (record, summary) = run(&server.url(), "timeout: 5s", &format!("      - {{ get: {path} }}"))?;
        assert_eq!(summary.failed, 0, "{path}: {:?}", record.errors);
        let expected = if connections_per_request { summary.completed } else { 1 };
        assert_eq!(seen_connections(&connections) as u64, expected, "{path}");
        assert_eq!(summary.connect.n, expected, "connects that were timed, {path}");
    }
    Ok(())
}

#[test]
fn what_a_step_says_is_what_the_server_gets() -> Result<()> {
    all_good(
        r#"
      - post: /echo?page=2
        name: json
        headers: { x-tenant: blue }
        json: { title: "a \"task\"", n: 3, tags: [ a, null ] }
        expect:
          status: 200
          json:
            $.method: POST
            $.uri: /echo?page=2
            $.headers['x-tenant']: blue
            $.headers['content-type']: application/json
            $.body: '{"title":"a \"task\"","n":3,"tags":["a",null]}'
      - put: /echo
        name: form
        form: { a: "x y", b: "1&2" }
        expect:
          json:
            $.method: PUT
            $.headers['content-type']: application/x-www-form-urlencoded
          body: { contains: [ "a=x", "b=1%262" ] }
      - { head: /json, name: head, expect: { status: 200 } }
      - { delete: /status/204, name: delete, expect: { status: 204 } }
"#,
    )
    .map(drop)
}

#[test]
fn what_an_answer_says_can_be_used_in_the_next_request() -> Result<()> {
    all_good(
        r#"
      - get: /json
        save: { id: $.id, kind: { header: content-type }, word: { regex: 'a (t\w+)' } }
      - if: id
        post: /echo
        name: saved
        body: "${id} ${kind} ${word}"
        expect: { json: { $.body: "0190b7a0-0000-7000-8000-000000000001 application/json task" } }
"#,
    )
    .map(drop)
}

#[test]
fn tls_is_verified_against_the_authority_that_the_scenario_names() -> Result<()> {
    let connections = Default::default();
    let server = Tls::start(known(&connections))?;
    let step = "      - { get: /json, expect: { json: { $.status: open } } }";
    let trusting = format!("ca: {}", server.certificate().display());
    let (record, summary) = run(&server.url(), &trusting, step)?;
    assert_eq!(summary.failed, 0, "{:?}", record.errors);
    assert_eq!((summary.tls.n, seen_connections(&connections)), (1, 1));

    let record = Loadgen::run(&scenario("timeout: 5s", step), &server.url())?.finish()?.record()?;
    let (summary, _) = record.conclude()?;
    assert_eq!(summary.completed, 0);
    assert!(summary.failed > 0 && summary.errors.contains_key("tls"), "{:?}", summary.errors);
    assert_eq!(seen_connections(&connections), 1, "an unknown authority is not talked to");
    Ok(())
}

#[test]
fn an_answer_that_takes_too_long_is_given_up() -> Result<()> {
    let server = Server::start(known(&Default::default()))?;
    let scenario = scenario("timeout: 300ms", "      - { get: /slow/5000 }");
    let record = Loadgen::run(&scenario, &server.url())?.finish()?.record()?;
    let (summary, _) = record.conclude()?;
    assert_eq!(summary.completed, 0);
    assert!(summary.errors["timeout"] >= 3, "{:?}", summary.errors);
    assert!(summary.error.min_us >= 300_000, "given up early, after {} µs", summary.error.min_us);
    Ok(())
}

#[test]
fn a_connection_ends_after_as_many_requests_as_the_scenario_allows() -> Result<()> {
    let connections = Default::default();
    let server = Server::start(known(&connections))?;
    let target = "connections: { max_requests: 4 }";
    let (record, summary) = run(&server.url(), target, "      - { get: /json }")?;
    assert_eq!(summary.failed, 0, "{:?}", record.errors);
    assert_eq!(seen_connections(&connections) as u64, summary.completed.div_ceil(4));
    Ok(())
}

#[test]
fn an_address_that_is_not_this_machines_is_refused_before_any_load_is_made() -> Result<()> {
    let connections = Default::default();
    let server = Server::start(known(&connections))?;
    // RFC 5737: nobody's.
    let scenario = scenario("source_addresses: [192.0.2.1]", "      - { get: /json }");
    let finished = Loadgen::run(&scenario, &server.url())?.finish()?;
    finished.expect(2)?;
    assert!(finished.ended.stderr.contains("192.0.2.1"), "{}", finished.ended.stderr);
    assert_eq!(seen_connections(&connections), 0);
    Ok(())
}
