use serde::Serialize;

use crate::failure::Failure;

/// A document as indented JSON with a line end.
///
/// # Errors
/// Never for the documents of this program, whose keys are all text.
pub fn json(document: &impl Serialize) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(document).map_err(Failure::internal)?;
    Ok(text + "\n")
}
