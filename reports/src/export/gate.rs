use super::{github, json, junit, junits, markdown, markdowns, table, tables};
use crate::{
    failure::Failure,
    gate::{Decision, Decisions},
};

/// What a gate says, in every form.
pub struct Documents {
    /// For a terminal.
    pub table: String,
    /// JUnit XML.
    pub junit: String,
    /// Markdown.
    pub markdown: String,
    /// JSON.
    pub json: String,
    /// Workflow commands of GitHub.
    pub github: String,
}

/// A decision in every form.
///
/// # Errors
/// Never: all are written to memory.
pub fn gate(decision: &Decision) -> Result<Documents, Failure> {
    Ok(Documents {
        table: table(decision),
        junit: junit(decision)?,
        markdown: markdown(decision),
        json: json(decision)?,
        github: github(decision),
    })
}

/// Several decisions in every form.
///
/// # Errors
/// Never: all are written to memory.
pub fn gates(decisions: &Decisions) -> Result<Documents, Failure> {
    let each = decisions.runs.iter().map(|(_, decision)| github(decision));
    let together = github::together(decisions);
    Ok(Documents {
        table: tables(decisions),
        junit: junits(decisions)?,
        markdown: markdowns(decisions),
        json: json(decisions)?,
        github: each.collect::<String>() + &together,
    })
}
