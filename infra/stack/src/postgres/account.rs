//! The user that PostgreSQL runs as: it refuses to be root.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

/// A user of this machine by numbers.
#[derive(Clone, Copy, Debug)]
pub struct Account {
    user: u32,
    group: u32,
}

impl Account {
    /// Whom to be instead of root; `None` where this process is somebody else already.
    ///
    /// # Errors
    /// This is root and there is no user `postgres`, which Debian's package makes.
    pub fn to_be() -> Result<Option<Self>> {
        // SAFETY: geteuid takes nothing and always succeeds.
        if unsafe { libc::geteuid() } != 0 {
            return Ok(None);
        }
        let users = fs::read_to_string("/etc/passwd").context("reading /etc/passwd")?;
        let found = find(&users, "postgres");
        let found = found.context(
            "PostgreSQL refuses to run as root, and there is no user `postgres` to run it as; \
             install with: infra/setup.sh postgres",
        )?;
        Ok(Some(found))
    }
}

fn find(passwd: &str, name: &str) -> Option<Account> {
    let mut fields = passwd.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?.split(':');
    // What followed the name: password, user, group.
    let (user, group) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(Account { user, group })
}

/// Has `command` run as that user, in a folder that everybody may read.
pub fn run_as(command: &mut Command, account: Option<Account>) -> &mut Command {
    command.current_dir("/");
    match account {
        Some(account) => command.uid(account.user).gid(account.group),
        None => command,
    }
}

/// Makes that user the owner of `path`.
///
/// # Errors
/// The file system refuses.
pub fn give(path: &Path, account: Option<Account>) -> Result<()> {
    let Some(account) = account else { return Ok(()) };
    chown(path, Some(account.user), Some(account.group))
        .with_context(|| format!("giving {} to PostgreSQL's user", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_its_whole_name() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\npostgresql:x:7:8::/:/bin/sh\npostgres:x:105:109:PostgreSQL:/var:/bin/bash\n";
        let found = find(passwd, "postgres").unwrap();
        assert_eq!((found.user, found.group), (105, 109));
        assert!(find(passwd, "nobody").is_none());
    }
}
