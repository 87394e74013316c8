use std::{
    collections::BTreeSet,
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use harness::service::{Service, Site};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

/// A seeded account.
#[derive(Debug, Clone)]
struct Account {
    email: String,
    password: String,
    token: String,
}

fn accounts(file: &Path) -> Result<Vec<Account>> {
    let text = fs::read_to_string(file)?;
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().context("a header line")?.split(',').collect();
    let column = |name: &str| {
        header.iter().position(|it| *it == name).with_context(|| format!("no column {name} in {header:?}"))
    };
    let (email, password, token) = (column("email")?, column("password")?, column("access_token")?);
    let account = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        Some(Account {
            email: (*cells.get(email)?).to_owned(),
            password: (*cells.get(password)?).to_owned(),
            token: (*cells.get(token)?).to_owned(),
        })
    };
    lines.map(account).collect::<Option<_>>().context("every line has every column")
}

async fn create_task(client: &Client, service: &str, token: &str, title: &str) -> Result<Option<String>> {
    let request =
        client.post(format!("{service}/api/v1/tasks")).bearer_auth(token).json(&json!({ "title": title }));
    let Ok(answer) = request.send().await else { return Ok(None) };
    if answer.status() != StatusCode::CREATED {
        bail!("{}: {}", answer.status(), answer.text().await?);
    }
    let task: Option<Value> = answer.json().await.ok();
    Ok(task.and_then(|task| task["id"].as_str().map(str::to_owned)))
}

/// Every task id of the user, page by page.
async fn task_ids(client: &Client, service: &Service, token: &str) -> Result<BTreeSet<String>> {
    let (mut ids, mut cursor) = (BTreeSet::new(), String::new());
    loop {
        let url = format!("{}/api/v1/tasks?limit=100{cursor}", service.url);
        let answer = client.get(url).bearer_auth(token).send().await?.error_for_status()?;
        let page: Value = answer.json().await?;
        let items = page["tasks"].as_array().with_context(|| format!("tasks in {page}"))?;
        ids.extend(items.iter().filter_map(|task| task["id"].as_str().map(str::to_owned)));
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(ids),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_loses_no_task_that_was_acknowledged() -> Result<()> {
    let site = Site::new()?.with("SERVICE_LIMITS_PROFILE", "off");
    let account = accounts(&site.seed(4, 2, 10)?)?.remove(0);
    let service = site.start()?;
    let acknowledged = Arc::new(Mutex::new(BTreeSet::new()));
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let (url, token, acknowledged) =
                (service.url.clone(), account.token.clone(), Arc::clone(&acknowledged));
            tokio::spawn(async move {
                let client = Client::new();
                for round in 0.. {
                    match create_task(&client, &url, &token, &format!("task {writer}-{round}")).await? {
                        Some(id) => acknowledged.lock().unwrap_or_else(PoisonError::into_inner).insert(id),
                        None => break,
                    };
                }
                Ok::<_, anyhow::Error>(())
            })
        })
        .collect();
    let written = || acknowledged.lock().unwrap_or_else(PoisonError::into_inner).len();
    let deadline = Instant::now() + Duration::from_secs(30);
    while written() < 200 && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    service.kill()?;
    for writer in writers {
        writer.await??;
    }
    assert!(written() >= 200, "{} tasks were acknowledged", written());

    let service = site.start()?;
    let kept = task_ids(&Client::new(), &service, &account.token).await?;
    let acknowledged = acknowledged.lock().unwrap_or_else(PoisonError::into_inner);
    let lost: Vec<_> = acknowledged.difference(&kept).collect();
    assert!(lost.is_empty(), "{} of {} are lost", lost.len(), acknowledged.len());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_stops_says_so_first_and_answers_meanwhile() -> Result<()> {
    let site = Site::new()?.with("SERVICE_LIFECYCLE_DRAIN_WAIT_MS", "1500");
    let account = accounts(&site.seed(2, 2, 10)?)?.remove(0);
    let mut service = site.start()?;
    let client = Client::new();
    let status = async |path: &str| {
        let request = client.get(format!("{}{path}", service.url)).bearer_auth(&account.token);
        request.send().await.map(|answer| answer.status())
    };
    assert_eq!(status("/readyz").await?, StatusCode::OK);

    let url = service.url.clone();
    service.process.signal(libc::SIGTERM)?;
    let ready = async || client.get(format!("{url}/readyz")).send().await.map(|answer| answer.status());
    let deadline = Instant::now() + Duration::from_secs(1);
    while ready().await? != StatusCode::SERVICE_UNAVAILABLE {
        assert!(Instant::now() < deadline, "ready to the end");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // A balancer that has not noticed yet still sends requests, and people.
    let tasks = client.get(format!("{url}/api/v1/tasks")).bearer_auth(&account.token).send().await?;
    assert_eq!(tasks.status(), StatusCode::OK);
    assert_eq!(client.get(format!("{url}/livez")).send().await?.status(), StatusCode::OK);

    let ended = service.process.wait(Duration::from_secs(20))?;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    Ok(())
}

#[test]
fn a_service_that_stops_asks_to_be_left_and_answers_who_was_connected_already() -> Result<()> {
    let site = Site::new()?.with("SERVICE_LIFECYCLE_DRAIN_WAIT_MS", "1000");
    let mut service = site.start()?;
    let address = service.url.trim_start_matches("http://").to_owned();
    let ask = |stream: &mut TcpStream| -> Result<String> {
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")?;
        let mut answer = String::new();
        // To the end: that the service closes it is the point.
        stream.read_to_string(&mut answer)?;
        Ok(answer.to_lowercase())
    };
    let (mut held, mut silent) = (TcpStream::connect(&address)?, TcpStream::connect(&address)?);
    service.process.signal(libc::SIGTERM)?;
    std::thread::sleep(Duration::from_millis(300));
    let last = ask(&mut held)?;
    assert!(last.starts_with("http/1.1 200") && last.contains("connection: close"), "{last}");

    let mut late = TcpStream::connect(&address)?;
    let deadline = Instant::now() + Duration::from_secs(5);
    while TcpStream::connect_timeout(&address.parse()?, Duration::from_millis(200)).is_ok() {
        assert!(Instant::now() < deadline, "it listens to the end");
        std::thread::sleep(Duration::from_millis(5));
    }
    for stream in [&mut silent, &mut late] {
        let answer = ask(stream)?;
        assert!(answer.starts_with("http/1.1 200"), "{answer}");
    }
    assert_eq!(service.process.wait(Duration::from_secs(20))?.code, Some(0));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_in_progress_are_answered_before_the_service_ends() -> Result<()> {
    let site = Site::new()?
        .with("SERVICE_LIMITS_PROFILE", "off")
        .with("SERVICE_AUTH_HASH_WAIT_MS", "20000")
        .with("SERVICE_LIFECYCLE_DRAIN_WAIT_MS", "300");
    let account = accounts(&site.seed(2, 2, 10)?)?.remove(0);
    let service = site.start()?;
    let client = Client::new();
    // Each waits for its turn to hash a password, the slowest thing that a request can ask for.
    let logins: Vec<_> = (0..16)
        .map(|_| {
            let login = json!({ "email": account.email, "password": account.password });
            let request = client.post(format!("{}/api/v1/auth/login", service.url)).json(&login);
            tokio::spawn(async move { request.send().await.map(|answer| answer.status()) })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let ended = tokio::task::spawn_blocking(move || service.stop());
    for login in logins {
        assert_eq!(login.await??, StatusCode::OK);
    }
    let ended = ended.await??;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    for secret in [&account.password, &account.token] {
        assert!(!ended.stderr.contains(secret.as_str()), "a secret is in the log");
    }
    Ok(())
}

#[test]
fn a_wrong_configuration_is_refused_at_once_in_one_line() -> Result<()> {
    for (variable, value, hint) in [
        ("SERVICE_CACHE_POLICI", "off", "policy"),
        ("SERVICE_HTTP_MAX_IN_FLIGHT", "many", "max_in_flight"),
        ("SERVICE_AUTH_SECRET", "short", "32"),
        ("SERVICE_DATABASE_PATH", "/nowhere/at/all/service.db", "/nowhere/at/all"),
    ] {
        let site = Site::new()?.with(variable, value);
        let ended = harness::process::run(&mut site.command(&["serve"])?)?;
        assert!(!matches!(ended.code, None | Some(0)), "{variable}: {ended:?}");
        assert_eq!(ended.stderr.trim().lines().count(), 1, "{variable}: {}", ended.stderr);
        assert!(ended.stderr.contains(hint), "{variable}: {}", ended.stderr);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cached_list_is_a_hit_until_a_task_is_written() -> Result<()> {
    let site = Site::new()?;
    let account = accounts(&site.seed(2, 3, 10)?)?.remove(0);
    let service = site.start()?;
    let client = Client::new();
    let list = async || -> Result<(String, usize)> {
        let request = client.get(format!("{}/api/v1/tasks", service.url)).bearer_auth(&account.token);
        let answer = request.send().await?.error_for_status()?;
        let cached = answer.headers().get("x-cache").context("X-Cache")?.to_str()?.to_owned();
        let page: Value = answer.json().await?;
        Ok((cached, page["tasks"].as_array().map_or(0, Vec::len)))
    };
    assert_eq!(list().await?, ("MISS".to_owned(), 3));
    assert_eq!(list().await?, ("HIT".to_owned(), 3));
    create_task(&client, &service.url, &account.token, "one more").await?.context("created")?;
    assert_eq!(list().await?, ("MISS".to_owned(), 4));
    Ok(())
}
