//! What was counted, as flows by their share and stages by the hour.

use std::collections::{BTreeMap, HashMap};

use chrono::DateTime;
use record::unit::{show_count, show_number};

use super::{
    sessions::Sessions,
    tally::{GRAIN_S, Kind, Tally},
    visits, zipf,
};
use crate::import::{
    journey::{Action, Data, Flow, Journey, Load, Request, Stage, Step},
    naming::{Names, is_id},
    options::{AccessLog, Spacing},
    text::Text,
    write::seconds,
};

/// Flows are written for as many kinds of requests as make up this share, and for no more than [`MOST_FLOWS`].
const SHARE: f64 = 0.998;
const MOST_FLOWS: usize = 300;
/// No stage of a scenario may be longer, seconds.
const LONGEST_STAGE_S: f64 = 366.0 * 86_400.0;
/// No scenario may ask for more a second.
const HIGHEST_RATE: f64 = 1e8;
/// More stages than this are no longer a profile that anybody reads.
const MOST_STAGES: u64 = 5000;

/// The journey of a log.
pub fn journey(tally: Tally, options: &AccessLog) -> Result<Journey, String> {
    let Tally { kinds, span_s, lines, mut left_out, mut sessions } = tally;
    let Some(span) = span_s else { return Err(nothing(lines, &left_out)) };
    let mut kinds: Vec<((String, String), Kind)> = kinds.into_iter().collect();
    kinds.sort_by(|a, b| b.1.count.cmp(&a.1.count).then_with(|| a.0.cmp(&b.0)));
    if !options.with_failures && kinds.iter().any(|(_, kind)| kind.good > 0) {
        let failed: u64 = kinds.iter().filter(|(_, kind)| kind.good == 0).map(|(_, kind)| kind.count).sum();
        add(
            &mut left_out,
            "never answered below 400 (what scanners try); --with-failures takes them in",
            failed,
        );
        kinds.retain(|(_, kind)| kind.good > 0);
    }
    let all: u64 = kinds.iter().map(|(_, kind)| kind.count).sum();
    let mut taken = 0;
    let enough = kinds.iter().position(|(_, kind)| {
        let enough = taken as f64 >= SHARE * all as f64;
        taken += kind.count;
        enough
    });
    let rare = kinds.split_off(enough.unwrap_or(kinds.len()).clamp(1, MOST_FLOWS));
    add(
        &mut left_out,
        "of rare kinds, which would each be a flow of its own",
        rare.iter().map(|(_, it)| it.count).sum(),
    );

    let counted: u64 = kinds.iter().map(|(_, kind)| kind.count).sum();
    let stages = stages(&kinds, span, options)?;
    let mut data = Vec::new();
    let mut names = Names::default();
    let mut requests = Vec::new();
    for ((method, template), kind) in &kinds {
        let url = url(template, kind, &mut names, &mut data);
        let name = format!("{method} {template}");
        let mut step = Step::request(Request { method: method.clone(), url, name, ..Request::default() });
        if writes(method) {
            "A log holds no bodies: give this one its `json`, `form` or `body`."
                .clone_into(&mut step.comment);
        }
        requests.push((kind.count as f64, step));
    }
    let bodies = kinds.iter().any(|((method, _), _)| writes(method));
    if stages.iter().any(|stage| stage.rate > HIGHEST_RATE) {
        return Err("that is more than a hundred million requests a second; give less --speed or --amplify"
            .to_owned());
    }
    // No weight of a scenario may be above 1e9.
    let most = requests.first().map_or(0.0, |(count, _): &(f64, Step)| *count);
    if most > 1e9 {
        requests.iter_mut().for_each(|(count, _)| *count *= 1e9 / most);
    }
    let shape = shape(&mut sessions);
    let mut notes = vec![format!(
        "{} of {} lines, {} to {}: {} kinds of requests",
        number(counted),
        number(lines),
        moment(span.0),
        moment(span.1),
        requests.len()
    )];
    notes.extend(left_out.iter().map(|(reason, lines)| format!("left out {} {reason}", lines_of(*lines))));
    notes.push(shape.clone());
    if bodies {
        notes.push(
            "a log holds no bodies: the flows that write need theirs before they can succeed".to_owned(),
        );
    }
    if options.common.target.is_none() {
        notes.push(
            "a log does not say where the service is: --target sets it, now and in every run".to_owned(),
        );
    }
    let replay = if (options.speed, options.amplify) == (1.0, 1.0) {
        "At the log's own rate.".to_owned()
    } else {
        format!(
            "{} times as fast as the log, {} times its traffic.",
            show_number(options.speed),
            show_number(options.amplify)
        )
    };
    let (flows, stages, busy) = if options.sessions {
        visits::visits(&mut sessions, requests, stages, options.speed)
    } else {
        // A request keeps a user busy for ten seconds at most: then it has timed out.
        (singles(requests), stages, 10.0)
    };
    let peak = stages.iter().map(|stage| stage.rate).fold(0.0, f64::max);
    Ok(Journey {
        about: format!("The mix and the rate of an access log, {} to {}.", moment(span.0), moment(span.1)),
        head: vec![shape],
        base_url: "http://127.0.0.1:8080".to_owned(),
        data,
        load: Load::Arrivals {
            process: if options.process == Spacing::Poisson { "poisson" } else { "constant" },
            max_in_flight: (peak * busy).clamp(100.0, 20_000.0) as u64,
            stages,
            comment: replay,
        },
        stay: true,
        flows,
        notes,
        ..Journey::default()
    })
}

/// Each request an iteration of its own.
fn singles(requests: Vec<(f64, Step)>) -> Vec<Flow> {
    let name = |step: &Step| match &step.action {
        Action::Request(request) => request.name.clone(),
        _ => String::new(),
    };
    let flow = |(weight, step): (f64, Step)| Flow {
        name: name(&step),
        weight: Some(weight),
        steps: vec![step],
        ..Flow::default()
    };
    requests.into_iter().map(flow).collect()
}

fn writes(method: &str) -> bool {
    !matches!(method, "GET" | "HEAD" | "OPTIONS")
}

fn add(left_out: &mut BTreeMap<&'static str, u64>, reason: &'static str, requests: u64) {
    if requests > 0 {
        *left_out.entry(reason).or_default() += requests;
    }
}

fn nothing(lines: u64, left_out: &BTreeMap<&'static str, u64>) -> String {
    if lines == 0 {
        return "the log is empty".to_owned();
    }
    let reasons: Vec<String> =
        left_out.iter().map(|(reason, lines)| format!("{} {reason}", number(*lines))).collect();
    format!(
        "no line of {} is a request to replay: {}; known are the common and combined formats of nginx and Apache, and \
         JSON lines with a time, a method, a URI and a status",
        number(lines),
        reasons.join("; ")
    )
}

fn number(count: u64) -> String {
    show_count(i64::try_from(count).unwrap_or(i64::MAX))
}

fn lines_of(count: u64) -> String {
    if count == 1 { "1 line".to_owned() } else { format!("{} lines", number(count)) }
}

fn moment(time_s: f64) -> String {
    let time = DateTime::from_timestamp(time_s as i64, 0);
    time.map_or_else(|| format!("{time_s} s"), |time| time.format("%Y-%m-%d %H:%M:%S UTC").to_string())
}

/// A stage for each stretch of the log, on the clock's hours or what else they were cut by.
fn stages(
    kinds: &[((String, String), Kind)],
    (first, last): (f64, f64),
    options: &AccessLog,
) -> Result<Vec<Stage>, String> {
    // Times of most logs are whole seconds, and the last second was a whole one too.
    let (begin, end) = (first.floor(), last.floor() + 1.0);
    let every = options.every.unwrap_or(match (end - begin) / 3600.0 {
        hours if hours < 0.5 => GRAIN_S,
        hours if hours < 3.0 => 600,
        _ => 3600,
    });
    let mut counts: HashMap<u64, u64> = HashMap::new();
    for (grain, count) in kinds.iter().flat_map(|(_, kind)| &kind.grains) {
        *counts.entry(grain * GRAIN_S / every).or_default() += count;
    }
    let of = |time: f64| time.max(0.0) as u64 / every;
    if every as f64 / options.speed > LONGEST_STAGE_S {
        return Err(format!("--speed {} makes stages of more than a year", options.speed));
    }
    let (from, to) = (of(begin), of(end - 1.0));
    if to - from >= MOST_STAGES {
        let length = seconds(((end - begin) / MOST_STAGES as f64 / 3600.0).ceil() * 3600.0);
        return Err(format!(
            "the log would have {} stages; --every {length} makes fewer",
            number(to - from + 1)
        ));
    }
    Ok((from..=to)
        .map(|stretch| {
            let starts = ((stretch * every) as f64).max(begin);
            let ends = (((stretch + 1) * every) as f64).min(end);
            let count = counts.get(&stretch).copied().unwrap_or(0) as f64;
            let length = ends - starts;
            Stage {
                rate: count / length * options.speed * options.amplify,
                seconds: (length / options.speed).max(0.001),
                comment: moment(starts),
            }
        })
        .collect())
}

/// The URL: as it was asked for if always the same, else drawn by popularity from a data file.
fn url(template: &str, kind: &Kind, names: &mut Names, data: &mut Vec<Data>) -> Text {
    let mut targets: Vec<(&String, u64)> =
        kind.targets.iter().map(|(target, count)| (target, *count)).collect();
    targets.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    let Some((only, _)) = targets.first() else { return Text::url(template) };
    if targets.len() == 1 {
        return Text::literal(only);
    }
    let counts: Vec<u64> = targets.iter().map(|(_, count)| *count).collect();
    let exponent = format!("{:.2}", zipf::exponent(&counts));
    let word =
        template.split('/').rfind(|part| !part.is_empty() && *part != ":id").unwrap_or("home").to_owned();
    let ids: Option<Vec<String>> = targets.iter().map(|(target, _)| only_id(template, target)).collect();
    let (column, rows) = match ids {
        Some(ids) => ("id", ids),
        None => ("path", targets.iter().map(|(target, _)| (*target).clone()).collect()),
    };
    let set = names.variable(&format!("{word}_{column}"));
    let drawn = Text::variable(&format!("zipf({set}.{column}, {exponent})"));
    data.push(Data {
        set,
        columns: vec![column.to_owned()],
        rows: rows.into_iter().map(|row| vec![row]).collect(),
        unique: false,
        comment: format!("What was asked for by {template}, the most popular first."),
    });
    if column == "path" {
        return drawn;
    }
    let mut text = Text::default();
    for (index, part) in template.split('/').enumerate() {
        text.push(if index > 0 { "/" } else { "" });
        text.append(&if part == ":id" { drawn.clone() } else { Text::url(part) });
    }
    text
}

/// The one id of a target, if that is all in which it differs from its template.
fn only_id(template: &str, target: &str) -> Option<String> {
    let mut ids = template.split('/').zip(target.split('/')).filter(|(part, _)| *part == ":id");
    let (_, id) = ids.next()?;
    let plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte));
    (ids.next().is_none() && plain && is_id(id) && !target.contains('?')).then(|| id.to_owned())
}

/// What visits were like, in a sentence.
fn shape(sessions: &mut Sessions) -> String {
    let visits = sessions.visits();
    let length =
        format!("{} requests at the median, {} at p95", sessions.length_at(0.5), sessions.length_at(0.95));
    let pauses = match sessions.pause_law() {
        Some((median, p95)) => {
            format!("; pauses of {} at the median, {} at p95", seconds(median), seconds(p95))
        }
        None => String::new(),
    };
    format!("{} visits (one address and agent, no gap of 30 min) of {length}{pauses}", number(visits))
}
