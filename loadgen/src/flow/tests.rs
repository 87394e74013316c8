//! Users over the wire, against servers in the same process.

mod blocks;
mod hostile;
mod peer;
mod streams;

use std::{fs, sync::Arc, sync::atomic::Ordering, time::Instant};

use http::Version;
use rustls::HandshakeKind;

use self::peer::{Door, Peer};
use crate::{
    engine::{Engine, Parts},
    flow::user::{Due, VirtualUser},
    plan::{
        self,
        model::{Action, Plan, Request},
    },
    run,
    share::Share,
    witness::Witness,
};

/// A plan of `steps` against `url`; `target` is what else the scenario says of it.
fn scenario(url: &str, target: &str, steps: &str) -> Plan {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("scenario.yaml");
    let text = format!(
        "version: 1\nname: wire\ntarget: {{ base_url: \"{url}\", timeout: 5s{target} }}\n\
         load: {{ users: {{ stages: [ {{ users: 1, hold: 1s }} ], think: 1s }} }}\n\
         flows:\n  - name: steps\n    steps:\n{steps}\n"
    );
    fs::write(&file, text).unwrap();
    plan::load(&file, &Default::default()).unwrap_or_else(|error| panic!("{error}"))
}

/// An engine for users that do `steps` against `url`; failures are shown when the test fails.
async fn engine(url: &str, target: &str, steps: &str) -> &'static Engine {
    let shown = Witness::of_all(Box::new(|request, sent, _, failure, _| {
        if let Some(failure) = failure {
            println!("{request}: {failure:?}\n{sent}");
        }
    }));
    engine_with(url, target, steps, shown).await
}

async fn engine_with(url: &str, target: &str, steps: &str, witness: Witness) -> &'static Engine {
    let plan = scenario(url, target, steps);
    let transport = run::reach(&plan, false).await.unwrap_or_else(|stop| panic!("{stop}"));
    let parts = Parts {
        seed: 1,
        share: Share::WHOLE,
        threads: 1,
        transport,
        control: Arc::default(),
        witness,
        ceiling: None,
        header_counts: Vec::new(),
    };
    Engine::start(plan, parts).unwrap()
}

fn at_once() -> Due {
    Due::at_once(Instant::now())
}

/// What `times` iterations of one new user came to: requests answered well, and failures by kind.
async fn iterate(engine: &'static Engine, times: usize) -> (u64, String) {
    let mut user = VirtualUser::new(engine, 0);
    for _ in 0..times {
        user.iterate(at_once()).await.unwrap();
    }
    came(engine)
}

fn came(engine: &Engine) -> (u64, String) {
    let (row, _) = engine.recorder.rotate(0);
    (row.completed, row.errors.to_string())
}

const ALL: &str = r#"
      - { post: /echo, body: "hello", expect: { status: 200, body: { contains: [ "POST localhost:", "hello" ] } } }
      - { get: /json, expect: { json: { $.id: 7 } } }
      - { get: /set }
      - { get: /need, expect: { status: 200 } }
      - { post: /away, body: "x", expect: { status: 200, body: { contains: [ "GET localhost:" ] } } }
      - { head: /json, name: head }
"#;

fn trusting(peer: &Peer, more: &str) -> String {
    format!(", ca: {}{more}", peer.folder.path().join("localhost.pem").display())
}

#[tokio::test]
async fn a_flow_goes_over_http2_by_prior_knowledge_as_over_http1() {
    for (version, said) in [(Version::HTTP_2, ", http: 2"), (Version::HTTP_11, "")] {
        let peer = Peer::start(Door::Plain(version)).await;
        let engine = engine(&peer.url("http"), said, ALL).await;
        assert_eq!(iterate(engine, 2).await, (12, String::new()));
        assert_eq!(peer.connections(), 1, "{version:?}");
        assert!(peer.seen.versions.lock().unwrap().iter().all(|seen| *seen == version));
    }
}

#[tokio::test]
async fn https_speaks_what_the_server_chooses_of_what_the_scenario_allows() {
    let both: &[&str] = &["h2", "http/1.1"];
    for (offered, said, spoken) in [
        (both, "", Version::HTTP_2),
        (both, ", http: 1", Version::HTTP_11),
        (both, ", http: 2", Version::HTTP_2),
        (&["http/1.1"], "", Version::HTTP_11),
        (&[], "", Version::HTTP_11),
    ] {
        let peer = Peer::start(Door::Tls(offered)).await;
        let engine = engine(&peer.url("https"), &trusting(&peer, said), ALL).await;
        assert_eq!(iterate(engine, 1).await, (6, String::new()), "{offered:?} {said}");
        assert!(peer.seen.versions.lock().unwrap().iter().all(|seen| *seen == spoken), "{offered:?} {said}");
        assert_eq!(engine.transport.opened_http2(), u64::from(spoken == Version::HTTP_2));
    }
}

#[tokio::test]
async fn a_server_that_does_not_speak_the_version_asked_for_is_a_failure_of_its_own_kind() {
    for (offered, kind) in [(&[][..], "protocol:1"), (&["http/1.1"][..], "tls:1")] {
        let peer = Peer::start(Door::Tls(offered)).await;
        let engine =
            engine(&peer.url("https"), &trusting(&peer, ", http: 2"), "      - { get: /json }").await;
        assert_eq!(iterate(engine, 1).await, (0, kind.to_owned()));
    }
}

#[tokio::test]
async fn users_show_their_certificate_to_a_server_that_asks_for_it() {
    let peer = Peer::start(Door::Known).await;
    let at = |name: &str| peer.folder.path().join(name).display().to_string();
    let shown = format!(", client_certificate: {{ cert: {}, key: {} }}", at("client.pem"), at("client.key"));
    let shown = engine(&peer.url("https"), &trusting(&peer, &shown), ALL).await;
    assert_eq!(iterate(shown, 1).await, (6, String::new()));
    let none = engine(&peer.url("https"), &trusting(&peer, ""), "      - { get: /json }").await;
    let (well, failed) = iterate(none, 1).await;
    assert_eq!(well, 0);
    // TLS 1.3 refuses after the client has taken the connection for made.
    assert!(["tls:1", "io:1", "reset:1", "closed:1"].contains(&failed.as_str()), "{failed}");
}

#[tokio::test]
async fn a_certificate_without_its_key_is_one_clear_message() {
    let peer = Peer::start(Door::Known).await;
    let at = |name: &str| peer.folder.path().join(name).display().to_string();
    let shown =
        format!(", client_certificate: {{ cert: {}, key: {} }}", at("client.pem"), at("localhost.key"));
    let plan = scenario(&peer.url("https"), &trusting(&peer, &shown), "      - { get: / }");
    let Err(stop) = run::reach(&plan, false).await else { panic!("a key of another certificate was taken") };
    assert!(stop.to_string().contains("client.pem"), "{stop}");
}

#[tokio::test]
async fn a_new_user_makes_a_full_handshake_and_takes_up_no_sessions_but_its_own() {
    let peer = Peer::start(Door::Tls(&["http/1.1"])).await;
    let said = trusting(&peer, ", connections: { max_requests: 1 }");
    let engine = engine(&peer.url("https"), &said, "      - { get: /json }").await;
    for _ in 0..2 {
        assert_eq!(iterate(engine, 2).await, (2, String::new()));
    }
    use HandshakeKind::{Full, Resumed};
    assert_eq!(*peer.seen.handshakes.lock().unwrap(), [Full, Resumed, Full, Resumed]);
}

#[tokio::test]
async fn connections_live_as_long_as_the_scenario_says() {
    for (version, http) in [(Version::HTTP_11, ""), (Version::HTTP_2, ", http: 2")] {
        for (said, connections) in
            [("", 1), ("max_requests: 2", 3), ("per_user: close", 5), ("max_age: 1ms", 5)]
        {
            let peer = Peer::start(Door::Plain(version)).await;
            let target = format!("{http}, connections: {{ {said} }}");
            // Every request takes longer than the greatest age.
            let engine = engine(&peer.url("http"), &target, "      - { get: /slow }").await;
            assert_eq!(iterate(engine, 5).await, (5, String::new()), "{version:?} {said}");
            assert_eq!(peer.connections(), connections, "{version:?} {said}");
        }
    }
}

#[tokio::test]
async fn a_body_that_is_read_has_a_bound_and_one_that_is_not_has_none() {
    for (version, http) in [(Version::HTTP_11, ""), (Version::HTTP_2, ", http: 2")] {
        let peer = Peer::start(Door::Plain(version)).await;
        let read = r#"      - { get: /big, expect: { body: { contains: [ "y" ] } } }"#;
        let read = engine(&peer.url("http"), http, read).await;
        assert_eq!(iterate(read, 1).await, (0, "too_large:1".to_owned()), "{version:?}");
        let counted = engine(&peer.url("http"), http, "      - { get: /big }").await;
        assert_eq!(iterate(counted, 1).await, (1, String::new()), "{version:?}");
    }
}

/// `count` requests to `path`, and an engine to send them with.
async fn requests(url: &str, target: &str, count: usize, path: &str) -> (&'static Engine, Vec<Request>) {
    let steps: String = (0..count).map(|i| format!("      - {{ get: {path}?{i}, name: r }}\n")).collect();
    let steps_of = |plan: Plan| plan.flows.into_iter().flat_map(|flow| flow.steps);
    let requests = steps_of(scenario(url, target, &steps)).filter_map(|step| match step.action {
        Action::Request(request) => Some(*request),
        _ => None,
    });
    (engine(url, target, &steps).await, requests.collect())
}

#[tokio::test]
async fn requests_at_once_share_an_http2_connection_and_take_several_of_http1() {
    for (version, http, connections) in [(Version::HTTP_11, "", 3), (Version::HTTP_2, ", http: 2", 1)] {
        let peer = Peer::start(Door::Plain(version)).await;
        let (engine, requests) = requests(&peer.url("http"), http, 8, "/slow").await;
        let mut user = VirtualUser::new(engine, 0);
        for _ in 0..2 {
            assert!(user.parallel(&requests.iter().collect::<Vec<_>>(), 3, at_once()).await.unwrap());
        }
        assert_eq!(came(engine), (16, String::new()), "{version:?}");
        assert_eq!(peer.connections(), connections, "{version:?}");
        let at_once = if connections == 1 { 8 } else { 3 };
        assert_eq!(peer.seen.most_at_once.load(Ordering::SeqCst), at_once, "{version:?}");
    }
}

#[tokio::test]
async fn a_refused_connection_fails_every_request_of_a_block_once() {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", socket.local_addr().unwrap());
    drop(socket);
    for http in ["", ", http: 2"] {
        let (engine, requests) = requests(&url, http, 5, "/").await;
        let mut user = VirtualUser::new(engine, 0);
        assert!(!user.parallel(&requests.iter().collect::<Vec<_>>(), 2, at_once()).await.unwrap());
        assert_eq!(came(engine), (0, "refused:5".to_owned()));
    }
}
