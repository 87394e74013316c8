//! A password that was forgotten: the way to a new one leads through a mail.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use ::stack::{Phase, Plan, Topology};
use anyhow::{Context as _, Result, bail, ensure};
use harness::servers::Mailbox;
use serde_json::{Value, json};

use super::accounts::{PASSWORD, register};
use super::step::{Api, Step, get, post};

const NEW: &str = "another password for tests";
const RESET: &str = "/api/v1/auth/password-reset";
const CONFIRM: &str = "/api/v1/auth/password-reset/confirm";
/// How long a mail may take, the start of a broker's consumer included.
const DELIVERY: Duration = Duration::from_secs(30);

/// The mails to `address` in a folder that the service puts mail into, oldest first.
pub fn filed(folder: &Path, address: &str) -> Result<Vec<String>> {
    // It is made with the first mail.
    let Ok(entries) = fs::read_dir(folder) else { return Ok(Vec::new()) };
    let mut mails = Vec::new();
    for entry in entries {
        let path = entry?.path();
        // Anything else is not complete yet.
        if path.extension().is_some_and(|ending| ending == "eml") {
            let text = fs::read_to_string(&path)?;
            if text.contains(&format!("<{address}>")) {
                mails.push((fs::metadata(&path)?.modified()?, text));
            }
        }
    }
    mails.sort();
    Ok(mails.into_iter().map(|(_, text)| text).collect())
}

/// The codes for a new password in these mails.
fn codes(mails: &[String]) -> Vec<String> {
    let lines = mails.iter().flat_map(|mail| mail.lines()).map(str::trim);
    lines.filter(|line| line.starts_with("hpr_")).map(str::to_owned).collect()
}

/// Asks for a new password until the end: `mails` are those that have come to an address.
pub async fn is_forgotten(api: &mut Api, mails: impl Fn(&str) -> Result<Vec<String>>) -> Result<()> {
    let run = api.saved("run")?.to_owned();
    let email = format!("forgetful-{run}@suite.headroom.example");
    let nobody = format!("unknown-{run}@suite.headroom.example");
    api.go(before(&email)).await?;
    api.go(vec![ask("whoever has an account", &email)]).await?;
    api.keep("first_code", nth_code(1, &email, &mails).await?);
    api.go(vec![ask("whoever has none is told the same", &nobody), ask("once more", &email)]).await?;
    api.keep("code", nth_code(2, &email, &mails).await?);
    api.go(after(&email)).await?;
    let told = mails(&nobody)?;
    ensure!(told.is_empty(), "mail to somebody without an account: {told:?}");
    Ok(())
}

async fn nth_code(
    number: usize,
    email: &str,
    mails: &impl Fn(&str) -> Result<Vec<String>>,
) -> Result<String> {
    let deadline = Instant::now() + DELIVERY;
    loop {
        let come = mails(email)?;
        let mut codes = codes(&come);
        if codes.len() == number {
            return codes.pop().context("a code");
        }
        if Instant::now() > deadline {
            bail!("{number} mails with a code expected after {DELIVERY:?}: {come:#?}");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The answer has no body, whatever the address.
fn ask(about: &'static str, email: &str) -> Step {
    post(about, RESET, json!({ "email": email })).gets(202).is("", Value::Null).header("content-length", "0")
}

fn login(about: &'static str, email: &str, password: &str) -> Step {
    post(about, "/api/v1/auth/login", json!({ "email": email, "password": password }))
}

fn refresh(about: &'static str) -> Step {
    post(about, "/api/v1/auth/refresh", json!({ "refreshToken": "{refresh}" }))
}

fn confirm(about: &'static str, code: &str) -> Step {
    post(about, CONFIRM, json!({ "token": code, "password": NEW }))
}

fn before(email: &str) -> Vec<Step> {
    vec![
        register("forgetful", email).save("refresh", "/refreshToken"),
        login("another session", email, PASSWORD).gets(200).save("elsewhere", "/accessToken"),
        get("both are good", "/api/v1/users/me").by("forgetful"),
        get("both", "/api/v1/users/me").by("elsewhere"),
    ]
}

fn after(email: &str) -> Vec<Step> {
    let me = "/api/v1/users/me";
    vec![
        get("asking alone changes nothing", me).by("forgetful"),
        login("nor does it end the old password", email, PASSWORD).gets(200).save("third", "/accessToken"),
        confirm("a code that nobody was sent", "hpr_nonsense")
            .gets(422)
            .is("/errors/0/field", json!("token")),
        post("a password that is too short", CONFIRM, json!({ "token": "{code}", "password": "short" }))
            .gets(422)
            .is("/errors/0/field", json!("password")),
        confirm("the code from the mail", "{code}").gets(204),
        get("ends the session that asked", me).by("forgetful").gets(401),
        get("and the one elsewhere", me).by("elsewhere").gets(401),
        get("and the latest", me).by("third").gets(401),
        refresh("which cannot be refreshed either").gets(401),
        login("the old password is none any more", email, PASSWORD).gets(401),
        login("the new one is", email, NEW).gets(200).save("again", "/accessToken"),
        get("a new session", me).by("again").is("/email", json!(email)),
        confirm("the code is used up", "{code}").gets(422).is("/errors/0/field", json!("token")),
        confirm("and so is the one before it", "{first_code}")
            .gets(422)
            .is("/errors/0/field", json!("token")),
        get("none of which ends the new session", me).by("again"),
    ]
}

#[test]
fn the_code_for_a_new_password_comes_by_smtp_too() -> Result<()> {
    let mailbox = Mailbox::start(Duration::ZERO)?;
    let plan = Plan::of(Phase::Embedded)
        .with("mail.sink", "smtp")
        .with("mail.url", &format!("smtp://{}", mailbox.address));
    let topology = Topology::start(&plan)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let mut api = Api::new(&topology.url(), "smtp")?;
    runtime.block_on(is_forgotten(&mut api, |address| Ok(mailbox.letters_to(address))))
}
