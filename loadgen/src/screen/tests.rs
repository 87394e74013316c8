pub(crate) mod story;

use std::path::Path;

use proptest::prelude::*;
use ratatui::{
    buffer::Buffer,
    style::{Color, Modifier},
};
use record::{RequestSummary, SeriesRow, State, judge};

use self::story::{run, story};
use super::{
    closing::compose,
    figures::{clock, phase},
    lines::{Since, is_due, line},
    memory::Memory,
    paint::{cut, width},
    picture::{history, render},
};

fn text(buffer: &Buffer) -> String {
    let row = |y| {
        let (mut row, mut x) = (String::new(), 0);
        while x < buffer.area.width {
            row += buffer[(x, y)].symbol();
            x += width(buffer[(x, y)].symbol()).max(1) as u16;
        }
        row.trim_end().to_owned()
    };
    (0..buffer.area.height).map(row).collect::<Vec<_>>().join("\n")
}

#[test]
fn eighty_columns_show_load_latency_errors_and_each_request_with_its_budget() {
    insta::assert_snapshot!(story(72, 3).picture(79, 23), @r#"
    phase-1k   steady 1:12 of 2:00   ━━━━━━━━━━━━━━━━╸───────────   127.0.0.1:8080
    offered 812/s  done 811/s  users 1,000  in flight 23  dropped 0  late 140 µs
    p50 18.4 ms  p95 108 ms ✘  p99 137 ms    ▆██▇█▇█▆██▇█▇█▆██▇█▇ p95, last minute
    errors 0.25 % (500: 52, timeout 52)      cache hits 83 %      database 214/s

    request           rate p50 ms p95 ms p99 ms  errors   budget
    list tasks       310/s   15.5   29.5   30.7       0   p95 ≤ 100 ms   ✔
    one task         182/s   18.2   34.6   36.2       0
    list products    160/s   72.1    137    143       0   p95 ≤ 60 ms    ✘ at 1:11
    search produ…     90/s     18   34.4     36       0
    商品一覧[31m      40/s     10     19     20       0
    log in            29/s   9.01   16.8   17.4     104   errors ≤ 0.1 % ✘ at 1:11
    valid so far · 5 of 7 budgets at risk · Ctrl-C stops and keeps the record
    "#);
}

#[test]
fn the_warm_up_is_shown_and_said_not_to_be_judged() {
    insta::assert_snapshot!(story(12, 3).picture(79, 23), @r#"
    phase-1k   warm-up 0:12 of 2:00   ━━╸────────────────────────   127.0.0.1:8080
    offered 812/s  done 811/s  users 1,000  in flight 23  dropped 0  late 140 µs
    p50 18.4 ms   p95 108 ms   p99 137 ms                    ▆██▇ p95, last minute
    errors 0.25 % (500: 1, timeout 1)        cache hits 83 %      database 214/s

    warm-up, judged from 0:20 on · Ctrl-C stops and keeps the record
    "#);
}

#[test]
fn forty_columns_keep_what_matters() {
    insta::assert_snapshot!(story(72, 3).picture(39, 11), @r#"
    phase-1k   steady 1:12 of 2:00
    offered 812/s  done 811/s  users 1,000
    in flight 23  dropped 0  late 140 µs
    p50 18.4 ms  p95 108 ms ✘  p99 137 ms
    errors 0.25 % (500: 52, timeout 52)

    request     p95 ms  errors   budget
    list produ…    137       0   ✘ at 1:11
    log in        16.8     104   ✘ at 1:11
    ⋮ 4 more
    valid so far · 5 of 7 budgets at risk
    "#);
}

#[test]
fn more_columns_are_for_names_and_history() {
    insta::assert_snapshot!(story(72, 3).picture(119, 39), @r#"
    phase-1k   steady 1:12 of 2:00   ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╸───────────────────────────   127.0.0.1:8080
    offered 812/s   done 811/s   users 1,000   in flight 23   dropped 0   late p99 140 µs
    p50 18.4 ms   p95 108 ms ✘   p99 137 ms                      ▅▆██▆▇█▅▇██▆▇█▅▇██▆▇█▅▇██▆▇█▅▇ p95, last minute
    errors 0.25 % (500: 52, timeout 52)                          cache hits 83 %      database 214/s

    request                         rate p50 ms p95 ms p99 ms  errors   budget
    list tasks                     310/s   15.5   29.5   30.7       0   p95 ≤ 100 ms   ✔
    one task                       182/s   18.2   34.6   36.2       0
    list products                  160/s   72.1    137    143       0   p95 ≤ 60 ms    ✘ at 1:11
    search products by category     90/s     18   34.4     36       0
    商品一覧[31m                    40/s     10     19     20       0
    log in                          29/s   9.01   16.8   17.4     104   errors ≤ 0.1 % ✘ at 1:11
    valid so far · 5 of 7 budgets at risk · Ctrl-C stops and keeps the record
    "#);
}

#[test]
fn requests_that_miss_their_budget_are_shown_when_others_have_no_room() {
    let picture = story(72, 30).picture(79, 10);
    assert!(picture.contains("list products") && picture.contains("log in"), "{picture}");
    assert!(picture.contains("⋮ 4 more") && !picture.contains("list tasks"), "{picture}");
}

#[test]
fn every_size_of_a_terminal_can_be_drawn() {
    for story in [story(1, 1), story(12, 1), story(72, 3), story(125, 30)] {
        for width in (0..12).chain([20, 31, 40, 55, 63, 75, 76, 79, 95, 96, 119, 250]) {
            for height in [0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 24] {
                let buffer = render(&story.snapshot(), &story.memory(), width, height, true);
                assert!(buffer.area.width == width && buffer.area.height <= height);
            }
        }
    }
}

#[test]
fn without_colour_nothing_is_styled_and_with_it_little_is() {
    let story = story(72, 3);
    let drawn = |colour| render(&story.snapshot(), &story.memory(), 79, 23, colour);
    assert_eq!(text(&drawn(false)), text(&drawn(true)));
    assert!(
        drawn(false).content.iter().all(|cell| cell.fg == Color::Reset && cell.modifier == Modifier::empty())
    );
    let used: Vec<_> = drawn(true).content.iter().map(|cell| cell.fg).collect();
    assert!([Color::Cyan, Color::Green, Color::Red].iter().all(|colour| used.contains(colour)));
}

#[test]
fn a_missed_budget_keeps_the_time_of_its_first_miss() {
    let (early, late) = (story(41, 3), story(72, 3));
    let mut memory = Memory::default();
    for story in [&early, &late] {
        memory.note(&story.snapshot());
    }
    let picture = text(&render(&late.snapshot(), &memory, 79, 23, false));
    assert!(picture.contains("✘ at 0:40"), "{picture}");
}

#[test]
fn rows_change_places_only_when_one_is_clearly_busier() {
    let requests = |counts: [u64; 3]| -> Vec<RequestSummary> {
        let named = ["a", "b", "c"].into_iter().zip(counts);
        named
            .map(|(name, completed)| RequestSummary { name: name.into(), completed, ..Default::default() })
            .collect()
    };
    let mut memory = Memory::default();
    let mut order = |counts| {
        let requests = requests(counts);
        memory.rank(&requests);
        memory.in_order(&requests).iter().map(|it| it.name.clone()).collect::<String>()
    };
    assert_eq!(order([10, 30, 100]), "cba");
    assert_eq!(order([10, 109, 100]), "cba");
    assert_eq!(order([10, 112, 100]), "bca");
    assert_eq!(order([10, 105, 112]), "bca");
}

#[test]
fn an_invalid_run_says_why_while_it_goes_on() {
    let mut story = story(72, 1);
    for row in &mut story.rows {
        row.cpu_cores = 1.9;
    }
    story.summary.generator.cpu_cores = 1.9;
    story.judgement = judge(&story.run, &story.summary, &story.totals);
    let picture = story.picture(79, 23);
    assert!(picture.contains(" not valid: generator uses 1.9 of 2 cores · "), "{picture}");
}

#[test]
fn a_percentile_among_the_dropped_arrivals_is_not_shown_as_that_of_the_answered() {
    let mut story = story(72, 1);
    story.summary.dropped = story.summary.completed / 10;
    story.judgement = judge(&story.run, &story.summary, &story.totals);
    let picture = story.picture(79, 23);
    assert!(picture.contains("p95 dropped ✘") && picture.contains("p99.9 dropped ✘"), "{picture}");
}

#[test]
fn phases_follow_the_plan() {
    let run = run();
    let phases = [0, 19, 20, 29, 30, 119, 120].map(|second| phase(&run, second));
    assert_eq!(phases, ["warm-up", "warm-up", "ramp", "ramp", "steady", "steady", "draining"]);
    assert_eq!([0, 72, 3_600, 36_125].map(clock), ["0:00", "1:12", "1:00:00", "10:02:05"]);
}

#[test]
fn a_bar_is_the_worst_of_its_seconds_and_the_newest_is_at_the_right() {
    let mut minute = vec![Some(100); 60];
    minute[59] = Some(800);
    assert_eq!(history(&minute, 10), "▁▁▁▁▁▁▁▁▁█");
    minute[30..33].fill(None);
    assert_eq!(history(&minute, 20), "▁▁▁▁▁▁▁▁▁▁ ▁▁▁▁▁▁▁▁█");
    assert_eq!(history(&[Some(4), Some(8)], 12), "           █");
    assert_eq!(history(&[], 12), " ".repeat(12));
}

#[test]
fn a_line_names_every_figure() {
    insta::assert_snapshot!(line(&story(72, 3).snapshot()), @"1:12 of 2:00 steady | offered 812/s | done 811/s | users 1,000 | in flight 23 | dropped 0 | late p99 140 µs | p50 18.4 ms | p95 108 ms (missed) | p99 137 ms | errors 0.25 % (500: 52, timeout 52) | cache hits 83 % | database 214/s | target cpu 0.9 cores | valid so far | 5 of 7 budgets at risk");
    insta::assert_snapshot!(line(&story(10, 3).snapshot()), @"0:10 of 2:00 warm-up | offered 812/s | done 811/s | users 1,000 | in flight 23 | dropped 0 | late p99 140 µs | p50 18.4 ms | p95 108 ms | p99 137 ms | errors 0.25 % (500: 1, timeout 1) | cache hits 83 % | database 214/s | target cpu 0.9 cores | not judged yet");
    assert_eq!((0..60).filter(|second| is_due(*second)).collect::<Vec<_>>(), [9, 19, 29, 39, 49, 59]);
}

#[test]
fn a_line_tells_the_mean_rates_since_the_one_before() {
    let mut since = Since::default();
    let rows = [(100, 90), (200, 181)].map(|(offered, completed)| {
        since.add(&SeriesRow { offered, completed, users: offered, ..SeriesRow::default() })
    });
    assert_eq!((rows[1].offered, rows[1].completed, rows[1].users), (150, 136, 200));
}

#[test]
fn the_end_of_a_run_tells_the_verdict_the_budgets_and_where_the_record_is() {
    let story = story(72, 3);
    let mut run = story.run;
    run.state = State::Finished;
    run.judgement = Some(judge(&run, &story.summary, &story.totals));
    run.totals = Some(story.summary);
    run.judgement.as_mut().unwrap().budgets = story.judgement.budgets;
    run.caveats.push("a\u{1b}[2Jnote".into());
    let text = compose(&run, Path::new("runs/it's here"), None, false);
    insta::assert_snapshot!(text.trim_start_matches('\n'), @r#"
    ✘ Missed 3 of 7 budgets at 811 requests/s over 52 s; first: p95 ≤ 100 ms was 108 ms.

      budget                         measured
    ✘ p95 ≤ 100 ms                   108 ms
    ✔ p99.9 ≤ 150 ms                 144 ms
    ✔ p95 of list tasks ≤ 100 ms     29.5 ms
    ✘ p95 of list products ≤ 60 ms   137 ms
    ✘ error rate of log in ≤ 0.1 %   6.45 %
    ✔ error rate ≤ 5 %               0.25 %
    ✔ cache hit ratio ≥ 80 %         83 %

    request                         rate p50 ms p95 ms p99 ms  errors
    list tasks                     310/s   15.5   29.5   30.7       0
    one task                       182/s   18.2   34.6   36.2       0
    list products                  160/s   72.1    137    143       0
    search products by category     90/s     18   34.4     36       0
    商品一覧[31m                    40/s     10     19     20       0
    log in                          29/s   9.01   16.8   17.4     104

    errors  0.25 % (500: 52, timeout 52)
    note    a[2Jnote
    record  runs/it's here
    report  reports html 'runs/it'\''s here'
    "#);
    run.caveats.push("many words ".repeat(12));
    let narrow = compose(&run, Path::new("runs/1"), Some(60), false);
    assert!(narrow.contains("many words many\n         words many"), "{narrow}");
    assert!(narrow.lines().all(|line| width(line) <= 60), "{narrow}");
    let coloured = compose(&run, Path::new("runs/it's here"), None, true);
    assert!(coloured.contains("\u{1b}[") && !coloured.contains("\u{1b}[2J"));
}

#[test]
fn a_run_without_a_judgement_is_closed_too() {
    let text = compose(&run(), Path::new("runs/1"), None, false);
    assert!(text.contains("ended before it was judged") && text.contains("reports html runs/1\n"), "{text}");
}

proptest! {
    #[test]
    fn what_is_cut_fits_and_begins_like_the_whole(text in "\\PC{0,30}", room in 0usize..40) {
        let short = cut(&text, room);
        prop_assert!(width(&short) <= room);
        prop_assert!(text.starts_with(short.trim_end_matches('…')));
    }

    #[test]
    fn every_minute_fills_its_bars(minute in prop::collection::vec(prop::option::of(0u64..200_000_000), 0..80)) {
        for bars in [60, 30, 20, 15, 12, 10] {
            prop_assert_eq!(width(&history(&minute, bars)), bars);
        }
    }
}

#[test]
fn the_end_says_what_was_proven_of_the_generator_and_whether_it_still_holds() {
    let certificate = record::Certificate {
        date: "2026-11-20T08:00:00Z".into(),
        loadgen: "0.1.0".into(),
        passed: true,
        sentence: "The ruler is bent: what is reported of queue is not what was dictated.".into(),
        worst: Some(record::WorstError {
            behaviour: "queue".into(),
            quantile: 0.999,
            error_us: 52.0,
            error_ratio: 0.0062,
        }),
        rate_ceiling_per_s: Some(20_000.0),
        user_ceiling: Some(19_900),
        same_host: true,
        caveats: Vec::new(),
    };
    let ruler = |certificate: &record::Certificate| {
        let run = record::Run { certificate: Some(certificate.clone()), ..run() };
        let text = compose(&run, Path::new("runs/1"), None, false);
        text.lines()
            .find(|line| line.trim_start().starts_with("ruler"))
            .map(|line| line[9..].to_owned())
            .unwrap()
    };
    assert_eq!(
        ruler(&certificate),
        "straight by the certificate of 2026-11-20, at worst 0.62 % off (p99.9, queue)"
    );
    let elsewhere = record::Certificate {
        caveats: vec!["it was made on another machine".into(), "it is 40 days old".into()],
        ..certificate.clone()
    };
    assert!(ruler(&elsewhere).ends_with("; but it was made on another machine; but it is 40 days old"));
    let bent = record::Certificate { passed: false, ..certificate };
    assert!(ruler(&bent).starts_with("not certified on 2026-11-20: The ruler is bent"));
}
