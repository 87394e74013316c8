//! The load: real `loadgen run` processes of this same program, on scenarios written here, so that what is proven is the
//! program as it is used.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use record::{Judgement, Record, Summary};

use super::interrupted;
use crate::stop::Stop;

/// How often the doctor looks whether a run has ended.
const GLANCE: Duration = Duration::from_millis(20);

/// What a run reported.
#[derive(Debug)]
pub struct Reported {
    /// Its record.
    pub record: Record,
    /// Its figures.
    pub summary: Summary,
    /// What it thinks of its own validity.
    pub judgement: Judgement,
}

/// A child that does not outlive the doctor.
struct Guarded(Child);

impl Drop for Guarded {
    fn drop(&mut self) {
        // One that has ended already is what is wanted.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs `scenario` with `seed` in `folder`, where its files are called `name`.
///
/// # Errors
/// It left no record, or the user stopped the doctor.
pub fn run(folder: &Path, name: &str, scenario: &str, seed: u64) -> Result<Reported, Stop> {
    let file = folder.join(format!("{name}.yaml"));
    let out = free(folder, name);
    let said = folder.join(format!("{name}.log"));
    fs::write(&file, scenario)?;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("run").arg(&file).arg("--out").arg(&out).args(["--seed", &seed.to_string()]);
    command.args(["--quiet", "--no-tui"]).current_dir(folder);
    // The doctor's scenarios name their target themselves.
    command.env_remove("LOADGEN_TARGET");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&said)?);
    let mut child = Guarded(command.spawn()?);
    let status = loop {
        if let Some(status) = child.0.try_wait()? {
            break status;
        }
        if interrupted() {
            return Err(Stop::Interrupted);
        }
        thread::sleep(GLANCE);
    };
    if interrupted() {
        return Err(Stop::Interrupted);
    }
    let failed = |why: String| {
        let said = fs::read_to_string(&said).unwrap_or_default();
        Stop::Internal(format!("`loadgen run` of {name} ended with {status}: {why}\n{}", said.trim()))
    };
    let record = Record::open(&out).map_err(|error| failed(error.to_string()))?;
    let (summary, judgement) = record.conclude()?;
    Ok(Reported { record, summary, judgement })
}

/// A folder for a record: a behaviour may be tried more than once.
fn free(folder: &Path, name: &str) -> PathBuf {
    let mut numbered = (1..).map(|n| folder.join(format!("{name}-{n}")));
    numbered.find(|path| !path.exists()).expect("there are endless numbers")
}
