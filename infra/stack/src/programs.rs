//! Where the servers' programs are, and what to install when they are missing.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

/// A program that somebody else makes: how it is called, the folders beside PATH where Debian keeps it (`*` stands for
/// versions, of which the highest is taken), and the name under which `infra/setup.sh` installs it.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    name: &'static str,
    folders: &'static [&'static str],
    setup: &'static str,
}

const POSTGRES_FOLDERS: &[&str] = &["/usr/lib/postgresql/*/bin"];
const SYSTEM: &[&str] = &["/usr/sbin", "/usr/local/sbin"];

/// PostgreSQL's server; its other programs lie in the same folder.
pub const POSTGRES: Program = Program { name: "postgres", folders: POSTGRES_FOLDERS, setup: "postgres" };
/// Redis's server, also of a cluster.
pub const REDIS: Program = Program { name: "redis-server", folders: SYSTEM, setup: "redis-server" };
/// RabbitMQ's own start script: the one on the PATH changes the user and forgets the environment.
pub const RABBITMQ: Program =
    Program { name: "rabbitmq-server", folders: &["/usr/lib/rabbitmq/bin"], setup: "rabbitmq-server" };
/// The name server of Erlang's nodes, which comes with RabbitMQ.
pub const EPMD: Program = Program { name: "epmd", folders: SYSTEM, setup: "rabbitmq-server" };
/// nginx.
pub const NGINX: Program = Program { name: "nginx", folders: SYSTEM, setup: "nginx" };
/// Prometheus.
pub const PROMETHEUS: Program = Program { name: "prometheus", folders: SYSTEM, setup: "prometheus" };

/// PostgreSQL's figures for Prometheus.
pub const POSTGRES_EXPORTER: Program = exporter("prometheus-postgres-exporter");
/// Redis's figures for Prometheus.
pub const REDIS_EXPORTER: Program = exporter("prometheus-redis-exporter");
/// nginx's figures for Prometheus.
pub const NGINX_EXPORTER: Program = exporter("prometheus-nginx-exporter");

const fn exporter(name: &'static str) -> Program {
    Program { name, folders: SYSTEM, setup: name }
}

impl Program {
    /// Its path.
    ///
    /// # Errors
    /// It is not installed; the message says how to install it.
    pub fn find(self) -> Result<PathBuf> {
        match self.path() {
            Some(path) => Ok(path),
            None => bail!("{}", missing(&[self])),
        }
    }

    fn path(self) -> Option<PathBuf> {
        let there = |folder: PathBuf| Some(folder.join(self.name)).filter(|path| path.is_file());
        // Debian's folders first: what is on the PATH may be a wrapper that does more than start the program.
        let kept = self.folders.iter().flat_map(|folder| versions(folder)).find_map(there);
        kept.or_else(|| std::env::split_paths(&std::env::var_os("PATH")?).find_map(there))
    }
}

/// Makes sure that all of `programs` are installed.
///
/// # Errors
/// Some are not: one message names all of them and how to install them.
pub fn require(programs: &[Program]) -> Result<()> {
    let absent: Vec<Program> = programs.iter().copied().filter(|it| it.path().is_none()).collect();
    if absent.is_empty() {
        return Ok(());
    }
    bail!("{}", missing(&absent))
}

fn missing(programs: &[Program]) -> String {
    let list = |name: fn(&Program) -> &'static str, between: &str| {
        let mut names: Vec<&str> = programs.iter().map(name).collect();
        names.dedup();
        names.join(between)
    };
    let (names, setup) = (list(|it| it.name, ", "), list(|it| it.setup, " "));
    let verb = if programs.len() == 1 { "is" } else { "are" };
    format!("{names} {verb} not installed; install with: infra/setup.sh {setup}")
}

/// The folders that `pattern` stands for, the highest version first.
fn versions(pattern: &str) -> Vec<PathBuf> {
    let Some((before, after)) = pattern.split_once('*') else { return vec![PathBuf::from(pattern)] };
    let Ok(entries) = Path::new(before).read_dir() else { return Vec::new() };
    let mut found: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let version = path.file_name()?.to_str()?.parse().ok()?;
            Some((version, path.join(after.trim_start_matches('/'))))
        })
        .collect();
    found.sort_unstable_by_key(|(version, _)| std::cmp::Reverse(*version));
    found.into_iter().map(|(_, path)| path).collect()
}

/// A program of this workspace, built beside the one that runs.
///
/// # Errors
/// It has not been built.
pub fn built(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe().context("the path of the running program")?;
    let mut folder = own.parent().context("a program lies in a folder")?;
    // Tests lie in deps/, examples in examples/.
    if folder.ends_with("deps") || folder.ends_with("examples") {
        folder = folder.parent().context("deps/ lies in the build folder")?;
    }
    let path = folder.join(name);
    if !path.is_file() {
        bail!("{} is not there; build it with: cargo build -p {name}", path.display());
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_message_names_everything_that_is_missing_and_how_to_install_it() {
        const NOWHERE: Program = Program { name: "no-such-server", folders: SYSTEM, setup: "no-such-server" };
        const NEITHER: Program =
            Program { name: "no-such-tool", folders: POSTGRES_FOLDERS, setup: "no-such-server" };
        let said = require(&[NOWHERE, NEITHER]).unwrap_err().to_string();
        assert_eq!(
            said,
            "no-such-server, no-such-tool are not installed; install with: infra/setup.sh no-such-server"
        );
        assert!(NOWHERE.find().unwrap_err().to_string().starts_with("no-such-server is not installed"));
    }

    #[test]
    fn of_several_versions_the_highest_comes_first_by_number() {
        let folder = tempfile::tempdir().unwrap();
        for version in ["9", "15", "14", "notes"] {
            std::fs::create_dir_all(folder.path().join(version).join("bin")).unwrap();
        }
        let pattern = format!("{}/*/bin", folder.path().display());
        let expected: Vec<PathBuf> =
            ["15", "14", "9"].iter().map(|it| folder.path().join(it).join("bin")).collect();
        assert_eq!(versions(&pattern), expected);
    }
}
