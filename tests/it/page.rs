use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Result, bail};
use harness::{
    browser::Browser,
    loadgen::{Loadgen, reports_html},
    process::{program, repository, run},
    servers::{Server, known},
};
use serde_json::Value;

const SCENARIO: &str = "
version: 1
name: a page with everything on it, and a name long enough to have to be broken on a narrow screen
load: { arrivals: { process: poisson, max_in_flight: 100, stages: [ { to: 150/s, over: 3s }, { hold: 4s } ] }, warm_up: 2s }
flows:
  - name: good
    weight: 8
    steps: [ { get: /json, name: a request whose name is longer than any column of a phone } ]
  - name: slow
    weight: 2
    steps: [ { get: /slow/30, name: <b>slow</b> & \"quoted\" } ]
  - name: bad
    steps: [ { get: /status/500, name: bad } ]
budgets:
  - { p95: 200ms, p99: 20ms, error_rate: 1% }
";

/// What must hold of a page on any screen; an empty list is good. A figure may be wider than the screen only inside a
/// box of its own that scrolls.
const FAULTS: &str = r"(() => {
  const faults = [], width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > width) {
    const wide = [...document.body.querySelectorAll('*')].filter(e => e.getBoundingClientRect().right > width + 1);
    faults.push('wider than the screen: ' + wide.slice(0, 3).map(e => e.tagName + '.' + e.className).join(', '));
  }
  // A figure may be drawn for wide screens and again for narrow ones; one of the drawings has to be seen.
  const figures = [...document.querySelectorAll('figure')].filter(e => !e.closest('details:not([open])'));
  if (figures.length < FIGURES) faults.push('only ' + figures.length + ' figures');
  for (const figure of figures) {
    const drawings = [...figure.querySelectorAll('svg')];
    const seen = drawings.filter(e => e.getBoundingClientRect().width >= 200 && e.getBoundingClientRect().height >= 60
      && getComputedStyle(e).visibility === 'visible');
    const title = figure.querySelector('svg title')?.textContent ?? '';
    if (seen.length !== 1) faults.push(seen.length + ' drawings are seen of: ' + title);
    if (!title.trim() || !figure.querySelector('svg desc')) faults.push('a figure without title and description');
    for (const text of seen.flatMap(e => [...e.querySelectorAll('text')]))
      if (text.getBoundingClientRect().height < 8) faults.push('too small to read: ' + text.textContent);
  }
  const named = new Set();
  for (const e of document.querySelectorAll('[id]')) {
    if (named.has(e.id)) faults.push('two elements are called ' + e.id);
    named.add(e.id);
  }
  for (const e of document.querySelectorAll('[src], link[href]'))
    if (!(e.getAttribute('src') ?? e.getAttribute('href')).startsWith('data:')) faults.push('loads ' + e.outerHTML);
  return faults;
})()";

/// [`FAULTS`] of a page that has so many figures at least.
fn faults(figures: usize) -> String {
    FAULTS.replace("FIGURES", &figures.to_string())
}

/// Contrast of the text with what is behind it, as WCAG 2.2 defines it.
pub const CONTRAST: &str = r"(() => {
  const channels = colour => colour.match(/[\d.]+/g).slice(0, 3).map(v => v / 255);
  const luminance = colour => {
    const [r, g, b] = channels(colour).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const style = getComputedStyle(document.body);
  const canvas = style.backgroundColor === 'rgba(0, 0, 0, 0)'
    ? getComputedStyle(document.documentElement).backgroundColor : style.backgroundColor;
  const [a, b] = [luminance(style.color), luminance(canvas)];
  return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), b];
})()";

/// Opens the page on narrow and wide screens, light and dark, without scripts and on paper, and makes sure that it can be read
/// on each.
pub async fn is_readable_everywhere(page: &Path) -> Result<()> {
    is_readable_with(page, 4).await
}

/// The same of a page of at least so many figures.
async fn is_readable_with(page: &Path, figures: usize) -> Result<()> {
    let browser = Browser::start().await?;
    for width in [400, 1280] {
        let mut canvas = Vec::new();
        for scheme in ["light", "dark"] {
            browser.screen(width, scheme).await?;
            browser.page.goto(format!("file://{}", page.display())).await?;
            let faults = browser.value_of(&faults(figures)).await?;
            assert_eq!(faults, Value::Array(Vec::new()), "{width} px, {scheme}");
            let contrast = browser.value_of(CONTRAST).await?;
            let contrast: (f64, f64) = serde_json::from_value(contrast)?;
            assert!(contrast.0 >= 4.5, "contrast of {} at {width} px, {scheme}", contrast.0);
            canvas.push(contrast.1);
            let violations = browser.violations().await?;
            assert!(violations.is_empty(), "{width} px, {scheme}: {violations:#?}");
            let complaints = browser.complaints().await?;
            assert!(complaints.is_empty(), "{width} px, {scheme}: {complaints:?}");
        }
        assert!(canvas[0] > 0.5 && canvas[1] < 0.2, "light is light and dark is dark: {canvas:?}");
    }
    is_the_same_without_scripts(&browser, page).await?;
    browser.paper(718).await?;
    browser.page.goto(format!("file://{}", page.display())).await?;
    assert_eq!(browser.value_of(CUT).await?, Value::Array(Vec::new()), "on paper");
    browser.close().await
}

/// What is cut off on paper, where nothing scrolls and nothing unfolds; an empty list is good.
const CUT: &str = r"(() => {
  const cut = [], width = document.documentElement.clientWidth;
  for (const e of document.querySelectorAll('main *')) {
    if (e.matches('.vh, svg *, table *')) continue;
    const box = e.getBoundingClientRect(), style = getComputedStyle(e);
    const name = e.tagName + '.' + e.className + ' ' + (e.closest('[aria-label]')?.ariaLabel ?? '');
    if (box.width && box.right > width + 1) cut.push('past the edge by ' + Math.round(box.right - width) + ' px: ' + name);
    if (style.overflowX !== 'visible' && e.scrollWidth > e.clientWidth + 1) cut.push('scrolls: ' + name);
    if (style.overflowY !== 'visible' && e.scrollHeight > e.clientHeight + 1) cut.push('scrolls down: ' + name);
  }
  for (const e of document.querySelectorAll('details > :not(summary)'))
    if (!e.getBoundingClientRect().height) cut.push('folded: ' + e.textContent.slice(0, 40));
  return [...new Set(cut)];
})()";

/// Opens the page with scripts and without and makes sure that the two look alike to the last pixel.
async fn is_the_same_without_scripts(browser: &Browser, page: &Path) -> Result<()> {
    let mut pictures = Vec::new();
    for allowed in [true, false] {
        browser.screen(1280, "light").await?;
        browser.scripts(allowed).await?;
        browser.page.goto(format!("file://{}", page.display())).await?;
        pictures.push(settled_picture(browser).await?);
    }
    browser.scripts(true).await?;
    assert!(pictures[0] == pictures[1], "the page looks different without scripts");
    assert!(pictures[0].len() > 50_000, "a picture of {} characters shows nothing", pictures[0].len());
    Ok(())
}

/// The page once two pictures of it in a row are the same: a busy machine may not have painted all of it at once.
async fn settled_picture(browser: &Browser) -> Result<String> {
    let mut last = browser.picture().await?;
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let next = browser.picture().await?;
        if next == last {
            return Ok(next);
        }
        last = next;
    }
    bail!("the page never looks the same twice")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_reads_well_on_every_screen_and_no_name_breaks_it() -> Result<()> {
    let server = Server::start(known(&Default::default()))?;
    let finished = Loadgen::run(SCENARIO, &server.url())?.finish()?;
    let page = finished.record_folder().join("report.html");
    let drawn = reports_html(&finished.record_folder(), &page)?;
    assert_eq!(drawn.code, Some(0), "{}", drawn.stderr);

    let html = std::fs::read_to_string(&page)?;
    assert!(!html.contains("<b>slow</b>"), "a name is text, not markup");
    let again = finished.record_folder().join("again.html");
    reports_html(&finished.record_folder(), &again)?;
    assert!(html == std::fs::read_to_string(&again)?, "the same record gives the same bytes");
    is_readable_everywhere(&page).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_held_against_a_baseline_reads_well_on_every_screen() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let runs = repository().join("reports/testdata/runs");
    let draw = |name: &str| -> Result<(PathBuf, String)> {
        let page = folder.path().join(name);
        let mut command = Command::new(program("reports")?);
        command.arg("html").arg(runs.join("after")).arg("--baseline").arg(runs.join("before"));
        let drawn = run(command.arg("--out").arg(&page))?;
        assert_eq!(drawn.code, Some(0), "{}", drawn.stderr);
        let html = std::fs::read_to_string(&page)?;
        Ok((page, html))
    };
    let (page, html) = draw("held.html")?;
    for said in
        ["Against the baseline</h2>", "Heat map of response times", "No change that is both more than chance"]
    {
        assert!(html.contains(said), "{said}");
    }
    assert!(html == draw("again.html")?.1, "the same records give the same bytes");
    is_readable_with(&page, 8).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_of_a_search_with_its_claims_reads_well_on_every_screen() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let page = folder.path().join("capacity.html");
    let search = repository().join("reports/examples/search");
    let ended = run(Command::new(program("reports")?).arg("plan").arg(&search).arg("--out").arg(&page))?;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let html = std::fs::read_to_string(&page)?;
    assert!(html.contains("What the documents say</h2>"), "the claims are a section of it");
    is_readable_with(&page, 7).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_simulated_day_and_the_claims_of_documents_read_well_on_every_screen() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (day, claims) = (folder.path().join("day.html"), folder.path().join("claims.html"));
    let plan = repository().join("reports/examples/day.yaml");
    let ended = run(Command::new(program("reports")?).arg("simulate").arg(&plan).arg("--out").arg(&day))?;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    is_readable_everywhere(&day).await?;

    let ended = run(Command::new(program("reports")?).arg("claims").arg("--out").arg(&claims))?;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    is_readable_with(&claims, 0).await
}

/// So that the checks above are known to find what they look for.
#[tokio::test(flavor = "multi_thread")]
async fn a_bad_page_is_found_out() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let page = folder.path().join("bad.html");
    std::fs::write(
        &page,
        "<!doctype html><title>bad</title><p id=a style='width:2000px'>wide<p id=a>twice
         <figure><svg width=10 height=5></svg></figure><img src=http://127.0.0.1:9/x.png><script>nothing.here()</script>",
    )?;
    let browser = Browser::start().await?;
    browser.screen(400, "light").await?;
    browser.page.goto(format!("file://{}", page.display())).await?;
    let faults = browser.value_of(&faults(4)).await?.to_string();
    for fault in
        ["wider than the screen", "only 1 figures", "0 drawings", "without title", "called a", "loads <img"]
    {
        assert!(faults.contains(fault), "{fault} was not found: {faults}");
    }
    let complaints = browser.complaints().await?.join("\n");
    assert!(complaints.contains("nothing is not defined"), "{complaints}");
    browser.close().await
}
