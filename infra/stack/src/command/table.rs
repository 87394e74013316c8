//! What runs where, for people.

use comfy_table::{Table, presets};
use stack::process::is_alive;
use stack::topology::Entry;

use super::state::State;

/// The table of all servers, and below it what one does with them.
pub fn show(state: &State) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["", "url", "pid", "log"]);
    for Entry { name, url, pid, log } in &state.entries {
        let pid = if is_alive(*pid) { pid.to_string() } else { "down".to_owned() };
        table.add_row([name, url, &pid, log]);
    }
    let rows: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    let mut text = rows.join("\n");
    if let Some(url) = &state.url {
        text += &format!("\n\n{} is at {url}", state.name());
    }
    if let Some(accounts) = &state.accounts {
        text += &format!("\nusers with live tokens: {}", accounts.display());
    }
    text
}

impl State {
    fn name(&self) -> String {
        format!("{:?}", self.phase).to_lowercase()
    }
}
