use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use harness::{
    loadgen::Loadgen,
    process::{Ended, program, repository, run},
    servers::{Server, known},
};

const SCENARIO: &str = "
version: 1
name: a record to be damaged
load: { arrivals: { process: poisson, max_in_flight: 20, stages: [ { hold: 8s, rate: 100/s } ] }, warm_up: 1s }
flows:
  - name: good
    steps: [ { get: /json, name: good } ]
budgets:
  - { p95: 2s }
";

fn copy(from: &Path, to: &Path) -> Result<PathBuf> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(to.to_path_buf())
}

/// Every command that reads a record, on `record`, with the file it would write.
fn commands(record: &Path, good: &Path, out: &Path) -> Result<Vec<(&'static str, Command)>> {
    let folder = out.parent().context("a file lies in a folder")?;
    let plan = folder.join("plan.yaml");
    let service = format!("{{ record: {:?} }}", record.display().to_string());
    fs::write(
        &plan,
        format!(
            "version: 1\nname: p\nload: {{ mean: 5/s, step: 4h, sample: 2s, settle: 1s }}\nreplications: 2\n\
             api: {{ instances: 1, workers: 2, service: {service} }}\nfaults: []\n"
        ),
    )?;
    let command = |arguments: &[&dyn AsRef<std::ffi::OsStr>]| -> Result<Command> {
        let mut command = Command::new(program("reports")?);
        command.args(arguments.iter().map(|argument| argument.as_ref()));
        Ok(command)
    };
    Ok(vec![
        ("html", command(&[&"html", &record, &"--out", &out])?),
        ("gate", command(&[&"gate", &record, &"--junit", &out])?),
        ("gate of two", command(&[&"gate", &good, &record, &"--markdown", &out])?),
        ("compare", command(&[&"compare", &good, &"--with", &record, &"--markdown", &out])?),
        ("claims", command(&[&"claims", &record, &"--out", &out])?),
        ("simulate", command(&[&"simulate", &plan, &"--out", &out])?),
        ("fit", command(&[&"fit", &record])?),
        ("accept", command(&[&"accept", &record, &"--store", &out])?),
    ])
}

/// Damages one file of a copy of `good`.
fn damaged(good: &Path, name: &str, file: &str, change: impl Fn(&str) -> String) -> Result<PathBuf> {
    let folder = copy(good, &good.with_file_name(name.replace(' ', "-")))?;
    let path = folder.join(file);
    fs::write(&path, change(&fs::read_to_string(&path)?))?;
    Ok(folder)
}

fn replaced(text: &str, line: usize, change: impl Fn(&str) -> String) -> String {
    let lines = text.lines().enumerate();
    lines.map(|(at, it)| if at == line { change(it) } else { it.to_owned() } + "\n").collect()
}

#[test]
fn a_damaged_record_gets_one_clear_message_and_never_a_page() -> Result<()> {
    let server = Server::start(known(&Default::default()))?;
    let finished = Loadgen::run(SCENARIO, &server.url())?.finish()?;
    // Whether this machine had time for it is no matter here.
    let folder = tempfile::tempdir()?;
    let good = copy(&finished.record_folder(), &folder.path().join("good"))?;
    let empty = folder.path().join("empty-folder");
    fs::create_dir(&empty)?;
    let half = |text: &str| text[..text.len() / 2].to_owned();
    let columns = |line: &str, at: usize, value: &str| {
        let mut cells: Vec<&str> = line.split(',').collect();
        cells[at] = value;
        cells.join(",")
    };
    let header = fs::read_to_string(good.join("series.csv"))?;
    let cores = header.lines().next().context("a header")?.split(',').position(|it| it == "cpu_cores");
    let cores = cores.context("a column of cores")?;
    let only_header = |text: &str| text.lines().next().unwrap_or_default().to_owned() + "\n";
    let records = [
        ("truncated", damaged(&good, "truncated", "run.json", half)?, 2, "run.json"),
        (
            "of a newer version",
            damaged(&good, "newer", "run.json", |it| it.replace("headroom.run/1", "headroom.run/2"))?,
            2,
            "headroom.run/2",
        ),
        ("an empty folder", empty, 2, "no run record"),
        ("an empty file", damaged(&good, "empty file", "run.json", |_| String::new())?, 2, "run.json"),
        (
            "a NaN",
            damaged(&good, "nan", "series.csv", |it| replaced(it, 3, |line| columns(line, cores, "NaN")))?,
            2,
            "series.csv:4",
        ),
        (
            "a clock step",
            damaged(&good, "clock", "series.csv", |it| replaced(it, 5, |line| columns(line, 0, "1")))?,
            2,
            "second 1 follows second 3",
        ),
        (
            "letters for a number",
            damaged(&good, "letters", "series.csv", |it| replaced(it, 3, |line| columns(line, 1, "many")))?,
            2,
            "series.csv",
        ),
        (
            "nothing measured",
            {
                let folder = damaged(&good, "nothing", "series.csv", only_header)?;
                fs::write(folder.join("latency.hlog"), "")?;
                let _ = fs::remove_file(folder.join("totals.hlog"));
                let run = fs::read_to_string(folder.join("run.json"))?;
                let mut run: serde_json::Value = serde_json::from_str(&run)?;
                let fields = run.as_object_mut().context("an object")?;
                fields.remove("totals");
                fields.remove("judgement");
                fs::write(folder.join("run.json"), run.to_string())?;
                folder
            },
            13,
            "nothing was measured",
        ),
    ];
    for (what, record, code, says) in records {
        let out = folder.path().join("out");
        for (name, mut command) in commands(&record, &good, &out)? {
            let Ended { code: ended, stdout, stderr, .. } = run(&mut command)?;
            // A gate has its own word for a run without an answer, and so has what needs runs with a verdict.
            let may = [Some(code), Some(if code == 13 { 12 } else { code })];
            assert!(may.contains(&ended), "{name} of a record with {what} ended with {ended:?}: {stderr}");
            if code == 2 {
                assert_eq!(stderr.trim_end().lines().count(), 1, "{name}, {what}: {stderr}");
                assert!(stderr.contains(says), "{name}, {what}: {stderr}");
                assert!(!out.exists(), "{name} of a record with {what} left something behind");
            } else {
                assert!(!format!("{stdout}{stderr}").trim().is_empty(), "{name}, {what}: not a word");
            }
            if name == "html" {
                assert!(!out.exists() && stderr.contains(says), "{what}: {stderr}");
            }
            if out.is_dir() {
                fs::remove_dir_all(&out)?;
            } else if out.exists() {
                fs::remove_file(&out)?;
            }
        }
    }

    // The log cut short leaves fewer answers timed than counted: the page says so.
    let cut = damaged(&good, "cut", "latency.hlog", |text| {
        let lines: Vec<&str> = text.lines().collect();
        lines[..lines.len() / 2].join("\n") + "\n"
    })?;
    let page = folder.path().join("cut.html");
    let ended = run(Command::new(program("reports")?).arg("html").arg(&cut).arg("--out").arg(&page))?;
    if ended.code == Some(0) {
        assert!(
            fs::read_to_string(&page)?.contains("Counted against timed does not hold"),
            "{}",
            ended.stderr
        );
    } else {
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    }
    Ok(())
}

#[test]
fn the_same_records_give_the_same_bytes_on_another_day_and_in_another_time_zone() -> Result<()> {
    let server = Server::start(known(&Default::default()))?;
    let finished = Loadgen::run(SCENARIO, &server.url())?.finish()?;
    let folder = tempfile::tempdir()?;
    let record = copy(&finished.record_folder(), &folder.path().join("record"))?;
    let plan = folder.path().join("plan.yaml");
    fs::write(
        &plan,
        "version: 1\nname: p\nload: { mean: 5/s, step: 4h, sample: 2s, settle: 1s }\nreplications: 2\n\
         api: { instances: 1, workers: 2, service: { record: record } }\nfaults: []\n",
    )?;
    let search = repository().join("reports/testdata/searches/first");
    let outputs = |zone: &str, when: &str| -> Result<Vec<Vec<u8>>> {
        for entry in fs::read_dir(&record)? {
            let ended = run(Command::new("touch").arg("-d").arg(when).arg(entry?.path()))?;
            anyhow::ensure!(ended.code == Some(0), "{}", ended.stderr);
        }
        let mut bytes = Vec::new();
        let jobs: [&[&str]; 9] = [
            &["html", "record", "--out", "-"],
            &["html", "record", "--json", "-", "--out", "page.html"],
            &["gate", "record", "--json"],
            &["claims", "record", "--json"],
            &["claims", "record", "--out", "-"],
            &["simulate", "plan.yaml", "--json"],
            &["simulate", "plan.yaml", "--out", "-"],
            &["fit", "search", "--json"],
            &["plan", "search", "--json", "-", "--out", "plan.html"],
        ];
        for arguments in jobs {
            let arguments =
                arguments.iter().map(|it| if *it == "search" { search.as_os_str() } else { it.as_ref() });
            let mut command = Command::new(program("reports")?);
            command.args(arguments).current_dir(folder.path()).env("TZ", zone).env("LC_ALL", "C");
            let ended = run(&mut command)?;
            assert!(ended.stdout.len() > 200, "{}", ended.stderr);
            bytes.push(ended.stdout.into_bytes());
        }
        for page in ["page.html", "plan.html"] {
            bytes.push(fs::read(folder.path().join(page))?);
        }
        Ok(bytes)
    };
    let here = outputs("UTC", "2026-01-01T00:00:00Z")?;
    let there = outputs("Asia/Tokyo", "2031-08-17T23:59:59Z")?;
    for (at, (here, there)) in here.iter().zip(&there).enumerate() {
        assert!(here == there, "output {at} differs");
    }
    Ok(())
}
