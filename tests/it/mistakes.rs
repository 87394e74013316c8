use anyhow::Result;
use harness::{
    loadgen::Loadgen,
    servers::{Server, known},
};

/// A scenario that is right; each mistake is one replacement in it.
const RIGHT: &str = "\
version: 1
name: right
vars: { page: 20 }
target: { base_url: http://127.0.0.1:1 }
load:
  users: { stages: [ { users: 1, hold: 1s } ] }
flows:
  - name: browse
    weight: 3
    steps:
      - get: /tasks?limit=${page}
        name: list tasks
        expect: { status: 200 }
  - name: write
    steps:
      - { post: /tasks, name: write, json: { title: x } }
budgets:
  - { request: list tasks, p95: 200ms }
";

/// `(right, wrong, line, column, what the message says)`
const MISTAKES: [(&str, &str, usize, usize, &[&str]); 12] = [
    ("weight: 3", "wieght: 3", 9, 5, &["wieght", "weight"]),
    ("base_url", "base_ulr", 4, 11, &["base_ulr", "base_url"]),
    ("limit=${page}", "limit=${pgae}", 11, 27, &["pgae", "page"]),
    ("weight: 3", "weight: 0", 9, 13, &["0"]),
    ("weight: 3", "weight: -1", 9, 13, &["-1"]),
    ("weight: 3", "weight: three", 9, 13, &["three"]),
    (
        "hold: 1s } ] }",
        "hold: 1s } ] }\n  arrivals: { stages: [ { rate: 5/s, hold: 1s } ] }",
        7,
        3,
        &["users", "arrivals"],
    ),
    ("hold: 1s", "hold: 1 fortnight", 6, 40, &["fortnight", "200ms"]),
    ("request: list tasks", "request: list task", 18, 16, &["list task", "list tasks"]),
    ("p95: 200ms", "p95: 200", 18, 33, &["200", "200ms"]),
    ("get: /tasks", "gte: /tasks", 11, 9, &["gte", "get"]),
    ("version: 1", "version: 2", 1, 10, &["2", "1"]),
];

fn with(right: &str, wrong: &str) -> String {
    assert_eq!(RIGHT.matches(right).count(), 1, "{right} is in the scenario once");
    RIGHT.replace(right, wrong)
}

#[test]
fn the_scenario_without_a_mistake_is_accepted() -> Result<()> {
    Loadgen::new("check", RIGHT)?.finish()?.expect(0)
}

#[test]
fn a_mistake_is_refused_with_its_line_its_column_and_what_would_be_right() -> Result<()> {
    let mut unsaid = Vec::new();
    for (right, wrong, line, column, hints) in MISTAKES {
        let place = format!("scenario.yaml:{line}:{column}: ");
        for verb in ["check", "run"] {
            let finished = Loadgen::new(verb, &with(right, wrong))?.finish()?;
            let said = &finished.ended.stderr;
            let complete = said.contains(&place) && hints.iter().all(|hint| said.contains(hint));
            if finished.ended.code != Some(2) || !complete || finished.record_folder().exists() {
                unsaid.push(format!(
                    "{verb}: `{wrong}` at {place} {hints:?}: {:?}\n{said}",
                    finished.ended.code
                ));
            }
        }
    }
    assert!(unsaid.is_empty(), "{}", unsaid.join("\n"));
    Ok(())
}

#[test]
fn what_is_no_scenario_at_all_gets_one_clear_message() -> Result<()> {
    let deep = format!("version: 1\nname: {}{}", "[".repeat(5000), "]".repeat(5000));
    let cases = ["", "just text", "- a\n- list", "version: 1\n\tname: tab", "a: &x [*x]", "\u{0}", &deep];
    for text in cases {
        let finished = Loadgen::new("check", text)?.finish()?;
        let start: String = text.chars().take(30).collect();
        finished.expect(2)?;
        let said = &finished.ended.stderr;
        assert!(said.contains("scenario.yaml"), "{start:?}: {said}");
        assert!(!said.contains("panicked"), "{start:?}: {said}");
    }
    Ok(())
}

#[test]
fn a_file_that_is_not_there_is_named() -> Result<()> {
    let finished = Loadgen::run_file("/nowhere/no.yaml".as_ref(), "http://127.0.0.1:1")?.finish()?;
    finished.expect(2)?;
    assert!(finished.ended.stderr.contains("/nowhere/no.yaml"), "{}", finished.ended.stderr);
    Ok(())
}

#[test]
fn a_record_is_never_written_over() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let record = folder.path().join("record");
    std::fs::create_dir(&record)?;
    std::fs::write(record.join("run.json"), "precious")?;
    let out = record.to_string_lossy();
    let server = Server::start(known(&Default::default()))?;
    let run = Loadgen::new("run", RIGHT)?.args(&["--target", &server.url(), "--out", &out, "--no-tui"]);
    let finished = run.finish()?;
    finished.expect(2)?;
    assert!(finished.ended.stderr.contains(&*out), "{}", finished.ended.stderr);
    assert_eq!(std::fs::read_to_string(record.join("run.json"))?, "precious");
    Ok(())
}
