//! No SQL of the store is hidden from `service explain`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::store::named;

/// Where SQL is that is not asked about, and why.
const ELSEWHERE: [(&str, &str); 6] = [
    ("bulk.rs", "loads and removes everything at once, before requests come"),
    ("bulk/", "the same"),
    ("plans.rs", "asks for the plans themselves"),
    ("pools.rs", "asks which migrations ran"),
    ("postgres/", "asks a server about itself"),
    ("shards/", "tables of at most 1,024 rows, and moves, which copy whole buckets on purpose"),
];
/// What tells SQL from other texts.
const WORDS: [&str; 9] = [
    "SELECT ",
    "INSERT INTO ",
    "UPDATE ",
    "DELETE FROM ",
    " FROM ",
    " WHERE ",
    " SET ",
    " ORDER BY ",
    "ON CONFLICT",
];

fn store() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store")
}

/// The files of the store by their path in it, without tests.
fn files(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let name = path.strip_prefix(store()).unwrap().to_str().unwrap().to_owned();
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned();
            if !name.starts_with("tests") && !name.ends_with("tests.rs") {
                found.push((name, code));
            }
        }
    }
}

/// The texts in quotation marks, as the compiler reads them.
fn literals(code: &str) -> Vec<String> {
    let (mut all, mut chars) = (Vec::new(), code.chars().peekable());
    while let Some(c) = chars.next() {
        match c {
            '/' if chars.peek() == Some(&'/') => while chars.next().is_some_and(|c| c != '\n') {},
            // A character, not the name of a lifetime.
            '\'' if chars.peek() == Some(&'\\') => drop((chars.next(), chars.next(), chars.next())),
            '\'' if chars.peek() == Some(&'"') => drop((chars.next(), chars.next())),
            '"' => {
                let mut text = String::new();
                while let Some(c) = chars.next().filter(|c| *c != '"') {
                    match (c, c == '\\') {
                        (_, true) => match chars.next() {
                            Some('\n') => while chars.next_if(|c| c.is_whitespace()).is_some() {},
                            Some(escaped) => text.push(escaped),
                            None => {}
                        },
                        (c, _) => text.push(c),
                    }
                }
                all.push(text);
            }
            _ => {}
        }
    }
    all
}

#[test]
fn texts_are_read_as_the_compiler_reads_them() {
    let code = "const A: &str = \"SELECT 1 \\\n    FROM t\"; // \"not this\"\nlet b = ('\"', '\\'', \"a\\\\b\\\"\"); fn f<'a>() {}";
    assert_eq!(literals(code), ["SELECT 1 FROM t", "a\\b\""]);
}

#[test]
fn every_sql_text_of_the_store_is_part_of_a_question_that_is_explained() {
    let mut code = Vec::new();
    files(&store(), &mut code);
    for (place, why) in ELSEWHERE {
        assert!(
            code.iter().any(|(name, _)| name.starts_with(place)),
            "{place} ({why}) is not there any more"
        );
    }
    let questions: Vec<String> = named::all()
        .into_iter()
        .flat_map(|question| question.sqlite.into_iter().chain([question.postgres]))
        .map(std::borrow::Cow::into_owned)
        .collect();
    // Between the places of what is put together.
    let pieces =
        |text: &str| text.split(['{', '}']).step_by(2).map(|it| it.trim().to_owned()).collect::<Vec<_>>();
    let asked = |text: &str| {
        pieces(text).iter().all(|piece| questions.iter().any(|question| question.contains(piece.as_str())))
    };
    let mut seen = 0;
    for (name, code) in code {
        if ELSEWHERE.iter().any(|(place, _)| name.starts_with(place)) {
            continue;
        }
        for text in literals(&code) {
            if WORDS.iter().any(|word| text.contains(word)) {
                seen += 1;
                assert!(asked(&text), "{name}: not explained, add it to questions() and to named.rs: {text}");
            }
        }
    }
    assert!(seen > 100, "{seen} texts");
}
