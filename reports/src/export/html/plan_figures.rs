use maud::{Markup, html};
use record::unit::{show_count, show_number, show_ratio, show_us};

use super::{
    figures::figure,
    plan_sections::over,
    tables::{cell, figures as figure_column, table, text},
};
use crate::{
    capacity::{Basis, CacheModel, Fitting},
    charts,
    cost::Part,
    plan::{Percentile, Plan},
    report::interval_words,
};

/// Latency against throughput.
pub fn hockey(plan: &Plan) -> Option<Markup> {
    let drawn = charts::hockey(plan)?;
    let columns = [
        text("Answered"),
        figure_column("Runs"),
        figure_column("p50"),
        figure_column("p95"),
        figure_column("p99"),
        figure_column("n"),
        text("Budgets"),
    ];
    let rows = plan.loads.iter().map(|load| {
        let kept = match load.keeps {
            Some(true) => "kept",
            Some(false) => "broken",
            None => "open",
        };
        vec![
            cell(format!("{}/s", show_number(load.throughput_per_s))),
            cell(show_count(load.runs as i64)),
            percentile(&load.p50),
            percentile(&load.p95),
            percentile(&load.p99),
            cell(show_count(load.n as i64)),
            cell(kept),
        ]
    });
    let numbers = table("Latency against throughput", &columns, rows.collect());
    Some(figure("Latency against throughput", "p50 · p95 · p99 with 95 % intervals", &drawn, numbers))
}

/// A percentile over its interval.
fn percentile(it: &Percentile) -> Markup {
    let Some(us) = it.us else { return html! { span class="mute" { "n too small" } } };
    let interval = it.interval.map_or_else(String::new, |it| interval_words(it, show_us));
    if interval.is_empty() { cell(show_us(us)) } else { over(&show_us(us), &interval) }
}

/// The law with its points and residuals.
pub fn scalability(fit: &Fitting) -> Markup {
    let columns = [
        text("Concurrency"),
        figure_column("Runs"),
        figure_column("Measured"),
        figure_column("By the law"),
        figure_column("Off"),
    ];
    let rows = fit.points.iter().map(|row| {
        vec![
            cell(show_number(row.point.concurrency)),
            cell(show_count(row.point.runs as i64)),
            cell(format!("{}/s", show_number(row.point.throughput_per_s))),
            cell(format!("{}/s", show_number(row.fitted_per_s))),
            cell(show_ratio(row.off_ratio)),
        ]
    });
    let parameter = |name: &str, it: &crate::capacity::Estimate| {
        let error = it
            .standard_error
            .map_or_else(|| " (on its bound)".to_owned(), |error| format!(" ± {}", show_number(error)));
        format!("{name} {}{error}", show_number(it.value))
    };
    let note = format!("{} · {}", parameter("σ", &fit.law.sigma), parameter("κ", &fit.law.kappa));
    let peak = match (&fit.peak.basis, fit.peak.throughput_per_s) {
        (Basis::Refused { reason }, _) => format!("Peak: refused, {reason}."),
        (basis, Some(throughput)) => {
            format!(
                "Peak: {}/s at N = {}, {}.",
                show_number(throughput),
                show_number(fit.peak.concurrency),
                basis.words()
            )
        }
        (_, None) => String::new(),
    };
    let numbers = html! {
        (table("Scalability", &columns, rows.collect()))
        p class="mute" { (peak) }
        @for note in &fit.notes { p class="mute" { (note) } }
    };
    figure("Scalability", &note, &charts::scalability(fit), numbers)
}

/// Cache hits against database load, measured over model.
pub fn cache_model(model: &CacheModel) -> Markup {
    let columns = [
        text("Concurrency"),
        figure_column("Hits"),
        figure_column("Queries, measured"),
        figure_column("By the model"),
    ];
    let rows = model.rows.iter().map(|row| {
        vec![
            cell(show_number(row.concurrency)),
            cell(show_ratio(row.hit_ratio)),
            cell(format!("{}/s", show_number(row.measured_per_s))),
            cell(format!("{}/s", show_number(row.model_per_s))),
        ]
    });
    let numbers = table("Cache hits against database load", &columns, rows.collect());
    let note = format!(
        "queries a request = {} + {} × (1 − hits)",
        show_number(model.always),
        show_number(model.on_a_miss)
    );
    figure("Cache hits against database load", &note, &charts::cache_model(model), numbers)
}

/// How busy what was.
pub fn busy(plan: &Plan) -> Option<Markup> {
    let drawn = charts::busy(plan)?;
    let columns = [text("Resource"), figure_column("Requests answered"), figure_column("Used")];
    let rows = plan.busy.iter().flat_map(|busy| {
        busy.at.iter().map(|(rate, used)| {
            vec![cell(busy.name.as_str()), cell(format!("{}/s", show_number(*rate))), cell(show_ratio(*used))]
        })
    });
    let numbers = table("What saturates first", &columns, rows.collect());
    let note = plan.busy.iter().map(|busy| format!("{} at most {}", busy.name, busy.most_text));
    Some(figure("Use of processors", &note.collect::<Vec<_>>().join(" · "), &drawn, numbers))
}

/// What a month goes to.
pub fn cost(plan: &Plan) -> Markup {
    let mut columns = vec![text("Phase")];
    columns.extend(Part::ALL.map(|part| figure_column(part.name())));
    columns.push(figure_column("A month"));
    let rows = plan.phases.iter().map(|phase| {
        let mut row = vec![cell(phase.name.as_str())];
        row.extend(phase.parts.iter().map(|part| cell(part.text.as_str())));
        row.push(cell(phase.monthly_text.as_str()));
        row
    });
    let numbers = table("What a month goes to", &columns, rows.collect());
    figure("What a month goes to", "shares of each phase", &charts::cost(plan), numbers)
}

/// What 1,000 users cost.
pub fn per_user(plan: &Plan) -> Option<Markup> {
    let drawn = charts::per_user(plan)?;
    let mut columns = vec![text("Users")];
    columns.extend(Part::ALL.map(|part| figure_column(part.name())));
    columns.push(figure_column("Together"));
    let rows = plan.phases.iter().map(|phase| {
        let mut row = vec![cell(phase.users_text.as_str())];
        row.extend(phase.parts.iter().map(|part| cell(part.per_1000_users_text.as_str())));
        row.push(cell(phase.per_1000_users_text.as_str()));
        row
    });
    let numbers = table("Cost of 1,000 users", &columns, rows.collect());
    Some(figure("Cost of 1,000 users", "a month", &drawn, numbers))
}

/// What moves the cost.
pub fn tornado(plan: &Plan) -> Option<Markup> {
    let drawn = charts::tornado(plan)?;
    let phase = plan.phases.get(plan.next)?;
    let columns = [
        text("Input"),
        figure_column("Lowest"),
        figure_column("A month then"),
        figure_column("Highest"),
        figure_column("A month then"),
        text(""),
    ];
    let rows = phase.tornado.iter().map(|bar| {
        vec![
            cell(bar.label),
            cell(bar.low_text.as_str()),
            cell(bar.at_low_text.as_str()),
            cell(bar.high_text.as_str()),
            cell(bar.at_high_text.as_str()),
            html! { @if bar.chosen { span class="mute" { "a decision" } } @else { "" } },
        ]
    });
    let numbers = table("What moves the cost", &columns, rows.collect());
    Some(figure("What moves the cost", &format!("{} users", phase.users_text), &drawn, numbers))
}
