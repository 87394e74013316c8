//! A fresh database cluster, made once on this machine and copied for every server: `initdb` takes seconds, a copy a tenth.

use std::fs::{self, File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use super::account::{Account, give, run_as};
use super::{PASSWORD, USER, finished};
use crate::folder::{readable, shelf};

/// Raised whenever what is in a fresh cluster changes.
const VERSION: u32 = 1;
/// Read after PostgreSQL's own settings, written anew before every start.
pub const SETTINGS: &str = "stack.conf";

/// Puts a fresh cluster into `data`, which must not exist. It has the role [`USER`], who owns nothing yet and may make
/// databases, copy the server and read its statistics.
///
/// # Errors
/// `initdb` or the copying fails.
pub fn copy_to(data: &Path, programs: &Path, account: Option<Account>) -> Result<()> {
    let template = template(programs, account)?;
    let mut copy = Command::new("cp");
    finished(copy.args(["-a", "--reflink=auto"]).arg(template).arg(data), "copying a fresh cluster")?;
    Ok(())
}

/// The cluster that is copied; made now if it is not there yet.
fn template(programs: &Path, account: Option<Account>) -> Result<PathBuf> {
    let shelf = shelf()?;
    let version =
        finished(Command::new(programs.join("postgres")).arg("--version"), "asking PostgreSQL's version")?;
    let number = version.split_whitespace().nth(2).unwrap_or("unknown");
    let template = shelf.join(format!("postgres-{number}-{VERSION}"));
    let lock = File::create(shelf.join("postgres.lock")).context("opening the templates' lock")?;
    lock.lock().context("waiting for the templates' lock")?;
    if !template.exists() {
        let draft = tempfile::Builder::new().prefix("draft-").tempdir_in(&shelf)?;
        readable(draft.path())?;
        let data = draft.path().join("data");
        make(&data, draft.path(), programs, account)?;
        fs::rename(&data, &template).context("keeping the fresh cluster")?;
    }
    Ok(template)
}

fn make(data: &Path, draft: &Path, programs: &Path, account: Option<Account>) -> Result<()> {
    fs::create_dir(data)?;
    fs::set_permissions(data, Permissions::from_mode(0o700))?;
    give(data, account)?;
    let password = draft.join("password");
    fs::write(&password, PASSWORD)?;
    let mut initdb = Command::new(programs.join("initdb"));
    run_as(&mut initdb, account).arg("-D").arg(data).arg("--pwfile").arg(&password);
    initdb.args(["-U", "postgres", "-A", "scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]);
    finished(&mut initdb, "initdb")?;

    // Without a server: one statement a line.
    let mut single = Command::new(programs.join("postgres"));
    run_as(&mut single, account).arg("--single").arg("-D").arg(data);
    single.args(["-c", "exit_on_error=on", "-c", "fsync=off", "template1"]);
    single.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut single = single.spawn().context("starting PostgreSQL in single-user mode")?;
    let mut statements = single.stdin.take().context("its standard input is piped")?;
    write!(
        statements,
        "CREATE ROLE {USER} LOGIN CREATEDB REPLICATION PASSWORD '{PASSWORD}'\n\
         GRANT pg_monitor TO {USER}\n\
         CREATE EXTENSION pg_stat_statements\n"
    )?;
    drop(statements);
    let ended = single.wait_with_output()?;
    if !ended.status.success() {
        bail!("preparing a fresh cluster: {}", String::from_utf8_lossy(&ended.stderr).trim());
    }
    let mut settings = File::options().append(true).open(data.join("postgresql.conf"))?;
    writeln!(settings, "\ninclude = '{SETTINGS}'")?;
    Ok(())
}
