//! What is known of a deployment from outside its process: one file each.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use stack::process::started_ticks;
use stack::topology::{Entry, Phase};

/// A deployment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    /// Tells it apart from others.
    pub name: String,
    /// How far it has grown.
    pub phase: Phase,
    /// The process that keeps it.
    pub pid: u32,
    /// When that process started, in the kernel's ticks since boot: an id may be given again, the two together are not.
    pub started_ticks: u64,
    /// Where clients find it; nothing while it is starting.
    pub url: Option<String>,
    /// E-mails, passwords and tokens of the users it was filled with.
    pub accounts: Option<PathBuf>,
    /// What runs where.
    pub entries: Vec<Entry>,
}

impl State {
    /// One that is starting, kept by this process.
    pub fn starting(name: &str, phase: Phase) -> Self {
        let pid = std::process::id();
        let started_ticks = started_ticks(pid).unwrap_or(0);
        Self {
            name: name.to_owned(),
            phase,
            pid,
            started_ticks,
            url: None,
            accounts: None,
            entries: Vec::new(),
        }
    }

    /// The deployment called `name`, if its process is there. What a process left that is gone is removed.
    ///
    /// # Errors
    /// The file is there and cannot be read.
    pub fn running(name: &str) -> Result<Option<Self>> {
        let file = file(name)?;
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("reading {}", file.display())),
        };
        let state: Self = serde_json::from_str(&text)
            .with_context(|| format!("{} is damaged; remove it", file.display()))?;
        if state.is_there() {
            return Ok(Some(state));
        }
        forget(name)?;
        Ok(None)
    }

    /// Whether the process that keeps it is there.
    pub fn is_there(&self) -> bool {
        started_ticks(self.pid) == Some(self.started_ticks)
    }

    /// Writes it for others to find; readable by this user alone.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn keep(&self) -> Result<()> {
        let file = file(&self.name)?;
        let folder = file.parent().context("a file lies in a folder")?;
        let mut draft = tempfile::NamedTempFile::new_in(folder)?;
        draft.write_all(&serde_json::to_vec_pretty(self)?)?;
        draft.persist(&file).with_context(|| format!("writing {}", file.display()))?;
        Ok(())
    }
}

/// Removes what is known of `name`.
///
/// # Errors
/// The file is there and cannot be removed.
pub fn forget(name: &str) -> Result<()> {
    match fs::remove_file(file(name)?) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// Holds the name for as long as the file is open, so that of two deployments of one name only one starts.
///
/// # Errors
/// It is held by another process.
pub fn claim(name: &str) -> Result<File> {
    let path = file(name)?.with_extension("lock");
    let lock = File::create(&path).with_context(|| format!("opening {}", path.display()))?;
    let held = lock.try_lock();
    held.map_err(|_| anyhow::anyhow!(
        "a deployment named `{name}` runs already: `stack status` shows it, `stack down` stops it, --name tells another apart"
    ))?;
    Ok(lock)
}

/// The file about `name`.
pub fn file(name: &str) -> Result<PathBuf> {
    Ok(stack::shelf()?.join(format!("{name}.json")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_there_and_another_with_its_id_is_not() {
        let state = State::starting("test", Phase::Single);
        assert!(state.is_there());
        assert!(!State { started_ticks: state.started_ticks + 1, ..state }.is_there(), "another's id");
    }
}
