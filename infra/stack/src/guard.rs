//! What ends a server and removes its folder when the process that started it is gone and could not do so itself.
//!
//! A shell waits for the end of a pipe whose other end this process holds. However this process ends, the pipe ends with
//! it, and the shell ends the server. (The kernel's own signal for the purpose would come with the end of the *thread* that
//! started the server, and is forgotten when a program changes its user.)

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result};

/// `$1` process group or 0, `$2` signal that ends it, `$3` folder to remove or nothing.
const WATCH: &str = r#"
read -r word
[ "$word" = done ] && exit 0
if [ "$1" -gt 1 ]; then
  kill -s "$2" -- "-$1" 2>/dev/null
  for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    kill -s 0 -- "-$1" 2>/dev/null || break
    sleep 0.1
  done
  kill -s KILL -- "-$1" 2>/dev/null
else
  # What writes there is being ended by watches of its own.
  sleep 1
fi
[ -n "$3" ] && rm -rf -- "$3"
"#;

/// A watch over a process group and a folder.
#[derive(Debug)]
pub struct Guard {
    shell: Child,
}

impl Guard {
    /// Ends process group `group` with `signal` (a number), then removes `folder`, once this process is gone.
    ///
    /// # Errors
    /// No shell can be started.
    pub fn over(group: u32, signal: i32, folder: Option<&Path>) -> Result<Self> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", WATCH, "sh", &group.to_string(), &signal.to_string()]);
        command.arg(folder.unwrap_or(Path::new("")));
        // A group of its own: what interrupts this process from a terminal must not end its watch.
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let shell = command.current_dir("/").spawn().context("starting /bin/sh to watch over a server")?;
        Ok(Self { shell })
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // A shell that is gone has nothing left to do either.
        if let Some(mut pipe) = self.shell.stdin.take() {
            let _ = pipe.write_all(b"done\n");
        }
        let _ = self.shell.wait();
    }
}
