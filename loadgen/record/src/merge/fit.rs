use crate::{Host, Merged, MergedPart, Part, Record, RecordError, Run, State};

/// Checks that `parts` are the parts of one run, and gives the run they make together, as one that goes on, and the parts
/// in order of index.
///
/// # Errors
/// They are not; or, unless `partial`, one is missing.
pub fn whole(mut parts: Vec<Record>, partial: bool) -> Result<(Run, Vec<Record>), RecordError> {
    let unfit = |why: String| Err(RecordError::Unfit(why));
    for record in &parts {
        if record.run.part.is_none() {
            let folder = record.folder.display();
            return unfit(format!(
                "{folder} is no part of a run: only records made with --shard I/N can be merged"
            ));
        }
    }
    let of_record = |record: &Record| record.run.part.as_ref().map_or((0, 0), |part| (part.index, part.of));
    parts.sort_by_key(of_record);
    let Some(first) = parts.first() else { return unfit("there is no record to merge".to_owned()) };
    for record in &parts[1..] {
        if let Some(why) = differ(&first.run, &record.run) {
            let (one, other) = (first.folder.display(), record.folder.display());
            return unfit(format!("{one} and {other} are not parts of one run: {why}"));
        }
    }
    if let Some(pair) = parts.windows(2).find(|pair| of_record(&pair[0]) == of_record(&pair[1])) {
        let (index, of) = of_record(&pair[0]);
        let (one, other) = (pair[0].folder.display(), pair[1].folder.display());
        return unfit(format!("part {index} of {of} is there twice: {one} and {other}"));
    }
    let Some(Part { of, stages, max_users, .. }) = first.run.part.clone() else {
        return unfit(format!("{} is no part of a run", first.folder.display()));
    };
    let there: Vec<u64> = parts.iter().map(|record| of_record(record).0).collect();
    let missing: Vec<u64> = (0..of).filter(|index| !there.contains(index)).collect();
    if !missing.is_empty() && !partial {
        let listed: Vec<String> = missing.iter().map(u64::to_string).collect();
        return unfit(format!(
            "part {} of {of} is missing; name its record too, or merge without it by --partial, which gives no verdict",
            listed.join(", ")
        ));
    }
    let mut run = Run {
        state: State::Running,
        end: None,
        stages,
        max_users,
        part: None,
        totals: None,
        judgement: None,
        ..first.run.clone()
    };
    for record in &parts[1..] {
        for value in &record.run.observed {
            if !run.observed.contains(value) {
                run.observed.push(value.clone());
            }
        }
    }
    finish(&mut run, &parts, |_| Ok(0.0))?;
    run.state = State::Running;
    run.end = None;
    Ok((run, parts))
}

/// What keeps two parts from being of one run.
fn differ(one: &Run, other: &Run) -> Option<String> {
    let part = |run: &Run| run.part.as_ref().map(|part| (part.of, part.stages.clone(), part.max_users));
    if one.scenario.sha256 != other.scenario.sha256 {
        return Some("they ran different scenarios, or with different settings".to_owned());
    }
    if one.seed != other.seed {
        return Some(format!(
            "their seeds are {} and {}; give each part the same --seed",
            one.seed, other.seed
        ));
    }
    if part(one) != part(other) || one.warm_up_s != other.warm_up_s || one.model != other.model {
        return Some("their loads were cut differently".to_owned());
    }
    if one.start != other.start {
        return Some(format!(
            "they began at {} and {}; give each part the same --start-at",
            one.start, other.start
        ));
    }
    (one.generator != other.generator).then(|| {
        format!("they were made by loadgen {} and {}", one.generator.version, other.generator.version)
    })
}

/// Writes into the merged `run` what is known once its `parts` have ended: how far each came, on which machines, and when.
///
/// # Errors
/// A part's record is damaged.
pub fn finished(run: &mut Run, parts: &[Record]) -> Result<(), RecordError> {
    finish(run, parts, |record| Ok(record.conclude()?.0.generator.cpu_cores))
}

fn finish(
    run: &mut Run,
    parts: &[Record],
    cpu_cores: impl Fn(&Record) -> Result<f64, RecordError>,
) -> Result<(), RecordError> {
    let mut merged = Merged { of: 0, parts: Vec::new(), hosts: Vec::new() };
    for record in parts {
        let part = &record.run;
        let same = |host: &Host| {
            Host { open_files_limit: 0, ..host.clone() } == Host { open_files_limit: 0, ..part.host.clone() }
        };
        let host = match merged.hosts.iter_mut().position(|host| same(host)) {
            // Each process has a limit of its own.
            Some(known) => {
                merged.hosts[known].open_files_limit += part.host.open_files_limit;
                known
            }
            None => {
                merged.hosts.push(part.host.clone());
                merged.hosts.len() - 1
            }
        };
        let (index, of) = part.part.as_ref().map_or((0, 0), |part| (part.index, part.of));
        merged.of = of;
        merged.parts.push(MergedPart {
            index,
            state: part.state,
            recorded_s: record.recorded_s(),
            cpu_cores: cpu_cores(record)?,
            host,
        });
        for caveat in &part.caveats {
            if !run.caveats.contains(caveat) {
                run.caveats.push(caveat.clone());
            }
        }
    }
    run.host = together(&merged.hosts);
    run.state = state(merged.parts.iter().map(|part| part.state));
    // One format and time zone, so that the order of the text is the order of time.
    run.end = parts.iter().filter_map(|part| part.run.end.clone()).max();
    run.merged = Some(merged);
    Ok(())
}

/// Several machines as one.
fn together(hosts: &[Host]) -> Host {
    if let [host] = hosts {
        return host.clone();
    }
    let listed = |of: fn(&Host) -> &String| {
        let mut texts: Vec<&str> = hosts.iter().map(|host| of(host).as_str()).collect();
        texts.sort_unstable();
        texts.dedup();
        texts.join(", ")
    };
    Host {
        machine: String::new(),
        cpu: format!("{} machines: {}", hosts.len(), listed(|host| &host.cpu)),
        cores: hosts.iter().map(|host| host.cores).sum(),
        memory_bytes: hosts.iter().map(|host| host.memory_bytes).sum(),
        kernel: listed(|host| &host.kernel),
        open_files_limit: hosts.iter().map(|host| host.open_files_limit).sum(),
    }
}

/// How far parts came together: a killed one among others that went on is not the end of the run, and is told apart.
fn state(parts: impl Iterator<Item = State>) -> State {
    let parts: Vec<State> = parts.collect();
    let order = [State::Interrupted, State::Aborted, State::Finished];
    order.into_iter().find(|state| parts.contains(state)).unwrap_or(State::Running)
}
