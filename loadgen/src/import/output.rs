//! What comes out: the scenario and its data files, written only after the reader of scenarios has agreed to them.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use super::{
    journey::{Data, Journey},
    options::Common,
    write,
};
use crate::{
    outputs,
    plan::{self, Overrides},
    stop::Stop,
};

/// Checks the journey as a scenario, writes it and its data files, and tells what there is to tell.
pub fn finish(journey: &Journey, options: &Common) -> Result<(), Stop> {
    let names = Names::of(options);
    let text = write::scenario(journey, &|data| names.data_file(data));
    let plan = check(journey, &names, &text)?;
    let scenario = options.out.clone();
    let data: Vec<PathBuf> =
        journey.data.iter().map(|data| names.folder.join(names.data_file(data))).collect();
    if !options.force {
        refuse_to_replace(scenario.iter().chain(&data))?;
    }
    for (data, path) in journey.data.iter().zip(&data) {
        private(path, &csv_text(data))?;
    }
    match &scenario {
        Some(path) => fs::write(path, &text).map_err(|error| unwritable(path, &error))?,
        None => outputs::print(&text)?,
    }
    for note in &journey.notes {
        eprintln!("{note}");
    }
    for (data, path) in journey.data.iter().zip(&data) {
        eprintln!(
            "{}: {} ({}), readable by you alone",
            path.display(),
            write::count(data.rows.len(), "row", "rows"),
            data.columns.join(", ")
        );
    }
    if let Some(path) = &scenario {
        let requests = write::count(plan.requests.len(), "named request", "named requests");
        let flows = write::count(plan.flows.len(), "flow", "flows");
        let shown = path.display();
        eprintln!(
            "{shown}: {flows}, {requests}. Look at it, then: loadgen check {shown} · loadgen once {shown}"
        );
    }
    Ok(())
}

/// The journey as a scenario, if loadgen would run it.
#[cfg(test)]
pub fn checked(journey: &Journey) -> Result<plan::Plan, Stop> {
    let names = Names { folder: PathBuf::new(), stem: "x".to_owned() };
    check(journey, &names, &write::scenario(journey, &|data| names.data_file(data)))
}

/// Where data files go and what they are called.
struct Names {
    folder: PathBuf,
    stem: String,
}

impl Names {
    fn of(options: &Common) -> Self {
        let stem_of = |path: &Path| path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let (folder, stem) = match &options.out {
            Some(out) => (out.parent().map(Path::to_owned).unwrap_or_default(), stem_of(out)),
            None => (PathBuf::new(), stem_of(&options.file).filter(|stem| stem != "-")),
        };
        Self { folder, stem: stem.unwrap_or_else(|| "imported".to_owned()) }
    }

    fn data_file(&self, data: &Data) -> String {
        format!("{}.{}.csv", self.stem, data.set)
    }
}

/// Loads the scenario as every other command would, out of a folder of its own.
fn check(journey: &Journey, names: &Names, text: &str) -> Result<plan::Plan, Stop> {
    let folder = tempfile::tempdir()?;
    for data in &journey.data {
        private(&folder.path().join(names.data_file(data)), &csv_text(data))?;
    }
    let file = folder.path().join("imported.yaml");
    fs::write(&file, text)?;
    plan::load(&file, &Overrides::default()).map_err(|error| {
        Stop::Internal(format!(
            "the scenario that was made is not one that loadgen runs; this is a mistake of the import, nothing was \
             written:\n{error}"
        ))
    })
}

fn csv_text(data: &Data) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Writing into a Vec cannot fail, and every row has a cell for each column.
    let _ = writer.write_record(&data.columns);
    for row in &data.rows {
        let _ = writer.write_record(row);
    }
    writer.into_inner().unwrap_or_default()
}

/// Writes a file that only its owner may read, replacing what is there.
fn private(path: &Path, bytes: &[u8]) -> Result<(), Stop> {
    let _ = fs::remove_file(path);
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    opened.and_then(|mut file| file.write_all(bytes)).map_err(|error| unwritable(path, &error))
}

fn refuse_to_replace<'a>(files: impl Iterator<Item = &'a PathBuf>) -> Result<(), Stop> {
    let there: Vec<String> =
        files.filter(|path| path.exists()).map(|path| format!("`{}`", path.display())).collect();
    if there.is_empty() {
        return Ok(());
    }
    let exist = if there.len() == 1 { "exists" } else { "exist" };
    Err(Stop::Usage(format!(
        "{} {exist} already; --force replaces, --out writes elsewhere",
        there.join(", ")
    )))
}

fn unwritable(path: &Path, error: &std::io::Error) -> Stop {
    Stop::Usage(format!("cannot write `{}`: {error}", path.display()))
}
