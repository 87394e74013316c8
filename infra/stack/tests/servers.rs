//! The real servers, one by one: what they keep, what they lose, and that they are gone afterwards.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::thread;

use stack::nginx::Upstream;
use stack::{Nginx, Postgres, RabbitMq, Redis, RedisCluster, http, ports};

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[test]
fn what_postgres_committed_is_there_after_a_crash() {
    let server = Postgres::start().unwrap();
    let url = server.create_database("shop").unwrap();
    assert_eq!(url, server.url("shop"));
    server.query("shop", "CREATE TABLE t (n int); INSERT INTO t SELECT generate_series(1, 1000)").unwrap();
    server.kill();
    assert!(server.query("shop", "SELECT 1").is_err(), "it answers after it was killed");
    server.start_again().unwrap();
    assert_eq!(server.query("shop", "SELECT count(*), sum(n) FROM t").unwrap(), "1000|500500");
    server.restart().unwrap();
    assert_eq!(server.query("shop", "SELECT count(*) FROM t").unwrap(), "1000");
}

#[test]
fn the_services_role_is_no_superuser_and_knows_what_was_asked() {
    let server = Postgres::shared();
    server.create_database("roles").unwrap();
    assert_eq!(
        server.query("roles", "SELECT rolsuper FROM pg_roles WHERE rolname = current_user").unwrap(),
        "f"
    );
    server.query("roles", "SELECT 4711").unwrap();
    let asked = "SELECT calls FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid \
                 WHERE datname = 'roles' AND query = 'SELECT $1'";
    assert_eq!(server.query("roles", asked).unwrap(), "1");
    for name in ["", "Shop", "1st", "a-b", "a; DROP DATABASE roles"] {
        assert!(server.create_database(name).is_err(), "{name}");
    }
}

#[test]
fn a_replica_follows_lags_stops_and_catches_up() {
    let primary = Postgres::start().unwrap();
    primary.create_database("shop").unwrap();
    let replica = primary.replica().unwrap();
    let count = || replica.query("shop", "SELECT count(*) FROM t").unwrap();
    let add = || primary.query("shop", "INSERT INTO t VALUES (1)").unwrap();
    primary.query("shop", "CREATE TABLE t (n int)").unwrap();
    add();
    replica.catch_up(&primary).unwrap();
    assert_eq!(count(), "1");
    assert!(replica.query("shop", "INSERT INTO t VALUES (2)").is_err(), "a replica is written to");

    replica.lag(3600).unwrap();
    add();
    thread::sleep(std::time::Duration::from_millis(500));
    assert_eq!(count(), "1", "an hour has passed");
    replica.lag(0).unwrap();
    replica.catch_up(&primary).unwrap();
    assert_eq!(count(), "2");

    replica.stop().unwrap();
    add();
    replica.start().unwrap();
    replica.catch_up(&primary).unwrap();
    assert_eq!(count(), "3");

    primary.kill();
    assert_eq!(count(), "3", "a replica answers without its primary");
    primary.start_again().unwrap();
    add();
    replica.catch_up(&primary).unwrap();
    assert_eq!(count(), "4");
}

#[test]
fn redis_comes_back_empty_on_the_same_port() {
    let redis = Redis::start().unwrap();
    redis.ask("SET colour blue").unwrap();
    assert_eq!(redis.ask("GET colour").unwrap(), "blue");
    redis.kill();
    assert!(redis.ask("PING").is_err());
    redis.start_again().unwrap();
    assert_eq!(redis.ask("EXISTS colour").unwrap(), "0");
    let port = redis.port();
    assert_eq!(redis.url(), format!("redis://127.0.0.1:{port}/"));
    drop(redis);
    assert!(is_free(port));
}

#[test]
fn a_redis_cluster_is_whole_and_whole_again_after_a_master_was_killed() {
    let cluster = RedisCluster::start().unwrap();
    assert_eq!(cluster.urls().len(), 3);
    cluster.kill(1);
    cluster.start_again(1).unwrap();
}

#[test]
fn rabbitmq_comes_back_on_the_same_port_and_leaves_nothing_behind() {
    let broker = RabbitMq::start().unwrap();
    let (port, metrics) = (broker.port(), broker.metrics_port());
    let (status, text) = http::get(metrics, "/metrics").unwrap();
    assert!(status == 200 && text.contains("rabbitmq_"), "{status}");
    broker.kill();
    assert!(is_free(port));
    broker.start_again().unwrap();
    let folder = broker.daemon().log().parent().unwrap().to_owned();
    drop(broker);
    assert!(is_free(port) && !folder.exists());
    assert!(!anybody_in(&folder), "a process of RabbitMQ's is left");
}

/// Whether a process of this machine works in `folder` or was told of it.
fn anybody_in(folder: &Path) -> bool {
    let folder = folder.to_string_lossy();
    let entries = std::fs::read_dir("/proc").expect("/proc is there").filter_map(Result::ok);
    entries.map(|entry| entry.path()).any(|process| {
        let told = std::fs::read(process.join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&told).contains(&*folder)
    })
}

/// Answers every request with its name, on a thread that ends with the test's process.
fn answering(name: &'static str) -> u16 {
    let port = ports::free().expect("a free port");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("it is free");
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut request = [0; 4096];
            if stream.read(&mut request).is_ok() {
                let length = name.len();
                let _ = write!(
                    stream,
                    "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{name}"
                );
            }
        }
    });
    port
}

#[test]
fn nginx_sends_paths_where_they_belong_and_round_who_is_not_there() {
    let nobody = ports::free().unwrap();
    let upstreams = [
        Upstream {
            name: "tasks".into(),
            ports: vec![nobody, answering("tasks")],
            paths: vec!["/tasks".into()],
        },
        Upstream { name: "rest".into(), ports: vec![answering("rest")], paths: vec!["/".into()] },
        Upstream { name: "away".into(), ports: vec![nobody], paths: vec!["/away".into()] },
    ];
    let gateway = Nginx::start(&upstreams, None).unwrap();
    for _ in 0..10 {
        assert_eq!(http::get(gateway.port(), "/tasks/1"), Some((200, "tasks".to_owned())));
        assert_eq!(http::get(gateway.port(), "/users"), Some((200, "rest".to_owned())));
    }
    let (status, body) = http::get(gateway.port(), "/away").unwrap();
    assert!(status == 503 && body.contains("urn:headroom:problem:busy"), "{status} {body}");
}
