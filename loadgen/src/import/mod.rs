//! `loadgen import`: recordings, descriptions, collections and logs become scenarios.
//!
//! ```text
//! har · openapi · postman · curl · access_log ─► journey ─► write (yaml) ─► output (checked, then written)
//! ```

mod access_log;
mod curl;
#[cfg(test)]
mod fuzz;
mod har;
mod input;
mod journey;
mod message;
mod naming;
mod openapi;
pub mod options;
mod output;
mod postman;
mod secrets;
mod text;
mod write;
mod yaml;

use std::path::Path;

use record::Exit;

use self::options::From;
use crate::stop::Stop;

/// Makes a scenario from `from` and writes it.
pub fn import(from: &From) -> Result<Exit, Stop> {
    let mut journey = match from {
        From::Har(options) => har::journey(options)?,
        From::Curl(options) => curl::journey(options)?,
        From::Openapi(options) => openapi::journey(options)?,
        From::Postman(options) => postman::journey(options)?,
        From::AccessLog(options) => access_log::journey(options)?,
    };
    let common = from.common();
    let file =
        common.file.file_name().map(|name| name.to_string_lossy().into_owned()).filter(|name| name != "-");
    if let Some(target) = &common.target {
        journey.base_url.clone_from(target);
    }
    if let Some(name) = &common.name {
        journey.name.clone_from(name);
    } else if journey.name.is_empty() {
        let stem = Path::new(file.as_deref().unwrap_or("imported")).file_stem();
        journey.name = stem.map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    }
    let origin = file.unwrap_or_else(|| "standard input".to_owned());
    journey.head.insert(
        0,
        format!("Imported from {origin}; yours to change. What scenarios can hold: loadgen schema"),
    );
    output::finish(&journey, common)?;
    Ok(Exit::Pass)
}
