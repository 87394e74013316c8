use proptest::prelude::*;

use super::{RIGHT, folder, load_in, load_text, refused::MISTAKES, with};
use crate::plan::Overrides;

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
