//! Scenario files: from YAML to a checked [`Plan`].
//!
//! ```text
//! read (files, extends) ─► tree (located YAML) ─► de (into the types of file) ─► check ─► model::Plan
//! ```
//!
//! The types in [`mod@file`] are the language and its JSON Schema at once. Every mistake is reported, not only the first.

mod check;
mod de;
pub mod file;
mod forms;
pub mod model;
mod problem;
pub mod profile;
mod read;
mod selector;
mod shapes;
mod show;
#[cfg(test)]
mod tests;
mod tree;
pub mod watch;

use std::path::Path;

use schemars::{Schema, generate::SchemaSettings, transform::RecursiveTransform};

pub use model::Plan;
pub use problem::PlanError;
pub use show::show;

use problem::Files;

/// Room for what reads a scenario, bytes. YAML may be 64 levels deep, and a step that holds steps takes the reader down by
/// several calls with much on the stack each. What is not used costs nothing.
const STACK: usize = 32 << 20;

/// What the command line changes about a scenario.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// Replaces `target.base_url`.
    pub target: Option<String>,
    /// Multiplies the users or rates of every stage; above 0.
    pub scale: Option<f64>,
    /// Replaces values of `vars`.
    pub vars: Vec<(String, String)>,
    /// Further hosts that may be loaded.
    pub allow: Vec<String>,
}

/// Reads the scenario in `path`, and what it extends, and checks it.
///
/// # Errors
/// Every problem that was found, with file, line, column and what would be right.
pub fn load(path: &Path, overrides: &Overrides) -> Result<Plan, PlanError> {
    std::thread::scope(|scope| {
        let reader = std::thread::Builder::new().name("scenario".to_owned()).stack_size(STACK);
        match reader.spawn_scoped(scope, || load_here(path, overrides)) {
            Ok(reader) => reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            Err(_) => load_here(path, overrides),
        }
    })
}

fn load_here(path: &Path, overrides: &Overrides) -> Result<Plan, PlanError> {
    let mut files = Files::default();
    let result = read::read(path, &mut files)
        .and_then(de::read::<file::File>)
        .and_then(|(file, unknown)| check::plan(file, unknown, path, &files, overrides));
    result.map_err(|problems| PlanError::new(problems, files))
}

/// The JSON Schema of scenario files, in the draft that editors know best (draft 7).
pub fn schema() -> serde_json::Value {
    let one_line = RecursiveTransform(|schema: &mut Schema| {
        if let Some(serde_json::Value::String(text)) = schema.get_mut("description") {
            *text = text.replace('\n', " ");
        }
    });
    let settings = SchemaSettings::draft07().with_transform(one_line);
    settings.into_generator().into_root_schema_for::<file::File>().to_value()
}
