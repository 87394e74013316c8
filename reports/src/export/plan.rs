use std::fmt::Write as _;

use super::{
    markdown::cell,
    table::{plain, rows},
};
use crate::{
    capacity::Basis,
    plan::{PhasePlan, Plan},
};

const HEADER: [&str; 7] = ["users", "peak", "a month", "between", "1,000 users", "headroom", "basis"];

fn cells(phase: &PhasePlan) -> [String; 7] {
    [
        phase.users_text.clone(),
        phase.peak_text.clone(),
        phase.monthly_text.clone(),
        phase.range_text.clone(),
        phase.per_1000_users_text.clone(),
        phase.headroom_text.clone(),
        phase.basis_text.clone(),
    ]
}

/// A plan for a terminal: the answer, the phases, what moves the cost, and what to know. Without colour, so that a pipe and
/// a terminal read the same.
pub fn plan(plan: &Plan) -> String {
    let mut text = format!("{}\n{}\n\n", plan.answer.sentence, plan.answer.lead);
    let mut table = rows(HEADER);
    for phase in &plan.phases {
        table.add_row(cells(phase));
    }
    text += &plain(&mut table, 0);
    text.push('\n');
    for phase in &plan.phases {
        let _ = writeln!(text, "{}: {}", phase.name, phase.topology);
        if let Basis::Refused { reason } = &phase.basis {
            let _ = writeln!(text, "  refused as a whole: {reason}");
        }
        if !phase.binds_next.is_empty() {
            let _ = writeln!(text, "  binds next: {}", phase.binds_next);
        }
        if !phase.assumed.is_empty() {
            let _ = writeln!(text, "  sized by assumption: {}", phase.assumed.join(", "));
        }
        for item in &phase.bill.unpriced {
            let _ = writeln!(text, "  no price: {item}");
        }
    }
    if let Some(phase) = plan.phases.get(plan.next).filter(|phase| !phase.tornado.is_empty()) {
        let _ = writeln!(
            text,
            "\nWhat moves the cost of {} users ({} a month):",
            phase.users_text, phase.monthly_text
        );
        let mut table = rows(["input", "lowest", "a month", "highest", "a month"]);
        for bar in phase.tornado.iter().take(8) {
            let [low, at_low, high, at_high] =
                [&bar.low_text, &bar.at_low_text, &bar.high_text, &bar.at_high_text].map(String::as_str);
            table.add_row([bar.label, low, at_low, high, at_high]);
        }
        text += &plain(&mut table, 1);
    }
    for caveat in &plan.caveats {
        let _ = write!(text, "\nnote: {caveat}");
    }
    text + "\n"
}

/// A plan as Markdown: the answer, the phases, the notes.
pub fn plan_markdown(plan: &Plan) -> String {
    let mut text = format!("### {}\n\n{}\n\n", cell(&plan.answer.sentence), cell(&plan.answer.lead));
    let _ = writeln!(text, "| {} | topology |", HEADER.join(" | "));
    let _ = writeln!(text, "|{}---|---|", "--:|".repeat(HEADER.len() - 1));
    for phase in &plan.phases {
        let row: Vec<String> = cells(phase).iter().map(|text| cell(text)).collect();
        let _ = writeln!(text, "| {} | {} |", row.join(" | "), cell(&phase.topology));
    }
    text.push('\n');
    for caveat in &plan.caveats {
        let _ = writeln!(text, "- {}", cell(caveat));
    }
    text
}
