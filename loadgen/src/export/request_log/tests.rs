use std::{fs, sync::mpsc};

use serde_json::Value;

use super::*;

fn names() -> &'static [String] {
    Box::leak(Box::new(["list".to_owned(), "one \"quoted\"".to_owned()]))
}

fn sample(start: Instant, at_us: u64, error: Option<&str>) -> Sample<'_> {
    let at = |us: u64| start + Duration::from_micros(us);
    Sample {
        request: 1,
        due: at(at_us),
        begun: at(at_us + 1),
        sent: error.is_none().then(|| at(at_us + 2)),
        first_byte: error.is_none().then(|| at(at_us + 30)),
        end: at(at_us + 40),
        on_time: true,
        connect: None,
        tls: None,
        error,
        bytes_in: 100,
        bytes_out: 20,
    }
}

fn log(bounds: Bounds, notes: impl Fn(&RequestLog, Instant)) -> (Written, Vec<Value>, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("requests.jsonl");
    let start = Instant::now();
    let (warn, warned) = mpsc::channel();
    let log = RequestLog::start(
        fs::File::create(&file).unwrap(),
        bounds,
        names(),
        move || Some(start),
        move |why| {
            warn.send(why.to_owned()).unwrap();
        },
    );
    let log = log.unwrap();
    notes(&log, start);
    let written = log.close().unwrap();
    assert!(log.close().is_none());
    let text = fs::read_to_string(&file).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (written, lines, warned.try_iter().collect())
}

const ALL: Bounds = Bounds { lines: 1_000, bytes: 1_000_000, share: 1.0 };

#[test]
fn a_line_says_when_what_was_asked_and_what_came() {
    let (written, lines, warned) = log(ALL, |log, start| {
        log.note(&sample(start, 1_000, None), 3, 7, Some(200));
        log.note(&sample(start, 2_000, Some("timeout")), 4, 0, None);
    });
    assert_eq!((written.lines, written.lost, written.stopped, warned.len()), (2, 0, None, 0));
    assert_eq!(
        lines[0].to_string(),
        r#"{"due_us":1000,"sent_us":1002,"first_byte_us":1030,"end_us":1040,"request":"one \"quoted\"","status":200,"error":null,"bytes_in":100,"bytes_out":20,"user":3,"iteration":7}"#
    );
    assert_eq!((&lines[1]["error"], &lines[1]["sent_us"]), (&"timeout".into(), &Value::Null));
}

#[test]
fn what_came_before_second_0_is_negative() {
    let start = Instant::now() + Duration::from_secs(1);
    assert_eq!(offset_us(start - Duration::from_micros(1_500), start), -1_500);
    assert_eq!(offset_us(start + Duration::from_micros(1_500), start), 1_500);
}

#[test]
fn a_log_stops_at_its_limits_says_so_once_and_takes_no_more() {
    let many = |log: &RequestLog, start: Instant| {
        (0..50).for_each(|i| log.note(&sample(start, i, None), i, 0, Some(200)));
    };
    let (written, lines, warned) = log(Bounds { lines: 10, ..ALL }, many);
    assert_eq!(
        (written.lines, lines.len(), warned),
        (10, 10, vec!["its limit of 10 lines is reached".to_owned()])
    );
    let (written, lines, warned) = log(Bounds { bytes: 1_000, ..ALL }, many);
    assert!(written.lines == lines.len() as u64 && (4..8).contains(&lines.len()), "{written:?}");
    assert_eq!((warned.len(), written.stopped), (1, Some("its limit of 0 MB is reached".to_owned())));
}

#[test]
fn a_sample_takes_iterations_whole_and_about_its_share_of_them() {
    let (written, lines, _) = log(Bounds { lines: 100_000, bytes: 1 << 30, share: 0.2 }, |log, start| {
        for (user, iteration) in (0..200).flat_map(|user| (0..20).map(move |iteration| (user, iteration))) {
            (0..3).for_each(|_| log.note(&sample(start, 0, None), user, iteration, Some(200)));
        }
    });
    // 4,000 iterations at 0.2: 800, and six deviations of √(4000 · 0.2 · 0.8) = 25.
    assert!(lines.len().is_multiple_of(3) && (650..950).contains(&(lines.len() / 3)), "{}", lines.len());
    assert_eq!(written.lines, lines.len() as u64);
    let again = (0..4_000).map(|i| mixed(i / 20, i % 20)).collect::<Vec<_>>();
    assert_eq!(again, (0..4_000).map(|i| mixed(i / 20, i % 20)).collect::<Vec<_>>());
}

#[test]
fn a_queue_that_is_full_loses_and_counts() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("requests.jsonl");
    // Second 0 does not come, so that nothing is written.
    let log = RequestLog::start(fs::File::create(&file).unwrap(), ALL, names(), || None, |_| {}).unwrap();
    let start = Instant::now();
    (0..QUEUE as u64 + 5).for_each(|i| log.note(&sample(start, i, None), i, 0, None));
    let written = log.close().unwrap();
    assert_eq!((written.lines, written.lost), (0, 5));
}
