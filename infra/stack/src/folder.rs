//! A server's own folder.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;

/// A temporary folder that is removed with what it belongs to. Servers that refuse to be root may go through it.
///
/// # Errors
/// The folder for temporary files cannot be written.
pub fn temporary(what: &str) -> Result<TempDir> {
    let folder = tempfile::Builder::new().prefix(&format!("stack-{what}-")).tempdir();
    let folder = folder.context("making a temporary folder")?;
    readable(folder.path())?;
    Ok(folder)
}

/// Lets every user read `folder`, though only its owner may change it.
///
/// # Errors
/// It belongs to somebody else.
pub fn readable(folder: &Path) -> Result<()> {
    fs::set_permissions(folder, Permissions::from_mode(0o755))
        .with_context(|| format!("opening {} for reading", folder.display()))
}

/// A folder of this user's for what outlives a deployment: fresh clusters to copy, and what runs where.
///
/// # Errors
/// It cannot be made, or somebody else has made it.
pub fn shelf() -> Result<PathBuf> {
    // SAFETY: geteuid takes nothing and always succeeds.
    let user = unsafe { libc::geteuid() };
    let shelf = std::env::temp_dir().join(format!("headroom-stack-{user}"));
    if let Err(error) = fs::create_dir(&shelf)
        && error.kind() != std::io::ErrorKind::AlreadyExists
    {
        return Err(error).with_context(|| format!("making {}", shelf.display()));
    }
    let there = fs::symlink_metadata(&shelf)?;
    if !there.is_dir() || there.uid() != user {
        bail!("{} is there and belongs to somebody else; remove it", shelf.display());
    }
    readable(&shelf)?;
    Ok(shelf)
}
