//! Flows, and the variables that their steps set.

use super::{Check, Saved, names::Scope};
use crate::plan::{
    de::At,
    file,
    model::{Flow, Slot, Step, requests_of},
    shapes::OrMap,
};

impl Check<'_> {
    /// Finds the names of all variables that steps set, so that a name used too early is told from an unknown one.
    pub fn collect_saved(&mut self, on_start: &[At<file::Step>], flows: &[At<file::Flow>]) {
        for step in on_start.iter().chain(flows.iter().flat_map(|flow| flow.steps.iter())) {
            file::Step::each(step, &mut |step| self.collect_saved_by(step));
        }
    }

    fn collect_saved_by(&mut self, step: &file::Step) {
        for (name, list) in names_set(step) {
            let Some(saved) = self.variable_name(name) else { continue };
            if self.vars.contains_key(&saved) {
                let message = format!("`{saved}` is under `vars` already; save it by another name");
                self.problem(name.span, message);
            }
            let first = *self.saved.entry(saved).or_insert(Saved { place: name.span, list });
            if first.list != list {
                let message = format!(
                    "`{}` holds one value in one place and `pick: all` in another (line {}); save it by another name",
                    name.value, first.place.line
                );
                self.problem(name.span, message);
            }
        }
    }

    /// The steps that each user does once, and the variables they set.
    pub fn on_start(&mut self, steps: &[At<file::Step>]) -> (Vec<Step>, Vec<Slot>) {
        let mut scope = Scope { here: self.saved_by(steps), ..Scope::default() };
        let kept = scope.here.clone();
        (self.steps(steps, &mut scope), kept)
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
            let weight = self.weight(flow.weight.as_ref());
            let mut scope =
                Scope { set: kept.to_vec(), here: self.saved_by(&flow.steps), ..Scope::default() };
            let before = self.problems.len();
            let steps = self.steps(&flow.steps, &mut scope);
            if requests_of(&steps).is_empty() && self.problems.len() == before {
                let message = format!("the flow `{}` sends nothing; give it a request", flow.name.value);
                self.problem(flow.steps.span, message);
            }
            made.push(Flow { name: flow.name.value.clone(), weight, steps });
        }
        made
    }

    /// The slots of all that `steps` set, in and out of blocks.
    fn saved_by(&self, steps: &[At<file::Step>]) -> Vec<Slot> {
        let mut slots = Vec::new();
        for step in steps {
            file::Step::each(step, &mut |step| {
                slots.extend(names_set(step).filter_map(|(name, _)| self.saved.get_index_of(name.as_str())));
            });
        }
        slots.sort_unstable();
        slots.dedup();
        slots
    }

    /// A share relative to others.
    pub fn weight(&mut self, weight: Option<&At<f64>>) -> f64 {
        weight.map_or(1.0, |weight| {
            if !(weight.value > 0.0 && weight.value <= 1e9) {
                let message = format!(
                    "a weight of {} gives no share of the load; write a number above 0, or take it out",
                    weight.value
                );
                self.problem(weight.span, message);
            }
            weight.value
        })
    }
}

/// The variables that one step sets, blocks inside it apart, and whether each holds all values of an answer.
pub fn names_set(step: &file::Step) -> impl Iterator<Item = (&At<String>, bool)> {
    let saved = step.save.iter().flat_map(|save| &save.0).map(|(name, source)| {
        let all =
            matches!(&source.value, OrMap::Map(map) if map.pick.as_ref().is_some_and(|it| it.0 == "all"));
        (name, all)
    });
    let set = step.set.iter().flat_map(|set| &set.0).map(|(name, _)| (name, false));
    let counted = step.looped.iter().filter_map(|it| match &it.value {
        OrMap::Map(map) => map.variable.as_ref(),
        OrMap::Short(_) => None,
    });
    saved.chain(set).chain(counted.map(|name| (name, false)))
}
