//! Flows and their steps.

use super::{
    Check,
    names::{Miss, Scope},
};
use crate::{
    flow::template::has_placeholder,
    plan::{
        de::At,
        file,
        model::{Action, Flow, Slot, Step},
        problem::nearest,
    },
};

impl Check<'_> {
    /// Finds the names of all variables that steps save, so that a name used too early is told from an unknown one.
    pub fn collect_saved(&mut self, on_start: &[At<file::Step>], flows: &[At<file::Flow>]) {
        for step in on_start.iter().chain(flows.iter().flat_map(|flow| flow.steps.iter())) {
            for (name, _) in step.save.iter().flat_map(|save| &save.0) {
                let Some(saved) = self.variable_name(name) else { continue };
                if self.vars.contains_key(&saved) {
                    let message = format!("`{saved}` is under `vars` already; save it by another name");
                    self.problem(name.span, message);
                }
                self.saved.entry(saved).or_insert(name.span);
            }
        }
    }

    /// The steps that each user does once, and the variables they set.
    pub fn on_start(&mut self, steps: &[At<file::Step>]) -> (Vec<Step>, Vec<Slot>) {
        let scope = Scope { set: Vec::new(), here: self.saved_by(steps) };
        let kept = scope.here.clone();
        (self.steps(steps, scope), kept)
    }

    /// The flows; `kept` are the variables that `on_start` set.
    pub fn flows(&mut self, flows: &[At<file::Flow>], kept: &[Slot]) -> Vec<Flow> {
        let mut made: Vec<Flow> = Vec::new();
        for flow in flows {
            if flow.name.trim().is_empty() {
                self.problem(flow.name.span, "a flow without a name; say what the user does");
            } else if made.iter().any(|other| other.name == flow.name.value) {
                self.problem(
                    flow.name.span,
                    format!("a second flow `{}`; name it otherwise", flow.name.value),
                );
            }
            let weight = flow.weight.as_ref().map_or(1.0, |weight| {
                if !(weight.value > 0.0 && weight.value <= 1e9) {
                    let message = format!(
                        "a weight of {} gives no share of the load; write a number above 0, or take the flow out",
                        weight.value
                    );
                    self.problem(weight.span, message);
                }
                weight.value
            });
            let scope = Scope { set: kept.to_vec(), here: self.saved_by(&flow.steps) };
            let before = self.problems.len();
            let steps = self.steps(&flow.steps, scope);
            let requests = steps.iter().any(|step| matches!(step.action, Action::Request(_)));
            if !requests && self.problems.len() == before {
                let message = format!("the flow `{}` sends nothing; give it a request", flow.name.value);
                self.problem(flow.steps.span, message);
            }
            made.push(Flow { name: flow.name.value.clone(), weight, steps });
        }
        made
    }

    fn saved_by(&self, steps: &[At<file::Step>]) -> Vec<Slot> {
        let names = steps.iter().filter_map(|step| step.save.as_ref()).flat_map(|save| &save.0);
        let mut slots: Vec<Slot> =
            names.filter_map(|(name, _)| self.saved.get_index_of(name.as_str())).collect();
        slots.sort_unstable();
        slots.dedup();
        slots
    }

    fn steps(&mut self, steps: &[At<file::Step>], mut scope: Scope) -> Vec<Step> {
        let mut made = Vec::new();
        for step in steps {
            let condition = step.condition.as_ref().map(|name| self.condition(name, &scope));
            let action = match &step.think {
                Some(think) => {
                    self.only_think(step);
                    self.think(think).map(Action::Think)
                }
                None => self.request(step, &scope).map(|request| Action::Request(Box::new(request))),
            };
            let saved = step.save.iter().flat_map(|save| &save.0);
            scope.set.extend(saved.filter_map(|(name, _)| self.saved.get_index_of(name.as_str())));
            if let (Some(action), None | Some(Some(_))) = (action, condition) {
                made.push(Step { condition: condition.flatten(), action });
            }
        }
        made
    }

    fn condition(&mut self, name: &At<String>, scope: &Scope) -> Option<Slot> {
        if has_placeholder(name) {
            let bare = name.trim_start_matches("${").trim_end_matches('}');
            self.problem(name.span, format!("`if` takes the bare name of a saved variable: `if: {bare}`"));
            return None;
        }
        match self.slot(scope, name) {
            Ok(slot) => Some(slot),
            Err(Miss::NotYet(message)) => self.keep(name.span, Err(message)),
            Err(Miss::Wrong(_)) => {
                let saved: Vec<&str> = self.saved.keys().map(String::as_str).collect();
                let hint = nearest(name, &saved).map_or_else(
                    || "; `if` takes a variable that a step before saves".to_owned(),
                    |near| format!("; did you mean `{near}`?"),
                );
                let message = format!("no step saves a variable `{}`{hint}", name.value);
                self.problem(name.span, message);
                None
            }
        }
    }

    /// Refuses what belongs to a request in a step that only pauses.
    fn only_think(&mut self, step: &At<file::Step>) {
        let spans = [
            step.get.as_ref().map(|it| ("get", it.key)),
            step.post.as_ref().map(|it| ("post", it.key)),
            step.put.as_ref().map(|it| ("put", it.key)),
            step.patch.as_ref().map(|it| ("patch", it.key)),
            step.delete.as_ref().map(|it| ("delete", it.key)),
            step.head.as_ref().map(|it| ("head", it.key)),
            step.options.as_ref().map(|it| ("options", it.key)),
            step.name.as_ref().map(|it| ("name", it.key)),
            step.json.as_ref().map(|it| ("json", it.key)),
            step.body.as_ref().map(|it| ("body", it.key)),
            step.timeout.as_ref().map(|it| ("timeout", it.key)),
            step.form.as_ref().map(|_| ("form", step.span)),
            step.headers.as_ref().map(|_| ("headers", step.span)),
            step.expect.as_ref().map(|_| ("expect", step.span)),
            step.save.as_ref().map(|_| ("save", step.span)),
            step.follow_redirects.map(|_| ("follow_redirects", step.span)),
        ];
        for (key, span) in spans.into_iter().flatten() {
            self.problem(span, format!("`{key}` in a step that pauses; make the `think` a step of its own"));
        }
    }
}
