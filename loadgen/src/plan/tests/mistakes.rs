use proptest::prelude::*;

use super::{RIGHT, folder, load_in, load_text, with};
use crate::plan::Overrides;

/// `(what is right, what is written instead, line:column, what the message says)`
const MISTAKES: &[(&str, &str, &str, &[&str])] = &[
    // keys
    ("weight: 3", "wieght: 3", "19:5", &["unknown key `wieght`", "did you mean `weight`?"]),
    ("target:", "targte:", "3:1", &["did you mean `target`?"]),
    ("base_url", "base_ulr", "3:11", &["did you mean `base_url`?"]),
    ("expect: { status", "expect: { statos", "23:19", &["did you mean `status`?"]),
    ("prometheus:", "prometeus:", "34:5", &["did you mean `prometheus`?"]),
    ("{ uniform", "{ unifrom", "25:18", &["did you mean `uniform`?"]),
    ("csv: people.csv", "cvs: people.csv", "6:13", &["did you mean `csv`?"]),
    ("name: right", "name: right\nname: twice", "3:1", &["uplicate"]),
    // names
    ("limit=${page}", "limit=${pgae}", "21:27", &["undefined variable `pgae`", "did you mean `page`?"]),
    ("get: /tasks/${id}", "get: /tasks/${idd}", "27:21", &["did you mean `id`?"]),
    ("title: \"${sentence(3)}\"", "title: \"${id}\"", "31:41", &["another flow saves it (line 24)"]),
    (
        "get: /tasks?limit=${page}",
        "get: /tasks?x=${id}",
        "21:23",
        &["used before the step that saves it (line 24)"],
    ),
    ("${people.email}", "${people.emial}", "14:21", &["no column `emial`", "did you mean `email`?"]),
    ("${people.email}", "${poeple.email}", "14:21", &["no data set `poeple`", "did you mean `people`?"]),
    ("${sentence(3)}", "${sentense(3)}", "31:41", &["did you mean `sentence`?"]),
    ("${sentence(3)}", "${sentence(0)}", "31:41", &["sentence(5)"]),
    ("${sentence(3)}", "${int(9,1)}", "31:41", &["the smaller first"]),
    ("${sentence(3)}", "${zipf(people.nmae, 1.1)}", "31:41", &["no column `nmae`"]),
    ("${sentence(3)}", "${zipf(people, -1)}", "31:41", &["exponent from 0"]),
    ("${sentence(3)}", "${sentence(3", "31:41", &["without `}`", "$${"]),
    ("if: id", "if: idd", "26:13", &["did you mean `id`?"]),
    ("if: id", "if: ${id}", "26:13", &["bare name", "`id`"]),
    ("save: { id:", "save: { page:", "24:17", &["under `vars` already"]),
    ("save: { id:", "save: { uuid:", "24:17", &["name of a generator"]),
    ("request: list tasks", "request: list task", "38:16", &["did you mean `list tasks`?"]),
    ("{ hit_ratio: \">", "{ hit_ration: \">", "39:7", &["did you mean `hit_ratio`?"]),
    ("- { p95: 200ms }", "- { eror_rate: 1% }", "37:7", &["did you mean `error_rate`?"]),
    ("        name: one task\n", "", "27:14", &["`name: one task`"]),
    ("name: one task", "name: task ${id}", "28:15", &["fixed"]),
    // values
    ("version: 1", "version: 2", "1:10", &["version 2", "version 1"]),
    ("weight: 3", "weight: 0", "19:13", &["weight of 0", "above 0"]),
    ("weight: 3", "weight: -1.5", "19:13", &["-1.5", "above 0"]),
    ("weight: 3", "weight: three", "19:13", &["expected a number, found `three`"]),
    ("think: 1s", "think: 1 parsec", "10:12", &["`1 parsec` is not a duration", "200ms"]),
    ("think: 1s", "think: 9999999h", "10:12", &["longer than a year"]),
    ("weight: 3", "weight: 1e300", "19:13", &["above 0"]),
    ("think: 1s", "think: 1", "10:12", &["`1` is not a duration", "200ms"]),
    ("{ uniform: [1s, 3s] }", "{ uniform: [3s, 1s] }", "25:28", &["shorter pause comes first"]),
    ("{ uniform: [1s, 3s] }", "{ uniform: [3s] }", "25:27", &["1 item"]),
    ("{ uniform: [1s, 3s] }", "{ constant: 1s, exponential: 1s }", "25:16", &["exactly one of"]),
    ("{ uniform: [1s, 3s] }", "{ lognormal: { median: 9s, p95: 3s } }", "25:29", &["median"]),
    ("\"http://127.0.0.1:8080\"", "ftp://there", "3:21", &["`ftp` URL", "http://"]),
    ("\"http://127.0.0.1:8080\"", "localhost:8080", "3:21", &["http://127.0.0.1:8080"]),
    ("\"http://127.0.0.1:8080\"", "/relative", "3:21", &["not a URL", "http://"]),
    ("post: /login", "post: login", "13:11", &["`/login`"]),
    ("post: /login", "post: /log in", "13:11", &["%20"]),
    ("127.0.0.1:8080\" }", "127.0.0.1:8080\", htp: 2 }", "3:46", &["did you mean `http`?"]),
    (
        "127.0.0.1:8080\" }",
        "127.0.0.1:8080\", http: 3 }",
        "3:52",
        &["`3` is no version", "`auto`, `1` or `2`"],
    ),
    (
        "127.0.0.1:8080\" }",
        "127.0.0.1:8080\", client_certificate: { cert: a.pem } }",
        "3:66",
        &["its key", "{ cert: client.pem, key: client.key }"],
    ),
    (
        "127.0.0.1:8080\" }",
        "127.0.0.1:8080\", client_certificate: { cert: people.csv, key: b.key } }",
        "3:91",
        &["there is no file", "b.key"],
    ),
    (
        "127.0.0.1:8080\" }",
        "127.0.0.1:8080\", source_addresses: [127.0.0.2, localhost] }",
        "3:76",
        &["`localhost` is not an IP address", "127.0.0.2"],
    ),
    (
        "127.0.0.1:8080\" }",
        "127.0.0.1:8080\", source_addresses: [127.0.0.2, 127.0.0.2] }",
        "3:76",
        &["a second time"],
    ),
    ("127.0.0.1:8080\" }", "127.0.0.1:8080\", source_addresses: [] }", "3:64", &["no address", "127.0.0.2"]),
    (
        "127.0.0.1:8080\" }",
        "127.0.0.1:8080\", dns: each }",
        "3:51",
        &["unknown value `each`", "`once`, `each_connection`"],
    ),
    (
        "127.0.0.1:8080\" }",
        "127.0.0.1:8080\", connections: { max_requests: 0 } }",
        "3:75",
        &["lets no request pass"],
    ),
    ("127.0.0.1:8080\" }", "127.0.0.1:8080\", connections: { max_age: 0s } }", "3:70", &["such as `60s`"]),
    (
        "127.0.0.1:8080\" }",
        "127.0.0.1:8080\", connections: { per_user: kep } }",
        "3:71",
        &["did you mean `keep`?"],
    ),
    ("people.csv", "persons.csv", "6:18", &["there is no file", "persons.csv"]),
    ("status: 200", "status: 2000", "23:27", &["`2000` is not a status", "2xx"]),
    ("$.tasks: exists", "\"$.[\": exists", "23:40", &["not a JSONPath", "$.items[0].id"]),
    ("save: { id: \"$.tasks[0].id\" }", "save: { id: { regex: \"(\" } }", "24:30", &["regular expression"]),
    ("save: { id: \"$.tasks[0].id\" }", "save: { id: location }", "24:21", &["JSONPath", "header:"]),
    ("save: { id: \"$.tasks[0].id\" }", "save: { id: {} }", "24:21", &["exactly one of"]),
    ("authorization: \"B", "\"auth oriz\": \"B", "16:24", &["not a header name"]),
    ("p95: 200ms", "p95: 200", "37:12", &["`200` is not a duration", "200ms"]),
    ("cache_total{result=\"hit\"}", "cache_total{result}", "35:24", &["without `=`"]),
    (
        "hit_ratio: { hits: 'cache_total{result=\"hit\"}', all: cache_total }",
        "hit_ratio: { hits: a }",
        "35:16",
        &["one of"],
    ),
    // load
    ("{ to: 10, over: 5s }, ", "", "9:14", &["no level to hold", "users: 100"]),
    ("{ to: 10, over: 5s }, { hold: 10s }", "{ users: 10, hold: 0s }", "9:13", &["no length"]),
    ("{ to: 10, over: 5s }", "{ to: 10 }", "9:20", &["without `over`"]),
    ("{ to: 10, over: 5s }", "{ to: 10, over: 5s, hold: 1s }", "9:14", &["a ramp or a hold"]),
    ("{ to: 10, over: 5s }", "{ to: 0, over: 5s }", "9:13", &["never leaves 0"]),
    ("to: 10", "to: ten", "9:20", &["expected a whole number, 0 or more, found `ten`"]),
    ("to: 10", "to: 10.5", "9:20", &["expected a whole number"]),
    ("stages: [{ to: 10, over: 5s }, { hold: 10s }]", "stages: null", "8:3", &["`stages` is missing"]),
    ("{ csv: people.csv }", "{ pick: random }", "6:3", &["`csv: data/people.csv`"]),
    ("{ uniform: [1s, 3s] }", "{ lognormal: { p95: 3s } }", "25:29", &["median: 3s, p95: 9s"]),
    ("warm_up: 5s", "warm_up: 15s", "11:12", &["nothing to judge"]),
    ("warm_up: 5s", "warm_up: 1500ms", "11:12", &["whole seconds"]),
    (
        "  warm_up: 5s",
        "  arrivals: { stages: [{ rate: 5/s, hold: 9s }] }",
        "11:3",
        &["`users` and `arrivals` both"],
    ),
    ("{ csv: people.csv }", "{ csv: people.csv, pick: unique }", "8:3", &["10 users", "has 2"]),
    ("{ csv: people.csv }", "{ csv: people.csv, pick: uniqe }", "6:36", &["did you mean `unique`?"]),
    // shape
    (
        "      - { post: /tasks, json: { title: \"${sentence(3)}\" } }",
        "      - think: 1s",
        "31:7",
        &["sends nothing"],
    ),
    ("- { post: /tasks, json", "- { post: /tasks, put: /tasks, json", "31:25", &["a second request"]),
    ("- { post: /tasks, json", "- { json", "31:9", &["`get`, `post`"]),
    (
        "think: { uniform: [1s, 3s] }",
        "think: 1s\n        name: pause",
        "26:9",
        &["`name` in a step that pauses"],
    ),
    ("json: { title", "body: x, json: { title", "31:9", &["one body"]),
    // blocks
    (
        "- name: write\n    steps:",
        "- name: write\n    steps:\n      - choose: []",
        "31:17",
        &["nothing to choose from"],
    ),
    (
        "- name: write\n    steps:",
        "- name: write\n    steps:\n      - choose: [{ weight: 0, steps: [{ get: / }] }]",
        "31:28",
        &["weight of 0"],
    ),
    (
        "- name: write\n    steps:",
        "- name: write\n    steps:\n      - choose: [{ steps: [] }]",
        "31:27",
        &["no steps"],
    ),
    (
        "- name: write\n    steps:",
        "- name: write\n    steps:\n      - loop: 3",
        "31:9",
        &["`loop` without `steps`"],
    ),
    (
        "- name: write\n    steps:",
        "- name: write\n    steps:\n      - { loop: 0, steps: [{ get: / }] }",
        "31:17",
        &["0 rounds", "from 1"],
    ),
    (
        "- name: write\n    steps:",
        "- name: write\n    steps:\n      - { loop: 2000000, steps: [{ get: / }] }",
        "31:17",
        &["at most 1000000"],
    ),
    (
        "- name: write\n    steps:",
        "- name: write\n    steps:\n      - { loop: '${people.email}', steps: [{ get: / }] }",
        "31:17",
        &["known only during the run"],
    ),
    (
        "- name: write\n    steps:",
        "- name: write\n    steps:\n      - { loop: { from: 5, to: 1 }, steps: [{ get: / }] }",
        "31:32",
        &["never comes to 1"],
    ),
    (
        "- name: write\n    steps:",
        "- name: write\n    steps:\n      - { loop: { tmes: 5 }, steps: [{ get: / }] }",
        "31:19",
        &["did you mean `times`?"],
    ),
    (
        "- think: { uniform: [1s, 3s] }",
        "- { loop: { over: id, as: x }, steps: [{ get: / }] }",
        "25:25",
        &["`id` holds one value", "pick: all"],
    ),
    (
        "- name: write\n    steps:",
        "- name: write\n    steps:\n      - { repeat: { until: { status: 200 } }, steps: [{ get: / }] }",
        "31:19",
        &["`at_most` is missing", "at_most: 30"],
    ),
    (
        "- name: write\n    steps:",
        "- name: write\n    steps:\n      - { repeat: { at_most: 3 }, steps: [{ get: / }] }",
        "31:19",
        &["`until` is missing"],
    ),
    (
        "- name: write\n    steps:",
        "- name: write\n    steps:\n      - { repeat: { at_most: 3, until: { status: 200 } }, steps: [{ get: / }, { think: 1s }] }",
        "31:79",
        &["the last step of `repeat` is the request"],
    ),
    (
        "- name: write\n    steps:",
        "- name: write\n    steps:\n      - { parallel: [{ get: / }, { think: 1s }] }",
        "31:34",
        &["`parallel` takes requests alone"],
    ),
    (
        "- name: write\n    steps:",
        "- name: write\n    steps:\n      - { parallel: [{ get: / }], connections: 0 }",
        "31:48",
        &["from 1 to 64"],
    ),
    (
        "- name: write\n    steps:",
        "- name: write\n    steps:\n      - { parallel: [{ get: / }], name: list tasks }",
        "31:41",
        &["is the name of a request"],
    ),
    (
        "- name: write\n    steps:",
        "- name: write\n    steps:\n      - { steps: [{ get: / }] }",
        "31:9",
        &["`loop`, `repeat` or `if`"],
    ),
    ("if: id\n", "else: [{ get: / }]\n", "26:9", &["`else` without `if`"]),
    (
        "- name: write\n    steps:",
        "- name: write\n    steps:\n      - { get: /, think: 1s }",
        "31:19",
        &["`think` beside `get`"],
    ),
    (
        "- name: write\n    steps:",
        "- name: write\n    steps:\n      - { get: /, steps: [] }",
        "31:19",
        &["not with `get`"],
    ),
    (
        "- name: write\n    steps:",
        "- name: write\n    steps:\n      - { get: /, else: [{ get: / }] }",
        "31:19",
        &["`else` without `if`"],
    ),
    // conditions
    ("if: id", "if: id ==", "26:13", &["ends too early"]),
    ("if: id", "if: id == done", "26:19", &["text stands in quotes: `'done'`"]),
    ("if: id", "if: id = 3", "26:16", &["write `==`"]),
    ("if: id", "if: id && id", "26:16", &["write `and`"]),
    ("if: id", "if: (id)", "26:13", &["no brackets"]),
    ("if: id", "if: id id", "26:13", &["one too many"]),
    ("if: id", "if: id == 'x", "26:19", &["no closing `'`"]),
    ("if: id", "if: 3", "26:13", &["always the same"]),
    ("if: id", "if: people.nmae == 'x'", "26:13", &["no column `nmae`"]),
    // bodies and what is kept
    (
        "json: { title: \"${sentence(3)}\" }",
        "multipart: { a: { file: none.png } }",
        "31:49",
        &["there is no file"],
    ),
    ("json: { title: \"${sentence(3)}\" }", "multipart: { a: {} }", "31:41", &["a field is text"]),
    (
        "json: { title: \"${sentence(3)}\" }",
        "multipart: { a: { file: '${id}' } }",
        "31:49",
        &["hold no variables"],
    ),
    ("json: { title: \"${sentence(3)}\" }", "graphql: {}", "31:34", &["`query` is missing"]),
    (
        "{ post: /tasks, json: { title: \"${sentence(3)}\" } }",
        "{ get: /tasks, graphql: { query: '{ a }' } }",
        "31:24",
        &["goes with `post`"],
    ),
    (
        "save: { id: \"$.tasks[0].id\" }",
        "save: { id: { json: $.a, pick: 0 } }",
        "24:40",
        &["picks nothing", "from 1"],
    ),
    (
        "save: { id: \"$.tasks[0].id\" }",
        "save: { id: { json: $.a, header: x } }",
        "24:21",
        &["exactly one of"],
    ),
    ("${sentence(3)}", "${choice()}", "31:41", &["choice(a,b,c)"]),
    ("${sentence(3)}", "${hex(0)}", "31:41", &["from 1 to 10000", "hex(16)"]),
    ("${sentence(3)}", "${now(7d)}", "31:41", &["`+7d`"]),
    ("${sentence(3)}", "${float(2,1)}", "31:41", &["the smaller first"]),
    ("- name: write", "- name: browse", "29:11", &["a second flow `browse`"]),
    ("    prometheus: /metrics\n", "", "33:5", &["`prometheus: /metrics` or `header: x-cache`"]),
];

#[test]
fn the_scenario_without_a_mistake_is_accepted() {
    let result = load_text(RIGHT);
    assert!(result.is_ok(), "{}", result.unwrap_err());
}

#[test]
fn a_mistake_is_refused_with_its_place_and_what_would_be_right() {
    let mut wrong = Vec::new();
    for (right, written, place, hints) in MISTAKES {
        let said = match load_text(&with(right, written)) {
            Ok(_) => "accepted".to_owned(),
            Err(error) => error.to_string(),
        };
        let message = said.lines().find(|line| line.contains(&format!("s.yaml:{place}: ")));
        if !message.is_some_and(|message| hints.iter().all(|hint| message.contains(hint))) {
            wrong.push(format!("`{written}` should be refused at {place} with {hints:?}:\n{said}\n"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_missing_is_named() {
    let said = load_text("{}").unwrap_err().to_string();
    for key in ["`version`", "`name`", "`target.base_url`", "`load`", "`flows`"] {
        assert!(said.contains(key), "{key}: {said}");
    }
    let said =
        load_text(&with("  users:\n    stages: [{ to: 10, over: 5s }, { hold: 10s }]\n    think: 1s\n", ""))
            .unwrap_err();
    assert!(said.to_string().contains("neither `users` nor `arrivals`"), "{said}");
}

#[test]
fn every_mistake_is_reported_in_the_order_of_the_file() {
    let text =
        RIGHT.replace("over: 5s", "over: 5").replace("think: 1s", "think: x").replace("weight", "wieght");
    let error = load_text(&text).unwrap_err();
    let lines: Vec<usize> = error.problems.iter().map(|it| it.span.unwrap().line).collect();
    assert_eq!(lines, [9, 10, 19], "{error}");
    let text = RIGHT.replace("200ms", "200").replace("weight: 3", "wieght: 0").replace("/${id}", "/${idd}");
    let error = load_text(&text).unwrap_err();
    let lines: Vec<usize> = error.problems.iter().map(|it| it.span.unwrap().line).collect();
    assert_eq!(lines, [19, 27, 37], "{error}");
}

#[test]
fn the_line_is_shown_with_carets_under_what_is_meant() {
    let said = load_text(&with("limit=${page}", "limit=${pgae}")).unwrap_err().to_string();
    let shown: Vec<&str> = said.lines().skip(1).collect();
    assert_eq!(shown, [" 21 |       - get: /tasks?limit=${pgae}", "    |                           ^^^^^^^"]);
}

#[test]
fn a_mistake_on_the_command_line_names_its_option() {
    let folder = folder(&[("s.yaml", RIGHT)]);
    let refused = |overrides: Overrides| load_in(folder.path(), &overrides).unwrap_err().to_string();
    let var = |name: &str| Overrides { vars: vec![(name.into(), "1".into())], ..Overrides::default() };
    assert!(
        refused(var("pgae"))
            .contains("--var pgae=1: the scenario has no `pgae` under `vars`; did you mean `page`?")
    );
    let said = refused(Overrides { target: Some("nowhere".into()), ..Overrides::default() });
    assert!(said.starts_with("--target: `nowhere` is not a URL"), "{said}");
    let said = refused(Overrides { scale: Some(-1.0), ..Overrides::default() });
    assert!(said.contains("--scale -1: write a number above 0"), "{said}");
}

#[test]
fn what_is_no_scenario_at_all_is_refused_in_words() {
    let deep = format!("name: {}{}", "[".repeat(5000), "]".repeat(5000));
    let blocks = with(
        "- { post: /tasks, json",
        &format!("{}- {{ post: /tasks, json", "- { if: id, steps: [".repeat(40)),
    );
    let bomb = format!("a: &a [x, x]\n{}", "b: &b [*a, *a, *a, *a, *a, *a, *a, *a]\n".repeat(3));
    for text in [
        "",
        "just text",
        "- a\n- list",
        "version: 1\n\tname: tab",
        "a: &x [*x]",
        "\u{0}",
        "a: 'b",
        "? [a]: b",
        &deep,
        &blocks,
        &bomb,
    ] {
        let said = load_text(text).unwrap_err().to_string();
        assert!(said.contains("s.yaml:"), "{:.30}: {said}", text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_text_makes_the_reader_panic(text in any::<String>()) {
        let _ = load_text(&text);
    }

    #[test]
    fn no_piece_of_yaml_in_a_scenario_makes_the_reader_panic(
        at in 0..RIGHT.len(),
        length in 0..40_usize,
        junk in "[-{}\\[\\]:,\"'|>&*!%@`#?$ a0~\n\t]{0,8}",
    ) {
        let end = (at + length).min(RIGHT.len());
        let text = format!("{}{junk}{}", &RIGHT[..at], &RIGHT[end..]);
        if let Err(error) = load_text(&text) {
            prop_assert!(!error.problems.is_empty());
            prop_assert!(!error.to_string().is_empty());
        }
    }
}
