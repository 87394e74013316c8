//! One suite, over the table and over a real RabbitMQ: every case holds for both.

mod smtp;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use self::smtp::{Mood, Server};
use crate::clock;
use crate::config::{Config, MailSink, QueueKind};
use crate::store::outbox::{self, NewJob, Work};
use crate::store::{Timestamp, jobs};
use crate::testing::{Login, Service, header};

#[test]
fn jobs_are_done_over_the_table_of_sqlite() {
    suite(&|config| config.queue.kind = QueueKind::Table);
}

#[test]
fn jobs_are_done_over_the_table_of_postgresql() {
    let postgres = stack::Postgres::start().expect("PostgreSQL starts");
    let databases = AtomicU32::new(0);
    suite(&|config| {
        config.queue.kind = QueueKind::Table;
        over_postgres(config, &postgres, databases.fetch_add(1, Ordering::Relaxed));
    });
}

#[test]
fn jobs_are_done_over_rabbitmq() {
    let broker = stack::RabbitMq::start().expect("RabbitMQ starts");
    let postgres = stack::Postgres::start().expect("PostgreSQL starts");
    let queues = AtomicU32::new(0);
    suite(&|config| {
        let number = queues.fetch_add(1, Ordering::Relaxed);
        config.queue.kind = QueueKind::RabbitMq;
        config.queue.url = broker.url().parse().expect("a URL");
        config.queue.name = format!("headroom.jobs.{number}");
        over_postgres(config, &postgres, number);
    });
}

fn over_postgres(config: &mut Config, postgres: &stack::Postgres, number: u32) {
    let url = postgres.create_database(&format!("jobs{number}")).expect("a database of its own");
    config.database.url = url.parse().expect("a URL");
    config.auth.secret = Some("a secret that all processes of a test share".into());
}

type Over<'a> = &'a dyn Fn(&mut Config);

fn suite(over: Over<'_>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        a_new_user_is_welcomed_once(over).await;
        an_export_holds_every_task_and_is_found_by_its_link(over).await;
        a_mail_that_is_deferred_is_sent_when_the_server_takes_it(over).await;
        a_job_that_cannot_be_done_is_given_up_and_seen(over).await;
        the_job_of_a_worker_that_fell_silent_is_done_once_by_another(over).await;
        a_job_handed_over_many_times_has_one_effect(over).await;
        processes_share_the_work_and_do_each_job_once(over).await;
        a_job_in_progress_goes_back_when_its_process_stops(over).await;
    });
}

async fn start(over: Over<'_>, change: impl FnOnce(&mut Config)) -> Service {
    Service::with(|config| {
        over(config);
        config.queue.poll_ms = 20;
        config.queue.backoff_ms = 20;
        config.queue.backoff_max_ms = 200;
        change(config);
    })
    .await
}

fn over_smtp(config: &mut Config, server: &Server) {
    config.mail.sink = MailSink::Smtp;
    config.mail.url = format!("smtp://{}", server.address).parse().expect("a URL");
}

/// Waits until `holds`, for as long as a broker that starts may take.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !holds().await {
        assert!(Instant::now() < end, "{what}: not within 30 s");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn mails(service: &Service) -> Vec<String> {
    let folder = crate::files::folder("", &service.config.database.path, "mail");
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let whole = |path: &std::path::PathBuf| path.extension().is_some_and(|end| end == "eml");
    let paths = entries.map(|entry| entry.unwrap().path()).filter(whole);
    paths.map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

async fn a_new_user_is_welcomed_once(over: Over<'_>) {
    let service = start(over, |_| {}).await;
    service.register("ada").await;
    until("the welcome", async || !mails(&service).is_empty()).await;
    let mail = mails(&service).remove(0);
    assert!(mail.contains("To: ada <ada@headroom.example>"), "{mail}");
    until("its count", async || metric(&service, "jobs_total{job=\"welcome_mail\",result=\"done\"} 1").await)
        .await;
    assert_eq!(mails(&service).len(), 1);
    service.running.stop().await;
}

async fn metric(service: &Service, line: &str) -> bool {
    service.get("/metrics", None).await.text().await.unwrap().contains(line)
}

/// Asks for the job until it is `state`.
async fn job(service: &Service, login: &Login, path: &str, state: &str) -> Value {
    let mut job = Value::Null;
    until(state, async || {
        job = service.get(path, Some(login)).await.json().await.unwrap();
        job["state"] == state
    })
    .await;
    job
}

async fn an_export_holds_every_task_and_is_found_by_its_link(over: Over<'_>) {
    let service = start(over, |_| {}).await;
    let (login, other) = (service.register("ada").await, service.register("bob").await);
    for title in ["One", "Two, \"quoted\"\nand broken", "Three"] {
        service.task(&login, title).await;
    }
    service.task(&other, "Another's").await;
    let asked = service.send(Method::POST, "/api/v1/tasks/export", Some(&login), Some(json!({}))).await;
    assert_eq!(asked.status(), 202);
    let place = header(&asked, "location").to_owned();
    assert_eq!(service.get(&place, Some(&other)).await.status(), 404, "another's job");
    let done = job(&service, &login, &place, "done").await;
    assert_eq!((&done["percent"], &done["kind"]), (&json!(100), &json!("export_tasks")));

    let link = done["result"].as_str().unwrap();
    let file = service.get(link, None).await;
    assert_eq!(header(&file, "content-type"), "text/csv; charset=utf-8");
    assert_eq!(header(&file, "cache-control"), "public, max-age=31536000, immutable");
    let etag = header(&file, "etag").to_owned();
    assert!(etag.starts_with('"'), "a strong tag: {etag}");
    let text = file.text().await.unwrap();
    let rows: Vec<csv::StringRecord> =
        csv::Reader::from_reader(text.as_bytes()).records().map(Result::unwrap).collect();
    let titles: Vec<&str> = rows.iter().map(|row| &row[1]).collect();
    assert_eq!(titles, ["One", "Two, \"quoted\"\nand broken", "Three"]);

    let ask = async |name: &str, value: &str| {
        service.request(Method::GET, link).header(name, value).send().await.unwrap()
    };
    assert_eq!(ask("if-none-match", &etag).await.status(), 304);
    let part = ask("range", "bytes=3-7").await;
    assert_eq!((part.status().as_u16(), header(&part, "content-length")), (206, "5"));
    assert_eq!(part.text().await.unwrap(), text[3..8]);
    let beyond = ask("range", "bytes=99999-").await;
    assert_eq!(
        (beyond.status().as_u16(), header(&beyond, "content-range")),
        (416, &*format!("bytes */{}", text.len()))
    );

    let asked = service
        .send(Method::POST, "/api/v1/tasks/export", Some(&login), Some(json!({ "format": "ndjson" })))
        .await;
    let done = job(&service, &login, header(&asked, "location"), "done").await;
    let file = service.get(done["result"].as_str().unwrap(), None).await.text().await.unwrap();
    let tasks: Vec<Value> = file.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(tasks.len(), 3);
    assert_eq!(tasks[1]["title"], "Two, \"quoted\"\nand broken");
    service.running.stop().await;
}

async fn a_mail_that_is_deferred_is_sent_when_the_server_takes_it(over: Over<'_>) {
    let server = Server::start(Mood::Defers).await;
    let service = start(over, |config| {
        over_smtp(config, &server);
        config.queue.attempts = 100;
    })
    .await;
    service.register("ada").await;
    until("three attempts", async || server.asked() >= 3).await;
    assert!(server.taken().is_empty());
    server.set(Mood::Takes);
    until("the mail", async || !server.taken().is_empty()).await;
    until("its count", async || metric(&service, "jobs_total{job=\"welcome_mail\",result=\"done\"} 1").await)
        .await;
    assert_eq!(server.taken().len(), 1);
    assert!(server.taken()[0].contains("Subject: Your account is ready"), "{}", server.taken()[0]);
    service.running.stop().await;
}

async fn a_job_that_cannot_be_done_is_given_up_and_seen(over: Over<'_>) {
    for (mood, attempts) in [(Mood::Refuses, 1), (Mood::Defers, 3)] {
        let server = Server::start(mood).await;
        let service = start(over, |config| {
            over_smtp(config, &server);
            config.queue.attempts = 3;
        })
        .await;
        service.register("ada").await;
        until("it is dead", async || {
            metric(&service, "jobs_total{job=\"welcome_mail\",result=\"dead\"} 1").await
        })
        .await;
        until("the gauge", async || metric(&service, "jobs_dead 1").await).await;
        assert_eq!(server.asked(), attempts);
        service.running.stop().await;
    }
}

/// A welcome for a user who was made past the API, put into the outbox.
async fn welcome(service: &Service, number: u128) -> NewJob {
    let user_id = crate::testing::user(&service.store, number).await;
    let now = Timestamp(clock::now_us());
    let job = NewJob { id: clock::new_id(), user_id, work: Work::WelcomeMail, now };
    outbox::append(&service.store, &job, None).await.unwrap();
    job
}

async fn state(service: &Service, job: &NewJob) -> jobs::Job {
    jobs::get(&service.store, job.user_id, job.id).await.unwrap().unwrap()
}

async fn the_job_of_a_worker_that_fell_silent_is_done_once_by_another(over: Over<'_>) {
    // The first process only has the outbox: its relay looks too seldom to matter.
    let service = start(over, |config| config.queue.poll_ms = 60_000).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let job = welcome(&service, 1).await;
    let now = Timestamp(clock::now_us());
    // Claimed, and then nothing: as by a process that was killed.
    let lease = Timestamp(now.0 + 300_000);
    let silent = jobs::claim(&service.store, job.user_id, job.id, now, lease).await.unwrap().unwrap();
    assert!(
        jobs::claim(&service.store, job.user_id, job.id, now, lease).await.unwrap().is_none(),
        "one at a time"
    );
    until("another does it", async || {
        service.queue.ring();
        service.queue.table.notify_waiters();
        state(&service, &job).await.state == "done"
    })
    .await;
    assert_eq!(state(&service, &job).await.attempts, 2);
    assert_eq!(mails(&service).len(), 1);
    // The first comes to itself: it has nothing to say any more.
    let late = jobs::Ending::Dead("late".to_owned());
    assert!(!jobs::end(&service.store, &silent, &late, now).await.unwrap());
    assert_eq!(state(&service, &job).await.state, "done");
    service.running.stop().await;
}

async fn a_job_handed_over_many_times_has_one_effect(over: Over<'_>) {
    let server = Server::start(Mood::Takes).await;
    let service = start(over, |config| over_smtp(config, &server)).await;
    let job = welcome(&service, 1).await;
    if service.config.queue.kind == QueueKind::RabbitMq {
        let publisher = super::broker::Publisher::new(&service.config.queue);
        let entry = outbox::Entry { job_id: job.id, user_id: job.user_id, due: job.now };
        publisher.publish(&vec![entry; 20]).await.unwrap();
        until("the queue is empty", async || publisher.depth().await.unwrap() == 0).await;
    }
    until("it is done", async || state(&service, &job).await.state == "done").await;
    for _ in 0..5 {
        let now = Timestamp(clock::now_us());
        outbox::hand_to_table(&service.store, service.store.of(job.user_id).database(), now, 10)
            .await
            .unwrap();
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!((server.taken().len(), state(&service, &job).await.attempts), (1, 1));
    service.running.stop().await;
}

async fn processes_share_the_work_and_do_each_job_once(over: Over<'_>) {
    const JOBS: u128 = 60;
    let server = Server::start(Mood::Takes).await;
    let service = start(over, |config| over_smtp(config, &server)).await;
    let mut config = service.config.clone();
    config.http.listen = ([127, 0, 0, 1], 0).into();
    let second = crate::lifecycle::start(config).await.unwrap();
    let mut jobs = Vec::new();
    for number in 1..=JOBS {
        jobs.push(welcome(&service, number).await);
    }
    for job in &jobs {
        until("it is done", async || state(&service, job).await.state == "done").await;
        assert_eq!(state(&service, job).await.attempts, 1);
    }
    assert_eq!(server.taken().len(), jobs.len());
    second.stop().await;
    service.running.stop().await;
}

async fn a_job_in_progress_goes_back_when_its_process_stops(over: Over<'_>) {
    let server = Server::start(Mood::Ignores).await;
    let service = start(over, |config| {
        over_smtp(config, &server);
        config.lifecycle.drain_timeout_ms = 100;
    })
    .await;
    let job = welcome(&service, 1).await;
    until("it is being done", async || server.asked() == 1).await;
    let (mut config, user, id) = (service.config.clone(), job.user_id, job.id);
    let dir = service.stop().await;
    config.http.listen = ([127, 0, 0, 1], 0).into();
    let store = crate::store::Store::open(&config.database, &Default::default()).await.unwrap();
    let left = jobs::get(&store, user, id).await.unwrap().unwrap();
    assert_eq!(
        (left.state.as_str(), left.attempts),
        ("waiting", 0),
        "returned, and the attempt does not count"
    );
    store.close().await;

    server.set(Mood::Takes);
    let next = crate::lifecycle::start(config).await.unwrap();
    until("the next process does it", async || server.taken().len() == 1).await;
    next.stop().await;
    drop(dir);
}
