//! What must hold.

use record::{Budget, Metric};

use super::{Check, observe::observed};
use crate::plan::{de::At, model::Observer, problem::suggest, watch::BudgetEntry};

/// What budgets can be about beside observed values.
const METRICS: [&str; 7] = ["p50", "p95", "p99", "max", "error_rate", "throughput", "request"];

impl Check<'_> {
    /// The budgets, each of which is about something that the scenario does or observes.
    pub fn budgets(&mut self, entries: Vec<At<BudgetEntry>>, observers: &[Observer]) -> Vec<Budget> {
        let names: Vec<&str> = observers.iter().flat_map(observed).collect();
        let mut budgets = Vec::new();
        for entry in entries {
            let pairs = &entry.value.0.0;
            let request = pairs.iter().find(|(key, _)| key.value == "request").map(|(_, value)| value);
            if let Some(request) = request.filter(|it| !self.requests.contains(&it.text)) {
                let hint = suggest(&request.text, self.requests.iter().map(String::as_str));
                self.problem(request.span, format!("no request is called `{}`{hint}", request.text));
            }
            if pairs.len() == usize::from(request.is_some()) {
                self.problem(entry.span, "a budget without a limit; write such as `p95: 200ms`");
            }
            for (key, value) in pairs.iter().filter(|(key, _)| key.value != "request") {
                match Budget::parse(request.map(|it| it.text.as_str()), key, &value.text) {
                    _ if self.unknown_metric(key, &names) => {}
                    Ok(budget) => budgets.push(budget),
                    Err(message) => self.problem(value.span, message),
                }
            }
        }
        budgets
    }

    fn unknown_metric(&mut self, key: &At<String>, names: &[&str]) -> bool {
        // The value is judged on its own; here only the name is.
        let metric = Budget::parse(None, key, "1").map(|budget| budget.metric);
        let unknown = matches!(metric, Ok(Metric::Observed(_))) && !names.contains(&key.as_str());
        if unknown {
            let hint = suggest(key, names.iter().copied().chain(METRICS));
            self.problem(key.span, format!("nothing observed is called `{}`{hint}", key.value));
        }
        unknown
    }
}
