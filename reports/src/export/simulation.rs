use std::fmt::Write as _;

use record::unit::{show_count, show_number, show_ratio};

use super::table::{plain, rows};
use crate::simulate::{Figures, Simulation, Step};

/// A simulation for a terminal: the answer, the tiers, the day, and what came of each thing lost. Without colour.
pub fn simulation(found: &Simulation) -> String {
    let mut text = format!("{}\n\n", found.sentence);
    let mut table = rows(["tier", "service", "instances", "workers", "busy", "at most"]);
    for tier in &found.tiers {
        table.add_row([
            tier.name.to_owned(),
            tier.service.clone(),
            show_count(tier.instances as i64),
            show_count(tier.workers as i64),
            show_ratio(tier.mean_utilisation),
            show_ratio(tier.peak_utilisation),
        ]);
    }
    let _ = writeln!(text, "{}{}\n", plain(&mut table, 2), found.cost.text);
    let mut table = rows(header("from"));
    for step in &found.day {
        table.add_row(cells(&step.at, &step.figures));
    }
    text += &plain(&mut table, 1);
    for fault in &found.faults {
        let _ = writeln!(text, "\n{}", fault.sentence);
        let mut table = rows(header(""));
        for (name, figures) in [("before", &fault.before), ("while", &fault.during), ("after", &fault.after)]
        {
            table.add_row(cells(name, figures));
        }
        text += &plain(&mut table, 1);
    }
    for note in &found.notes {
        let _ = write!(text, "\nnote: {note}");
    }
    text + "\n"
}

/// The headings of a table of figures.
pub fn header(first: &str) -> [&str; 8] {
    [first, "offered", "in time", "not in time", "p50", "p95 (95 % interval)", "p99 (95 % interval)", "n"]
}

/// A row of figures.
pub fn cells(name: &str, figures: &Figures) -> [String; 8] {
    [
        name.to_owned(),
        format!("{}/s", show_number(figures.offered_per_s)),
        format!("{}/s", show_number(figures.answered_per_s)),
        show_ratio(figures.lost_ratio),
        figures.p50.us.map_or_else(|| "n too small".to_owned(), |us| record::unit::show_us(us as f64)),
        figures.p95.text.clone(),
        figures.p99.text.clone(),
        show_count(figures.answered as i64),
    ]
}

/// How busy each tier is in a step, in the order of the tiers that are there.
pub fn busy(found: &Simulation, step: &Step) -> Vec<String> {
    let of = |place: usize| step.figures.utilisation[place].map_or_else(String::new, show_ratio);
    found.tiers.iter().map(|tier| of(tier.place)).collect()
}
