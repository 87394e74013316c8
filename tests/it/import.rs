use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use harness::{
    browser::Browser,
    process::{Ended, program, run},
    recording::Recording,
    servers::{Server, Site, USERS, known},
};
use record::Record;
use thirtyfour::By;

fn loadgen(arguments: &[&str], folder: &Path) -> Result<Ended> {
    let mut command = Command::new(program("loadgen")?);
    command.args(arguments).current_dir(folder).env_remove("LOADGEN_TARGET").env("NO_COLOR", "1");
    run(&mut command)
}

/// Waits until the page says that its scripts are done.
async fn until(browser: &Browser, expression: &str) -> Result<()> {
    for _ in 0..200 {
        if browser.value_of(expression).await.is_ok_and(|value| value == true) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("`{expression}` never came true")
}

async fn record(url: &str, (email, password): (&str, &str)) -> Result<Recording> {
    let browser = Browser::recording().await?;
    let mut recording = Recording::default();
    let page = &browser.page;
    page.goto(format!("{url}/login")).await?;
    recording.collect(&browser).await?;
    page.find(By::Name("email")).await?.send_keys(email).await?;
    page.find(By::Name("password")).await?.send_keys(password).await?;
    tokio::time::sleep(Duration::from_millis(700)).await;
    page.find(By::Id("go")).await?.click().await?;
    until(&browser, "window.ready === true && location.pathname === '/tasks'").await?;
    recording.collect(&browser).await?;
    page.find(By::Name("title")).await?.send_keys("water the plants").await?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    page.find(By::Id("add")).await?.click().await?;
    until(&browser, "document.title === 'A task'").await?;
    recording.collect(&browser).await?;
    page.find(By::Id("done")).await?.click().await?;
    until(&browser, "window.ready === true").await?;
    recording.collect(&browser).await?;
    browser.close().await?;
    Ok(recording)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_browser_recorded_of_one_user_is_done_by_another() -> Result<()> {
    let site = Site::default();
    let server = Server::start(site.router())?;
    let [(ann, her_password), (ben, his_password)] = USERS;
    let began = Instant::now();
    let recording = record(&server.url(), (ann, her_password)).await?;
    let took_s = began.elapsed().as_secs() + 1;
    let did = site.seen();
    assert_eq!(did.len(), 4, "{did:?}");

    let folder = tempfile::tempdir()?;
    let at = |name: &str| folder.path().join(name);
    fs::write(at("site.har"), recording.har().to_string())?;
    let imported = loadgen(&["import", "har", "site.har", "--out", "site.yaml"], folder.path())?;
    let scenario = fs::read_to_string(at("site.yaml")).with_context(|| imported.stderr.clone())?;
    assert_eq!(imported.code, Some(0), "{}\n{scenario}", imported.stderr);
    for text in [&imported.stderr, &scenario] {
        assert!(!text.contains(her_password), "a password leaked into\n{text}");
    }
    assert!(!scenario.contains("site.css"), "{scenario}");
    let accounts = fs::read_to_string(at("site.accounts.csv"))?;
    assert_eq!(accounts, format!("email,password\n{ann},{her_password}\n"));
    assert_eq!(fs::metadata(at("site.accounts.csv"))?.permissions().mode() & 0o777, 0o600);

    let again = loadgen(&["import", "har", "site.har", "--out", "site.yaml"], folder.path())?;
    assert_eq!(again.code, Some(2), "what exists is not replaced\n{}", again.stderr);
    let checked = loadgen(&["check", "site.yaml"], folder.path())?;
    assert_eq!(checked.code, Some(0), "{}", checked.stderr);

    site.forget();
    fs::write(at("site.accounts.csv"), format!("email,password\n{ben},{his_password}\n"))?;
    let once = loadgen(&["once", "site.yaml"], folder.path())?;
    assert_eq!(once.code, Some(0), "{}\n{}\n{scenario}", once.stdout, once.stderr);
    let done: Vec<String> = did.iter().map(|it| it.replace(ann, ben)).collect();
    assert_eq!(site.seen(), done, "{scenario}");

    // And again and again by one user who signs in once: every iteration has tokens and ids of its own. It takes its
    // pauses from the recording, so that three times as long is time for at least two.
    site.forget();
    let short = scenario.replace("hold: 1m", &format!("hold: {}s", 3 * took_s));
    assert_ne!(short, scenario);
    fs::write(at("site.yaml"), short)?;
    let ran = loadgen(&["run", "site.yaml", "--no-tui", "--out", "record"], folder.path())?;
    let record = Record::open(&at("record")).with_context(|| ran.stderr.clone())?;
    let (summary, _) = record.conclude()?;
    assert_eq!(summary.failed, 0, "{:?}", record.errors);
    let counted = |what: &str| site.seen().iter().filter(|it| **it == format!("{ben} {what}")).count();
    assert!(counted("added a task") >= 2 && counted("signed in") == 1, "{:?}", site.seen());
    Ok(())
}

/// Two hours of a log: so many requests of each kind in each.
const HOURS: [[(&str, usize); 3]; 2] = [
    [("GET /json", 240), ("GET /slow/", 40), ("GET /echo?q=", 120)],
    [("GET /json", 480), ("GET /slow/", 80), ("GET /echo?q=", 240)],
];

#[test]
fn a_log_is_replayed_with_its_mix_and_its_hourly_rate() -> Result<()> {
    let mut lines = Vec::new();
    for (hour, kinds) in HOURS.iter().enumerate() {
        for (kind, count) in kinds {
            for index in 0..*count {
                let second = index * 3600 / count;
                let last = match *kind {
                    "GET /slow/" => format!("{kind}{}", 1 + index % 3),
                    "GET /echo?q=" => format!("{kind}{}", index % 7),
                    kind => kind.to_owned(),
                };
                lines.push(format!(
                    "127.0.0.1 - - [21/Nov/2026:{:02}:{:02}:{:02} +0000] \"{last} HTTP/1.1\" 200 9 \"-\" \"x\"",
                    10 + hour, second / 60, second % 60
                ));
            }
        }
    }
    lines.push(
        "127.0.0.1 - - [21/Nov/2026:11:59:59 +0000] \"GET /json HTTP/1.1\" 200 9 \"-\" \"x\"".to_owned(),
    );
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("access.log"), lines.join("\n"))?;
    let server = Server::start(known(&Default::default()))?;
    let arguments = [
        "import",
        "access-log",
        "access.log",
        "--every",
        "1h",
        "--speed",
        "1800",
        "--target",
        &server.url(),
        "--out",
        "day.yaml",
    ];
    let imported = loadgen(&arguments, folder.path())?;
    assert_eq!(imported.code, Some(0), "{}", imported.stderr);
    let ran = loadgen(&["run", "day.yaml", "--no-tui", "--seed", "5", "--out", "record"], folder.path())?;
    let record = Record::open(&folder.path().join("record")).with_context(|| ran.stderr.clone())?;
    let (summary, _) = record.conclude()?;
    // An hour is two seconds: 401 and 800 requests; evenly spaced, so to the one.
    assert_eq!((summary.offered, summary.failed), (1201, 0), "{:?}", record.errors);
    Ok(())
}
