//! Background work under `kill -9`: of the worker, and of the broker.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use harness::{
    servers::{Mailbox, Received},
    service::Site,
};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

const WORKERS: usize = 4;
/// A worker that is killed is missed after so long.
const LEASE_S: u64 = 2;

/// What was acknowledged to users: accounts by e-mail, and exports as paths of jobs with their owners' tokens.
#[derive(Debug, Default)]
struct Acknowledged {
    accounts: BTreeSet<String>,
    exports: Vec<(String, String)>,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_worker_loses_no_job_of_the_table_and_does_none_twice() -> Result<()> {
    survive(site("table")?, None).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_worker_and_a_killed_broker_lose_no_job_and_do_none_twice() -> Result<()> {
    let broker = tokio::task::spawn_blocking(stack::RabbitMq::start).await??;
    let site = site("rabbitmq")?.with("SERVICE_QUEUE_URL", &broker.url());
    survive(site, Some(Arc::new(broker))).await
}

fn site(queue: &str) -> Result<Site> {
    let listen = format!("127.0.0.1:{}", stack::ports::free()?);
    Ok(Site::new()?
        .with("SERVICE_HTTP_LISTEN", &listen)
        .with("SERVICE_LIMITS_PROFILE", "off")
        .with("SERVICE_QUEUE_KIND", queue)
        .with("SERVICE_QUEUE_WORKERS", &WORKERS.to_string())
        .with("SERVICE_QUEUE_LEASE_S", &LEASE_S.to_string())
        .with("SERVICE_QUEUE_POLL_MS", "50")
        .with("SERVICE_QUEUE_ATTEMPTS", "50")
        .with("SERVICE_QUEUE_BACKOFF_MS", "100")
        .with("SERVICE_MAIL_SINK", "smtp"))
}

/// Registers users and asks for exports while the worker is killed twice, and the broker once between.
async fn survive(site: Site, broker: Option<Arc<stack::RabbitMq>>) -> Result<()> {
    const KILLS: usize = 2;
    let mailbox = Mailbox::start(Duration::from_millis(60))?;
    let site = site.with("SERVICE_MAIL_URL", &format!("smtp://{}", mailbox.address));
    let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::<Mutex<Acknowledged>>::default());
    let mut service = site.start()?;
    let users: Vec<_> = (0..3)
        .map(|user| {
            let (url, stop, acknowledged) =
                (service.url.clone(), Arc::clone(&stop), Arc::clone(&acknowledged));
            tokio::spawn(async move { register(user, &url, &stop, &acknowledged).await })
        })
        .collect();
    for kill in 0..KILLS {
        tokio::time::sleep(Duration::from_secs(2)).await;
        until_in_the_middle(&mailbox).await?;
        service.kill()?;
        service = site.start()?;
        if let (0, Some(broker)) = (kill, broker.clone()) {
            tokio::time::sleep(Duration::from_secs(1)).await;
            tokio::task::spawn_blocking(move || {
                broker.kill();
                thread::sleep(Duration::from_secs(1));
                broker.start_again()
            })
            .await??;
        }
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    stop.store(true, Ordering::Release);
    for user in users {
        user.await??;
    }
    let acknowledged = std::mem::take(&mut *acknowledged.lock().unwrap_or_else(PoisonError::into_inner));
    let received = until_all_came(&mailbox, &acknowledged.accounts).await?;
    for (address, ids) in &received {
        let distinct: BTreeSet<_> = ids.iter().collect();
        assert_eq!(distinct.len(), 1, "one mail for {address}, whatever was killed: {ids:?}");
    }
    let mails: usize = received.values().map(Vec::len).sum();
    // A mail server that took a mail just before its sender was killed is sent the same mail again.
    assert!(mails <= received.len() + KILLS * WORKERS, "{mails} mails for {} users", received.len());
    exports_are_there(&service.url, &acknowledged.exports).await?;
    eprintln!(
        "{} accounts, {} mails, {} exports, {KILLS} kills",
        acknowledged.accounts.len(),
        mails,
        acknowledged.exports.len()
    );
    assert_eq!(service.stop()?.code, Some(0));
    Ok(())
}

/// Waits until a job is being done, so that it is killed in the middle of it.
async fn until_in_the_middle(mailbox: &Mailbox) -> Result<()> {
    let end = Instant::now() + Duration::from_secs(30);
    while mailbox.in_progress() == 0 {
        if Instant::now() > end {
            bail!("no mail was sent within 30 s");
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}

/// Registers one user after the other, and lets each ask for an export, until `stop`.
async fn register(
    user: usize,
    url: &str,
    stop: &AtomicBool,
    acknowledged: &Mutex<Acknowledged>,
) -> Result<()> {
    let client = Client::builder().no_proxy().timeout(Duration::from_secs(5)).build()?;
    for round in 0.. {
        if stop.load(Ordering::Acquire) {
            break;
        }
        let email = format!("u{user}-{round}@headroom.example");
        let body = json!({ "email": email, "name": "Ada", "password": "a good password" });
        let answer = client.post(format!("{url}/api/v1/auth/register")).json(&body).send().await;
        let Ok(answer) = answer else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        if answer.status() != StatusCode::CREATED {
            bail!("{}: {}", answer.status(), answer.text().await?);
        }
        // Acknowledged with its status line, whether or not the rest arrives.
        acknowledged.lock().unwrap_or_else(PoisonError::into_inner).accounts.insert(email);
        let Ok(tokens) = answer.json::<Value>().await else { continue };
        let token = tokens["accessToken"].as_str().context("a token")?;
        let export = client.post(format!("{url}/api/v1/tasks/export")).bearer_auth(token).json(&json!({}));
        let Ok(export) = export.send().await else { continue };
        assert_eq!(export.status(), StatusCode::ACCEPTED);
        let place = export.headers().get("location").context("a place")?.to_str()?.to_owned();
        acknowledged.lock().unwrap_or_else(PoisonError::into_inner).exports.push((place, token.to_owned()));
    }
    Ok(())
}

async fn until_all_came(mailbox: &Mailbox, accounts: &BTreeSet<String>) -> Result<Received> {
    let end = Instant::now() + Duration::from_secs(90);
    loop {
        let received = mailbox.received();
        let missing = accounts.iter().filter(|account| !received.contains_key(*account)).count();
        if missing == 0 {
            return Ok(received);
        }
        if Instant::now() > end {
            bail!("{missing} of {} users had no mail after 90 s", accounts.len());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn exports_are_there(url: &str, exports: &[(String, String)]) -> Result<()> {
    let client = Client::builder().no_proxy().build()?;
    let end = Instant::now() + Duration::from_secs(60);
    assert!(exports.len() > 3, "exports were asked for: {}", exports.len());
    for (place, token) in exports {
        let job = loop {
            let answer = client.get(format!("{url}{place}")).bearer_auth(token).send().await?;
            let job: Value = answer.error_for_status()?.json().await?;
            if job["state"] == "done" {
                break job;
            }
            if Instant::now() > end {
                bail!("an export is not done: {job}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        let link = job["result"].as_str().with_context(|| format!("a link in {job}"))?;
        let file = client.get(format!("{url}{link}")).send().await?.error_for_status()?.text().await?;
        assert!(file.starts_with("id,title,"), "{file}");
    }
    Ok(())
}
