use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use crate::plan::{Overrides, load, model::Load, profile, schema, show};

fn scenarios() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios")
}

fn shipped() -> Vec<PathBuf> {
    let files = fs::read_dir(scenarios()).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|it| it == "yaml")).collect()
}

#[test]
fn every_shipped_scenario_loads_with_accounts_for_all_its_users() {
    let folder = tempfile::tempdir().unwrap();
    let accounts = folder.path().join("accounts.csv");
    let mut text = "email,password,access_token,refresh_token,user_id\n".to_owned();
    for user in 0..100_000 {
        writeln!(text, "u{user}@example.org,secret,access-{user},refresh-{user},{user}").unwrap();
    }
    fs::write(&accounts, text).unwrap();
    let vars = vec![("accounts".to_owned(), accounts.to_string_lossy().into_owned())];
    for path in shipped() {
        let text = fs::read_to_string(&path).unwrap();
        let accounts = text.contains("\nextends: base.yaml\n") || text.contains("\nname: base\n");
        let vars = if accounts { vars.clone() } else { Vec::new() };
        let overrides = Overrides { vars, ..Overrides::default() };
        let plan = load(&path, &overrides).unwrap_or_else(|error| panic!("{}:\n{error}", path.display()));
        assert_eq!(path.file_stem().unwrap().to_string_lossy(), plan.name);
        let (Load::Users { stages, .. } | Load::Arrivals { stages, .. }) = &plan.load;
        let users = match plan.name.as_str() {
            "phase-1k" => 1_000.0,
            "phase-10k" => 10_000.0,
            "phase-100k" => 100_000.0,
            _ => profile::peak(stages),
        };
        assert_eq!(profile::peak(stages), users, "{}", plan.name);
        assert!(
            plan.budgets.iter().any(|budget| budget.to_string().starts_with("error rate")),
            "{}",
            plan.name
        );
        assert!(show(&plan).contains(&plan.name));
    }
}

#[test]
fn every_question_has_its_scenario() {
    let mut names: Vec<String> =
        shipped().iter().map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    names.sort();
    let expected = "auth-storm base cache-cold-warm capacity pagination-depth phase-100k phase-10k phase-1k search smoke \
                    soak spike stress write-heavy";
    assert_eq!(names.join(" "), expected);
}

#[test]
fn the_capacity_scenario_holds_no_user_in_a_pause() {
    let text = fs::read_to_string(scenarios().join("capacity.yaml")).unwrap();
    assert!(text.contains("arrivals:") && !text.contains("think:"), "an iteration that pauses holds a user");
}

#[test]
fn every_shipped_scenario_opens_with_its_schema_and_its_question() {
    for path in shipped() {
        let text = fs::read_to_string(&path).unwrap();
        let mut lines = text.lines();
        assert_eq!(
            lines.next(),
            Some("# yaml-language-server: $schema=scenario.schema.json"),
            "{}",
            path.display()
        );
        let question = lines.next().unwrap();
        assert!(question.starts_with("# ") && question.contains('?'), "{}: {question}", path.display());
    }
}

#[test]
fn the_published_schema_is_that_of_the_reader() {
    let published = fs::read_to_string(scenarios().join("scenario.schema.json")).unwrap();
    let published: serde_json::Value = serde_json::from_str(&published).unwrap();
    // The whole schemas, shown in full when they differ, would hide the way out.
    assert!(published == schema(), "write it anew: loadgen schema > scenarios/scenario.schema.json");
}
