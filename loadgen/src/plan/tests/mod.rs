//! The scenario language as people meet it: files in a folder, and what is said about them.

mod extends;
mod fuzz;
mod mistakes;
mod plans;
mod refused;
mod shipped;

use std::{fs, path::Path};

use tempfile::TempDir;

use super::{Overrides, Plan, PlanError, load};

/// A scenario that is right, in a folder with a data file of two rows.
pub const RIGHT: &str = r#"version: 1
name: right
target: { base_url: "http://127.0.0.1:8080" }
vars: { page: 20, word: "2 0" }
data:
  people: { csv: people.csv }
load:
  users:
    stages: [{ to: 10, over: 5s }, { hold: 10s }]
    think: 1s
  warm_up: 5s
on_start:
  - post: /login
    json: { email: "${people.email}" }
    save: { token: $.token }
defaults: { headers: { authorization: "Bearer ${token}" } }
flows:
  - name: browse
    weight: 3
    steps:
      - get: /tasks?limit=${page}
        name: list tasks
        expect: { status: 200, json: { $.tasks: exists } }
        save: { id: "$.tasks[0].id" }
      - think: { uniform: [1s, 3s] }
      - if: id
        get: /tasks/${id}
        name: one task
  - name: write
    steps:
      - { post: /tasks, json: { title: "${sentence(3)}" } }
observe:
  - name: service
    prometheus: /metrics
    hit_ratio: { hits: 'cache_total{result="hit"}', all: cache_total }
budgets:
  - { p95: 200ms }
  - { request: list tasks, p99: 1s }
  - { hit_ratio: ">= 80%" }
"#;

/// A folder with the given files beside `people.csv`.
pub fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("people.csv"), "email,password\na@b.example,x\nc@d.example,y\n").unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

/// Loads `s.yaml` of a folder.
pub fn load_in(folder: &Path, overrides: &Overrides) -> Result<Plan, PlanError> {
    load(&folder.join("s.yaml"), overrides)
}

/// Loads a scenario text.
pub fn load_text(text: &str) -> Result<Plan, PlanError> {
    load_in(folder(&[("s.yaml", text)]).path(), &Overrides::default())
}

/// [`RIGHT`] with one thing in it replaced.
pub fn with(right: &str, other: &str) -> String {
    assert_eq!(RIGHT.matches(right).count(), 1, "`{right}` is in the scenario once");
    RIGHT.replace(right, other)
}

/// The plan of [`RIGHT`] with one thing in it replaced.
pub fn plan_with(right: &str, other: &str) -> Plan {
    load_text(&with(right, other)).unwrap()
}
