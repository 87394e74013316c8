//! Texts that nobody would write: none may make the reader panic, hang or grow. What once did is kept by proptest, in
//! `proptest-regressions`, and tried first.

use std::{
    fs,
    path::Path,
    sync::LazyLock,
    time::{Duration, Instant},
};

use proptest::{prelude::*, sample::Index};

use super::{RIGHT, load_text};
use crate::plan::show;

/// The shipped scenarios and one with everything in it.
static TEXTS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|it| it == "yaml"));
    let texts = files.map(|path| fs::read_to_string(path).unwrap());
    // What they extend and read is not there: they are laid over nothing, so that every line of theirs is read.
    let texts = texts.map(|text| text.replace("extends: base.yaml\n", "").replace("data/", ""));
    texts.chain([RIGHT.to_owned(), EVERYTHING.to_owned()]).collect()
});

const EVERYTHING: &str = r#"version: 1
name: everything
target:
  base_url: "http://127.0.0.1:8080"
  http: auto
  source_addresses: [127.0.0.2]
  dns: each_connection
  connections: { max_requests: 5, max_age: 3s, per_user: close }
vars: { n: 3 }
data: { people: { csv: people.csv } }
load: { arrivals: { process: constant, max_in_flight: 5, stages: [{ rate: 5/s, hold: 9s }, { to: 30/min, over: 2s }] } }
abort: { share: 50%, requests: 10, within: 5s }
on_start: [ { get: /, save: { token: { input: t, default: x, pick: last } } } ]
flows:
  - name: all
    steps:
      - set: { order: "${uuid} ${normal(5,1.5)} ${choice(a,b)} ${now(+7d)}" }
      - choose: [ { weight: 0.5, steps: [ { get: /a } ] }, { steps: [ { think: { exponential: 1s } } ] } ]
      - loop: { from: 1, to: "${n}", by: 2, as: page }
        steps: [ { get: "/p/${page}", name: p, save: { ids: { json: "$.a[*]", pick: all }, s: status, b: body } } ]
      - { loop: { over: ids, as: id }, steps: [ { delete: "/${id}", name: d } ] }
      - repeat: { until: "s == 200 and not b or n > 2.5", at_most: "${n}", pause: 1s }
        steps: [ { head: /h } ]
      - parallel: [ { get: /x }, { if: s, options: /y } ]
        name: page
        connections: 3
      - if: zipf(people, 1.1) != 'x'
        steps: [ { post: /g, graphql: { query: "{ a }", variables: { a: [1, "${n}"] }, operation: b } } ]
        else: [ { put: /m, multipart: { a: 1.10, b: [ { file: people.csv, name: c, type: text/csv }, { text: t } ] } } ]
      - { patch: /f, form: { a: b }, headers: { x-a: null, y: 1 }, timeout: 1s, follow_redirects: false }
      - { get: "${token}", name: t, expect: { status: [2xx, 404], json: { $.a: 1 }, header: { a: exists }, within: 1s } }
observe: [ { name: c, header: x-cache } ]
budgets: [ { request: page, p95: 5ms }, { c: ">= 80%" } ]
"#;

/// Loads a text; what it takes is bounded by its length.
fn try_to_load(text: &str) {
    let began = Instant::now();
    match load_text(text) {
        // What is accepted can be shown too.
        Ok(plan) => drop(show(&plan)),
        Err(error) => assert!(!error.to_string().is_empty(), "a refusal without a word"),
    }
    assert!(began.elapsed() < Duration::from_secs(20), "{} bytes took {:?}", text.len(), began.elapsed());
}

#[derive(Debug, Clone)]
enum Change {
    /// A stretch is taken out.
    Cut(Index, usize),
    /// A line appears a second time, elsewhere.
    Copy(Index, Index),
    /// Something is put in.
    Put(Index, String),
    /// A number becomes another.
    Number(Index, String),
    /// A line moves to the right or left.
    Indent(Index, usize),
}

fn change() -> impl Strategy<Value = Change> {
    let junk = prop_oneof![
        "[-{}\\[\\]:,\"'|>&*!%@`#?$ a0~\n\t]{1,6}",
        "(\\$\\{|\\}|\\$\\{uuid\\}|\\$\\{int\\(|\\$\\{zipf\\(people, 1e9\\)\\}|&a |\\*a|<<: |!!binary |null|~|\\.inf|if: |steps: |loop: )",
        Just("[".repeat(80)),
        Just("{ a: ".repeat(70)),
        any::<String>(),
    ];
    let number = prop_oneof![
        "-?[0-9]{1,40}",
        "[0-9]{1,3}e[0-9]{1,4}",
        "-?\\.(inf|nan)",
        "0x[0-9a-f]{1,20}",
        "99999999999h"
    ];
    prop_oneof![
        (any::<Index>(), 1..60_usize).prop_map(|(at, length)| Change::Cut(at, length)),
        (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Change::Copy(from, to)),
        (any::<Index>(), junk).prop_map(|(at, junk)| Change::Put(at, junk)),
        (any::<Index>(), number).prop_map(|(at, number)| Change::Number(at, number)),
        (any::<Index>(), 0..12_usize).prop_map(|(at, indent)| Change::Indent(at, indent)),
    ]
}

fn changed(text: &str, changes: &[Change]) -> String {
    let mut text = text.to_owned();
    for change in changes {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        if lines.is_empty() {
            break;
        }
        let boundary = |at: &Index| {
            (0..=at.index(text.len() + 1)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
        };
        match change {
            Change::Cut(at, length) => {
                let at = boundary(at);
                let end = (at + length).min(text.len());
                let end = (end..=text.len()).find(|end| text.is_char_boundary(*end)).unwrap_or(text.len());
                text.replace_range(at..end, "");
            }
            Change::Put(at, junk) => {
                let at = boundary(at);
                text.insert_str(at, junk);
            }
            Change::Copy(from, to) => {
                let line = lines[from.index(lines.len())].clone();
                lines.insert(to.index(lines.len()), line);
                text = lines.join("\n");
            }
            Change::Number(at, number) => {
                let digits: Vec<usize> =
                    text.match_indices(|c: char| c.is_ascii_digit()).map(|it| it.0).collect();
                if !digits.is_empty() {
                    let at = digits[at.index(digits.len())];
                    text.replace_range(at..=at, number);
                }
            }
            Change::Indent(at, indent) => {
                let line = at.index(lines.len());
                lines[line] = format!("{:indent$}{}", "", lines[line].trim_start());
                text = lines.join("\n");
            }
        }
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 200, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn no_change_to_a_scenario_makes_the_reader_panic_or_hang(
        which in any::<Index>(),
        changes in prop::collection::vec(change(), 1..6),
    ) {
        try_to_load(&changed(&TEXTS[which.index(TEXTS.len())], &changes));
    }

    #[test]
    fn no_yaml_makes_the_reader_panic_or_hang(
        lines in prop::collection::vec(
            (0..6_usize, "(version: 1|flows:|steps:|load:|- |- get: /|if: a|loop: 3|choose:|parallel:|repeat: \\{|[a-z]{1,8}: .{0,12}|&a|\\*a|- \\*a|\\? |\\[|\\}|\\|)"),
            0..40,
        ),
    ) {
        let text: Vec<String> = lines.into_iter().map(|(indent, line)| format!("{:1$}{line}", "", indent * 2)).collect();
        try_to_load(&text.join("\n"));
    }

    #[test]
    fn no_condition_makes_the_reader_panic(
        condition in "(id|not |and |or |==|!=|<=?|>=?|'x'|\"|'| |3|-1e5|int\\(1,2\\)|people.email|\\(|\\)|\\$\\{id\\}|ü){0,30}",
    ) {
        let condition = serde_json::Value::from(condition).to_string();
        try_to_load(&RIGHT.replace("if: id", &format!("if: {condition}")));
    }
}

#[test]
fn a_scenario_with_everything_in_it_is_read() {
    let plan = load_text(EVERYTHING).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(plan.flows[0].steps.len(), 9);
}

#[test]
fn bombs_and_towers_are_refused_soon_and_in_words() {
    let mut bomb = "version: 1\na0: &a0 [x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let inside = vec![format!("*a{}", level - 1); 8].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{inside}]\n"));
    }
    let tower =
        RIGHT.replace("json: { title", &format!("json: {{ a: {}1{}, title", "[".repeat(60), "]".repeat(60)));
    let blocks = |deep: usize| {
        let nested = format!("{}{{ get: / }}{}", "{ if: id, steps: [".repeat(deep), "] }".repeat(deep));
        RIGHT.replace("      - if: id\n", &format!("      - {nested}\n      - if: id\n"))
    };
    assert!(load_text(&blocks(16)).is_ok());
    let said = load_text(&blocks(17)).unwrap_err().to_string();
    assert!(said.contains("s.yaml:26:") && said.contains("16 deep"), "{said}");
    let blocks = blocks(29);
    let many = RIGHT.replace("vars: {", &format!("vars: {{ {}", "a: 1, ".repeat(20_000)));
    let long = RIGHT.replace("/tasks?limit", &format!("/{}?limit", "x".repeat(1_000_000)));
    let wide = RIGHT.replace(
        "  - name: write",
        &format!("{}  - name: write", "  - { name: n, steps: [{ get: / }] }\n".repeat(3_000)),
    );
    let wrong = wide.replace("{ name: n, steps", "{ name: n, weight: x, steps");
    for text in [bomb, tower, blocks, many, long, wide, wrong] {
        try_to_load(&text);
    }
}
