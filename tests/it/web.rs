use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use harness::{
    browser::Browser,
    loadgen::{Loadgen, Started},
    servers::{Server, known},
};
use record::{Adjusted, State, Verdict};
use reqwest::StatusCode;
use serde_json::{Value, json};
use thirtyfour::By;

const OPEN: &str = "
version: 1
name: an open run with a name that is long enough to have to be broken on a narrow screen
about: Whether a page can show it.
load: { arrivals: { process: constant, max_in_flight: 50, stages: [ { rate: 60/s, hold: 60s } ] }, warm_up: 1s }
flows:
  - { name: good, weight: 8, steps: [ { get: /json, name: a request whose name is longer than any column of a phone } ] }
  - { name: slow, weight: 2, steps: [ { get: /slow/30, name: <b>slow</b> & \"quoted\" } ] }
  - { name: bad, steps: [ { get: /status/500, name: bad } ] }
budgets:
  - { p95: 200ms, error_rate: 1% }
";

const CLOSED: &str = "
version: 1
name: closed
load: { users: { stages: [ { to: 10, over: 1s }, { hold: 60s } ], think: 50ms } }
flows:
  - { name: only, steps: [ { get: /json, name: only } ] }
";

pub const SHORT: &str = "
version: 1
name: short
load: { arrivals: { process: constant, max_in_flight: 20, stages: [ { rate: 50/s, hold: 3s } ] } }
flows:
  - { name: good, weight: 3, steps: [ { get: /json, name: good } ] }
  - { name: bad, steps: [ { get: /status/503, name: 'ba\"d' } ] }
";

/// The value behind `label` of what `run` has said, such as the address of its page.
pub fn announced(run: &mut Started, label: &str) -> Result<String> {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let said = run.process.said_so_far();
        if let Some(line) = said.lines().find_map(|line| line.strip_prefix(label)) {
            return Ok(line.trim().to_owned());
        }
        if Instant::now() > deadline || !run.process.is_running()? {
            bail!("no `{label}` in what it said:\n{said}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until the expression is true in the page.
async fn until(browser: &Browser, expression: &str) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(30);
    while browser.value_of(expression).await? != Value::Bool(true) {
        if Instant::now() > deadline {
            let body = browser.value_of("document.body.innerText").await?;
            bail!("{expression} does not come true in\n{body}");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

fn text_of(id: &str) -> String {
    format!("document.getElementById('{id}').textContent")
}

async fn press(browser: &Browser, selector: &str) -> Result<()> {
    browser.page.find(By::Css(selector)).await?.click().await.with_context(|| selector.to_owned())
}

async fn hold(browser: &Browser, load: &str) -> Result<()> {
    let field = browser.page.find(By::Id("held")).await?;
    field.clear().await?;
    field.send_keys(load).await?;
    press(browser, "#control button[type=submit]").await?;
    until(browser, &format!("{}.startsWith('Done at')", text_of("said"))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_watched_turned_and_stopped_in_a_browser_and_its_record_says_so() -> Result<()> {
    let server = Server::start(known(&Default::default()))?;
    let mut run = Loadgen::run(OPEN, &server.url())?.args(&["--web=0"]).start()?;
    let url = announced(&mut run, "live page: ")?;
    let browser = Browser::start().await?;
    browser.screen(1200, "light").await?;
    browser.page.goto(&url).await?;
    until(&browser, "document.querySelectorAll('#requests tr').length === 3").await?;
    let rate = format!("parseFloat({})", text_of("rate"));
    until(&browser, &format!("{rate} > 40 && {rate} < 70")).await?;
    let names =
        browser.value_of("[...document.querySelectorAll('#requests th')].map(e => e.textContent)").await?;
    assert!(names.to_string().contains(r#"<b>slow</b> & \"quoted\""#), "a name is text, not markup: {names}");
    until(&browser, "document.querySelector('#budgets .bad') !== null").await?;
    assert!(browser.value_of(&text_of("errors-more")).await?.to_string().contains("500: "));

    press(&browser, "[data-factor='2']").await?;
    until(&browser, &format!("{rate} > 95")).await?;
    hold(&browser, "180").await?;
    until(&browser, &format!("{rate} > 150")).await?;

    let recorded = std::fs::read_to_string(run.record.join("series.csv"))?.lines().count();
    run.until_recorded(recorded + 2)?;

    // A browser that comes late sees what was before.
    let seconds = "(() => { const all = document.querySelector('#chart-rate details'); all.open = true; return all; })()";
    browser.page.refresh().await?;
    until(&browser, "document.querySelectorAll('#requests tr').length === 3").await?;
    browser.value_of(&format!("{seconds}.open")).await?;
    until(&browser, "document.querySelector('#chart-rate tbody tr:last-child th')?.textContent === '0:00'")
        .await?;
    assert_eq!(browser.value_of("document.querySelectorAll('#adjusted li').length").await?, 2);

    press(&browser, "#stop").await?;
    press(&browser, "#sure .stop").await?;
    until(&browser, &format!("{} === 'interrupted'", text_of("phase"))).await?;
    let finished = run.finish()?;
    finished.expect(130)?;
    // The process has gone; the page still shows what came of it.
    let folder = finished.record_folder();
    let shown = browser.value_of(&text_of("record")).await?;
    assert_eq!(shown, folder.to_string_lossy().as_ref());
    assert!(browser.value_of(&text_of("rate")).await?.to_string().contains("/s"));
    let complaints = browser.complaints().await?;
    assert!(complaints.is_empty(), "{complaints:?}");
    browser.close().await?;

    let record = finished.record()?;
    assert_eq!(record.run.state, State::Interrupted);
    let [twice, held] = record.run.adjustments.as_slice() else { panic!("{:?}", record.run.adjustments) };
    assert_eq!((twice.what, twice.from, twice.to, twice.factor), (Adjusted::Rate, 60.0, 120.0, Some(2.0)));
    assert_eq!((held.from, held.to, held.factor), (120.0, 180.0, None));
    // Iterations due in the two whole seconds after it: what is due late in one second is offered early in the next.
    let after = record.series.iter().filter(|row| row.second > held.second && row.second <= held.second + 2);
    let offered: u64 = after.map(|row| row.offered).sum();
    assert!(offered.abs_diff(360) <= 36, "{offered}");
    let judgement = record.run.judgement.context("it was judged")?;
    assert_eq!(judgement.verdict, Verdict::Interrupted);
    assert!(judgement.sentence.contains("adjusted by hand"), "{}", judgement.sentence);
    assert!(
        record.run.caveats.iter().any(|caveat| caveat.contains("60/s → 120/s")),
        "{:?}",
        record.run.caveats
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn users_step_back_and_come_again_as_they_are_asked_to() -> Result<()> {
    let server = Server::start(known(&Default::default()))?;
    let mut run = Loadgen::run(CLOSED, &server.url())?.args(&["--web=0", "--web-max-users", "25"]).start()?;
    let url = announced(&mut run, "live page: ")?;
    let browser = Browser::start().await?;
    browser.screen(1200, "light").await?;
    browser.page.goto(&url).await?;
    let users = text_of("load");
    until(&browser, &format!("{users} === '10'")).await?;
    hold(&browser, "3").await?;
    until(&browser, &format!("{users} === '3'")).await?;
    hold(&browser, "25").await?;
    until(&browser, &format!("{users} === '25'")).await?;
    press(&browser, "[data-factor='1']").await?;
    until(&browser, &format!("{users} === '10'")).await?;
    browser.close().await?;

    let client = reqwest::Client::new();
    let token = token(&client, &url).await?;
    let more = client.post(format!("{url}control/load")).header("x-loadgen-token", &token);
    let refused = more.json(&json!({ "held": 26 })).send().await?;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text().await?.contains("--web-max-users=26"));
    let stopped = client.post(format!("{url}control/stop")).header("x-loadgen-token", &token).send().await?;
    assert_eq!(stopped.status(), StatusCode::OK);

    let finished = run.finish()?;
    finished.expect(130)?;
    let record = finished.record()?;
    let changes: Vec<_> = record.run.adjustments.iter().map(|it| (it.from, it.to)).collect();
    assert_eq!(changes, [(10.0, 3.0), (3.0, 25.0), (25.0, 10.0)]);
    // Users that rest are not in the record, and hold no connection.
    let three = record.series.iter().find(|row| row.users == 3).context("three users")?;
    assert!(three.completed > 0 && record.series.iter().any(|row| row.users == 25));
    assert!(record.series.iter().all(|row| row.failed == 0));
    Ok(())
}

async fn token(client: &reqwest::Client, url: &str) -> Result<String> {
    let page = client.get(url).send().await?.text().await?;
    let token = page.split_once("name=\"token\" content=\"").and_then(|(_, rest)| rest.split_once('"'));
    Ok(token.context("the page carries its token")?.0.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_other_sites_page_can_see_or_steer_a_run() -> Result<()> {
    let server = Server::start(known(&Default::default()))?;
    let mut run = Loadgen::run(OPEN, &server.url())?.args(&["--web=0"]).start()?;
    let url = announced(&mut run, "live page: ")?;
    let client = reqwest::Client::new();
    let page = client.get(&url).send().await?;
    let policy = page.headers()["content-security-policy"].to_str()?.to_owned();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    for path in ["", "events"] {
        let pointed_here = client.get(format!("{url}{path}")).header("host", "evil.example").send().await?;
        assert_eq!(pointed_here.status(), StatusCode::FORBIDDEN, "{path}");
    }
    let token = token(&client, &url).await?;
    let steer = |path: &str| client.post(format!("{url}control/{path}")).json(&json!({ "factor": 3 }));
    assert_eq!(steer("load").send().await?.status(), StatusCode::FORBIDDEN);
    assert_eq!(
        steer("stop").header("x-loadgen-token", "0".repeat(32)).send().await?.status(),
        StatusCode::FORBIDDEN
    );
    let elsewhere = steer("stop").header("x-loadgen-token", &token).header("origin", "http://evil.example");
    assert_eq!(elsewhere.send().await?.status(), StatusCode::FORBIDDEN);
    for wrong in
        [json!({}), json!({ "factor": 1, "held": 2 }), json!({ "factor": "many" }), json!({ "users": 1 })]
    {
        let refused =
            client.post(format!("{url}control/load")).header("x-loadgen-token", &token).json(&wrong);
        assert_eq!(refused.send().await?.status(), StatusCode::BAD_REQUEST, "{wrong}");
    }
    let schema: Value = client.get(format!("{url}schema.json")).send().await?.json().await?;
    let mut events = client.get(format!("{url}events")).send().await?;
    let mut told = String::new();
    while !told.contains("event: second") {
        told += std::str::from_utf8(&events.chunk().await?.context("the stream goes on")?)?;
    }
    let data = told.lines().filter_map(|line| line.strip_prefix("data: ")).next().context("an event")?;
    let first: Value = serde_json::from_str(data)?;
    assert_eq!(first["schema"], "headroom.live/1");
    jsonschema::validate(&schema, &first).map_err(|error| anyhow::anyhow!("{error}"))?;

    run.process.signal(libc::SIGINT)?;
    let finished = run.finish()?;
    finished.expect(130)?;
    assert!(finished.record()?.run.adjustments.is_empty());
    Ok(())
}

/// What must hold of the page on any screen; an empty list is good.
const FAULTS: &str = r"(() => {
  const faults = [], width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > width) {
    const wide = [...document.body.querySelectorAll('*')].filter(e => e.getBoundingClientRect().right > width + 1 && !e.closest('.wrap'));
    faults.push('wider than the screen: ' + wide.slice(0, 3).map(e => e.tagName + '.' + e.className + '#' + e.id).join(', '));
  }
  for (const svg of document.querySelectorAll('figure > svg')) {
    if (svg.getBoundingClientRect().width < 200) faults.push('a figure too small');
    if (!svg.querySelector('title')?.textContent || !svg.querySelector('desc')?.textContent) faults.push('a figure without title and description');
    if (!svg.querySelector('path.line')) faults.push('nothing is drawn in ' + svg.querySelector('title')?.textContent);
    for (const text of svg.querySelectorAll('text')) {
      const box = text.getBoundingClientRect();
      if (box.height < 8) faults.push('too small to read: ' + text.textContent);
      if (box.right > width || box.left < 0) faults.push('off the screen: ' + text.textContent);
    }
  }
  const named = new Set();
  for (const e of document.querySelectorAll('[id]')) {
    if (named.has(e.id)) faults.push('two elements are called ' + e.id);
    named.add(e.id);
  }
  for (const e of document.querySelectorAll('button, input'))
    if (e.offsetParent && !(e.textContent.trim() || e.labels?.[0]?.textContent.trim())) faults.push('a control without a name');
  for (const e of document.querySelectorAll('#control button, #control input'))
    if (e.getBoundingClientRect().height < 32) faults.push('too small to touch: ' + e.textContent);
  return faults;
})()";

#[tokio::test(flavor = "multi_thread")]
async fn the_live_page_reads_well_on_every_screen() -> Result<()> {
    let server = Server::start(known(&Default::default()))?;
    let mut run = Loadgen::run(OPEN, &server.url())?.args(&["--web=0"]).start()?;
    let url = announced(&mut run, "live page: ")?;
    let browser = Browser::start().await?;
    for (width, scheme) in [(1280, "light"), (1280, "dark"), (400, "light"), (400, "dark")] {
        browser.screen(width, scheme).await?;
        browser.page.goto(&url).await?;
        until(&browser, "document.querySelectorAll('figure path.line').length >= 7").await?;
        let faults = browser.value_of(FAULTS).await?;
        assert_eq!(faults, Value::Array(Vec::new()), "{width} px, {scheme}");
        let contrast = browser.value_of(crate::page::CONTRAST).await?;
        let (contrast, canvas): (f64, f64) = serde_json::from_value(contrast)?;
        assert!(contrast >= 4.5 && (canvas < 0.2) == (scheme == "dark"), "{contrast} on {canvas}, {scheme}");
        if let Some(folder) = std::env::var_os("HEADROOM_SCREENSHOTS") {
            let file = std::path::Path::new(&folder).join(format!("live-{width}-{scheme}.png"));
            browser.page.screenshot(&file).await?;
        }
        // By keyboard: into a figure, and back along it.
        let cursor = "document.querySelector('#chart-time svg .cursor') !== null";
        browser.value_of("document.querySelector('#chart-time svg').focus()").await?;
        let figure = browser.page.find(By::Css("#chart-time svg")).await?;
        figure.send_keys("" + thirtyfour::Key::Left).await?;
        until(&browser, cursor).await?;
    }
    let complaints = browser.complaints().await?;
    assert!(complaints.is_empty(), "{complaints:?}");
    browser.close().await?;
    run.process.signal(libc::SIGINT)?;
    run.finish()?.expect(130)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_to_stay_shows_the_verdict_to_those_who_come_later() -> Result<()> {
    let server = Server::start(known(&Default::default()))?;
    let mut run = Loadgen::run(SHORT, &server.url())?.args(&["--web=0", "--web-stay"]).start()?;
    let url = announced(&mut run, "live page: ")?;
    announced(&mut run, "the page stays at ")?;
    let browser = Browser::start().await?;
    browser.page.goto(&url).await?;
    until(&browser, "!document.getElementById('ended').hidden").await?;
    let record = browser.value_of(&text_of("record")).await?;
    assert_eq!(record, run.record.to_string_lossy().as_ref());
    let sentence = browser.value_of(&text_of("sentence")).await?.to_string();
    assert!(browser.value_of("document.getElementById('steer').hidden").await?.as_bool() == Some(true));
    browser.close().await?;
    run.process.signal(libc::SIGINT)?;
    let finished = run.finish()?;
    let judgement = finished.record()?.run.judgement.context("it was judged")?;
    assert!(sentence.contains(&judgement.sentence), "{sentence}");
    finished.expect(judgement.exit.into())
}

#[test]
fn what_cannot_be_shown_is_refused_before_any_load_is_made() -> Result<()> {
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?;
    for (arguments, says) in [
        (vec![format!("--web={address}")], "--web=0 takes any free port"),
        (vec![format!("--prometheus={address}")], "--prometheus=0 takes any free port"),
        (vec!["--web=0".into(), "--web-max-users=30".into()], "arrivals"),
        (vec!["--web-stay".into()], "--web"),
        (vec!["--otlp=localhost:4318".into()], "http://"),
        (vec!["--log-requests=no/such/folder/x".into()], "no/such/folder/x"),
        (vec!["--log-requests=x".into(), "--log-requests-share=2".into()], "up to 1"),
    ] {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let finished = Loadgen::run(SHORT, "http://127.0.0.1:9")?.args(&arguments).finish()?;
        finished.expect(2)?;
        assert!(finished.ended.stderr.contains(says), "{arguments:?}: {}", finished.ended.stderr);
    }
    Ok(())
}
