//! What a search found, as `capacity.json` has it.

use record::{
    Capacity, Decision, Exit, Latency, Observation,
    capacity::{
        Answer, AnswerKind, Binding, CAPACITY_SCHEMA, Evidence, Limit, Overshoot, RateFinding, Saturated,
        Soak,
    },
    unit::{show_count, show_number, show_ratio, show_us},
};

use super::{
    Between,
    hunt::{End, Hunt, Pool},
    search::{Next, Tried},
};
use crate::watch::STOLEN;

/// Share of a resource from which on it is taken to be at its end.
const AT_ITS_END: f64 = 0.85;

/// Puts the answer together.
pub fn conclude(
    hunt: &Hunt,
    end: &End,
    soak: Option<Soak>,
    overshoot: Option<Overshoot>,
    mut notes: Vec<String>,
    between: Option<Between>,
) -> Capacity {
    let (low, wall) = hunt.search.bracket();
    let breaks = wall.filter(|wall| wall.decision == Decision::Breaks);
    let kind = match end {
        End::Known(Next::None) => AnswerKind::None,
        End::Known(Next::Found { .. }) => AnswerKind::Found,
        End::Known(Next::AtLeast(_)) => AnswerKind::AtLeast,
        End::Known(Next::Helpless | Next::Try(_)) => AnswerKind::Unfinished,
        End::Cut(_) => match (low, breaks) {
            (Some(_), Some(_)) => AnswerKind::Found,
            (Some(_), None) => AnswerKind::AtLeast,
            _ => AnswerKind::Unfinished,
        },
    };
    let limited_by = match (end, kind) {
        (End::Cut(limit), _) => Some(limit.clone()),
        (_, AnswerKind::AtLeast | AnswerKind::Unfinished) => Some(match &hunt.limit {
            Some(why) if wall.is_some() => Limit::Generator(why.clone()),
            _ => Limit::MaxRate,
        }),
        _ => None,
    };
    let pool = |tried: &Tried| hunt.pools.get(&tried.rate.to_bits());
    let answer = Answer {
        kind,
        low_per_s: low.map(|low| low.rate),
        high_per_s: breaks.map(|breaks| breaks.rate),
        requests_per_s: low.and_then(pool).map(Pool::requests_per_s),
        users: low.and_then(|low| Some(users(low.rate, pool(low)?.mean_busy, between?))),
        limited_by,
        binding: breaks.and_then(|breaks| binding(hunt, breaks)),
        saturated: breaks.and_then(|breaks| saturated(hunt, pool(breaks)?)),
        soak,
        overshoot,
    };
    if breaks.is_some() && answer.saturated.is_none() {
        notes.push(
            "Nothing that was observed was at its end when the budgets broke: processor time of the target was not seen, or \
             was not the limit; `observe` in the scenario can name what may be."
                .to_owned(),
        );
    }
    if answer.saturated.is_some() {
        let pools = hunt.pools.iter().map(|(bits, pool)| (f64::from_bits(*bits), pool));
        notes.extend(unsteady(pools, hunt.method.precision));
    }
    if hunt.search.tried.iter().any(|tried| tried.contradicted) {
        notes.push(
            "More was over a limit at one rate than at a higher one, as at a slower minute: such rates are bounded together."
                .to_owned(),
        );
    }
    if hunt.robbed > 0 {
        let (trials, were) = if hunt.robbed == 1 { ("trial", "was") } else { ("trials", "were") };
        notes.push(format!(
            "{} {trials} broke a budget, or {were} too much for the generator, while the host of this machine gave {} or more \
             of its processor time to others, and {were} made again: nothing was learnt from them.",
            show_count(hunt.robbed as i64),
            show_ratio(STOLEN)
        ));
    }
    if let (Some(width), Some(Limit::Time)) = (answer.half_width(), &answer.limited_by)
        && width > hunt.method.precision
    {
        notes.push("The time limit came before the interval was as narrow as asked.".to_owned());
    }
    let template = hunt.range.template.clone();
    #[expect(clippy::disallowed_methods, reason = "a record says when the search ended")]
    let now = chrono::Utc::now();
    Capacity {
        schema: CAPACITY_SCHEMA.to_owned(),
        generator: template.generator,
        scenario: template.scenario,
        git: template.git,
        seed: hunt.range.engine.seed,
        host: template.host,
        target: template.target,
        start: template.start,
        end: now.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
        max_users: template.max_users,
        budgets: template.budgets,
        method: hunt.method,
        sentence: sentence(hunt, &answer),
        answer,
        rates: rates(hunt),
        steps: hunt.steps.clone(),
        notes: template.caveats.into_iter().chain(notes).collect(),
    }
}

/// Users of the closed model that make `rate`: those in an iteration and those between two.
fn users(rate: f64, busy: f64, between: Between) -> f64 {
    match between {
        Between::Pause(seconds) => busy + rate * seconds,
        Between::Pacing(seconds) => busy.max(rate * seconds),
    }
}

/// What is known of each rate.
pub fn rates(hunt: &Hunt) -> Vec<RateFinding> {
    let of = |tried: &Tried| {
        let pool = hunt.pools.get(&tried.rate.to_bits());
        RateFinding {
            rate_per_s: tried.rate,
            trials: tried.trials as u64,
            limited: tried.limited as u64,
            decision: tried.decision,
            requests_per_s: pool.map_or(0.0, Pool::requests_per_s),
            response: pool.map_or_else(Latency::default, |pool| Latency::of(&pool.response)),
            evidence: evidence(hunt, tried),
            observed: pool.map_or_else(Vec::new, |pool| pool.observed.clone()),
        }
    };
    hunt.search.tried.iter().map(of).collect()
}

fn evidence(hunt: &Hunt, tried: &Tried) -> Vec<Evidence> {
    let budgets = hunt.range.template.budgets.iter().zip(&hunt.search.allowed);
    let of = |((budget, allowed), share): ((&record::Budget, &f64), &super::share::Share)| Evidence {
        budget: budget.to_string(),
        over: share.over,
        n: share.n,
        share: share.share,
        low: share.low,
        high: share.high,
        allowed: *allowed,
    };
    budgets.zip(&tried.shares).map(of).collect()
}

/// The budget of which most is over, measured by what may be.
fn binding(hunt: &Hunt, breaks: &Tried) -> Option<Binding> {
    let beyond = |it: &Evidence| it.low / it.allowed.max(1e-9);
    let worst = evidence(hunt, breaks).into_iter().max_by(|a, b| beyond(a).total_cmp(&beyond(b)))?;
    Some(Binding {
        rate_per_s: breaks.rate,
        share: worst.share.unwrap_or(0.0),
        allowed: worst.allowed,
        budget: worst.budget,
    })
}

/// The processors of the target, or of the machine that it shares with the generator, if they were at their end.
fn saturated(hunt: &Hunt, pool: &Pool) -> Option<Saturated> {
    let used = target_cores(&pool.observed)?;
    let of = |resource: &str, used: f64, of: f64| {
        let found = Saturated { resource: resource.to_owned(), used, of, unit: "cores".to_owned() };
        (used >= AT_ITS_END * of).then_some(found)
    };
    let target = hunt.range.observers.as_ref().and_then(|observers| observers.target_cores());
    let machine = hunt.range.template.host.cores as f64;
    target.and_then(|cores| of("processor of the target", used, cores as f64)).or_else(|| {
        of("processor of the machine that target and generator share", used + pool.generator_cores, machine)
    })
}

/// Processors that the target used, of what was observed.
pub fn target_cores(observed: &[Observation]) -> Option<f64> {
    observed.iter().find(|it| it.source == "process" && it.name == "cpu_seconds")?.value
}

/// What a reader must know if the target's processor was the limit, and a request did not take as much of it in all trials of
/// one rate: the capacity changed meanwhile, by more than an interval of `precision` says.
fn unsteady<'a>(pools: impl Iterator<Item = (f64, &'a Pool)>, precision: f64) -> Option<String> {
    let spread = pools.filter_map(|(rate, pool)| {
        let least = pool.demands_s.iter().copied().min_by(f64::total_cmp)?;
        let most = pool.demands_s.iter().copied().max_by(f64::total_cmp)?;
        Some((rate, pool.demands_s.len(), least, most))
    });
    let (rate, trials, least, most) = spread.max_by(|a, b| (a.3 / a.2).total_cmp(&(b.3 / b.2)))?;
    (most / least > (1.0 + precision) / (1.0 - precision)).then(|| {
        format!(
            "A request took between {} and {} of the target's processor in {trials} trials of one rate, {}/s: the machine, or \
             what the target does besides, was not as fast all the time. The capacity moves with it; the interval is that of \
             the minutes it was found in.",
            show_us(least * 1e6),
            show_us(most * 1e6),
            show_number(rate)
        )
    })
}

fn sentence(hunt: &Hunt, answer: &Answer) -> String {
    let rate = |rate: f64| format!("{}/s", show_number(rate));
    let users = answer.users.map(|users| format!(", about {} users", show_number(users))).unwrap_or_default();
    let why = match &answer.limited_by {
        Some(Limit::Generator(why)) => format!("the generator was the limit: {why}"),
        Some(Limit::MaxRate) => "more was not allowed (--max-rate)".to_owned(),
        Some(Limit::Time) => "the time limit came first".to_owned(),
        Some(Limit::Interrupted) => "the search was stopped by hand".to_owned(),
        None => String::new(),
    };
    match (answer.kind, answer.low_per_s, answer.high_per_s) {
        (AnswerKind::Found, Some(low), Some(high)) => {
            let first =
                answer.binding.as_ref().map(|it| format!("; {} breaks first", it.budget)).unwrap_or_default();
            let width = show_ratio(answer.half_width().unwrap_or(0.0));
            format!(
                "Holds {} iterations{users}: the capacity lies between {} and {} (± {width}){first}.",
                rate(low),
                rate(low),
                rate(high)
            )
        }
        (AnswerKind::AtLeast, Some(low), _) => {
            format!("Holds at least {} iterations{users}; {why}.", rate(low))
        }
        (AnswerKind::None, ..) => {
            let lowest = hunt.search.tried.first().map_or(0.0, |tried| tried.rate);
            let broken = hunt.search.tried.first().and_then(|tried| binding(hunt, tried));
            let which = broken.map_or_else(|| "the budgets are".to_owned(), |it| format!("{} is", it.budget));
            format!(
                "None: not even {} iterations, the lowest rate tried, are held; {which} broken there.",
                rate(lowest)
            )
        }
        _ => format!("No answer: {why}."),
    }
}

/// The exit code that says so.
pub fn exit(found: &Capacity) -> Exit {
    match (found.answer.kind, &found.answer.limited_by) {
        (_, Some(Limit::Interrupted)) => Exit::Interrupted,
        (AnswerKind::Found | AnswerKind::AtLeast, _) => Exit::Pass,
        (AnswerKind::None, _) => Exit::BudgetMissed,
        (AnswerKind::Unfinished, _) => Exit::Invalid,
    }
}

impl Pool {
    /// Requests answered as expected a second.
    pub fn requests_per_s(&self) -> f64 {
        self.completed as f64 / self.seconds.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_that_was_faster_at_one_minute_than_at_another_is_said() {
        let pool = |demands_us: &[f64]| {
            let demands_s = demands_us.iter().map(|us| us / 1e6).collect();
            Pool { demands_s, ..Pool::new() }
        };
        let said = |pools: &[(f64, Pool)]| unsteady(pools.iter().map(|(rate, pool)| (*rate, pool)), 0.05);

        let steady = [(7_000.0, pool(&[97.0, 100.0, 106.0])), (8_000.0, pool(&[91.0])), (9_000.0, pool(&[]))];
        assert_eq!(said(&steady), None);
        let changed = [(7_000.0, pool(&[97.0, 124.0, 108.0])), (8_000.0, pool(&[91.0, 99.0]))];
        let sentence = said(&changed).unwrap();
        assert!(
            sentence.starts_with(
                "A request took between 97 µs and 124 µs of the target's processor in 3 trials of one rate, 7,000/s"
            ),
            "{sentence}"
        );
    }
}
