//! What a placeholder stands for: constants, data, variables that an answer set before, generators.

use super::{
    Check,
    generators::{GENERATORS, generator_of_name},
};
use crate::{
    flow::template::{Fault, Value},
    plan::{
        Overrides,
        de::At,
        forms::Scalar,
        model::Slot,
        problem::{Problem, Span, suggest},
        shapes::Pairs,
    },
};

/// The variables that may be used at some point of a flow.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// Set by a step before.
    pub set: Vec<Slot>,
    /// Saved by any step of this list of steps, before or after.
    pub here: Vec<Slot>,
    /// Blocks around this point.
    pub depth: usize,
}

/// Why a placeholder stands for nothing.
pub enum Miss {
    /// A variable that nothing before this point sets.
    NotYet(String),
    /// Nothing of this name, or a wrong use of it.
    Wrong(String),
}

impl Miss {
    /// The message.
    pub fn message(self) -> String {
        match self {
            Self::NotYet(message) | Self::Wrong(message) => message,
        }
    }
}

impl Check<'_> {
    /// Takes the scenario's constants, those of the command line in their place.
    pub fn vars(&mut self, vars: Pairs<At<Scalar>>, overrides: &Overrides) {
        for (name, value) in vars.0 {
            if let Some(name) = self.variable_name(&name) {
                self.vars.insert(name, value.value);
            }
        }
        for (name, value) in &overrides.vars {
            match self.vars.get_mut(name) {
                Some(var) => {
                    self.overridden.push(name.clone());
                    let number = value.parse::<serde_json::Number>().is_ok();
                    *var = Scalar { text: value.clone(), number };
                }
                None => {
                    let hint = suggest(name, self.vars.keys().map(String::as_str));
                    let message =
                        format!("--var {name}={value}: the scenario has no `{name}` under `vars`{hint}");
                    self.problems.push(Problem::elsewhere(message));
                }
            }
        }
    }

    /// A name that a variable can have.
    pub fn variable_name(&mut self, name: &At<String>) -> Option<String> {
        let plain = !name.is_empty()
            && !name.starts_with(|c: char| c.is_ascii_digit())
            && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
        if !plain {
            let message = format!(
                "`{}` cannot be the name of a variable; use letters, digits, `_` and `-`",
                name.value
            );
            self.problem(name.span, message);
            return None;
        }
        if name.value == "user" || generator_of_name(name).is_some() {
            self.problem(name.span, format!("`{}` is the name of a generator; choose another", name.value));
            return None;
        }
        Some(name.value.clone())
    }

    /// Reports what is wrong with the placeholders of the text at `span`.
    pub fn faults(&mut self, span: Span, faults: Vec<Fault>) {
        for fault in faults {
            let span = self.files.narrow(span, &fault.written);
            self.problem(span, fault.message);
        }
    }

    /// What the inside of a placeholder stands for.
    pub fn resolve(&self, scope: &Scope, inside: &str) -> Result<Value, Miss> {
        if inside.contains('(') {
            return self.generator(inside).map(Value::Made).map_err(Miss::Wrong);
        }
        if let Some(generator) = generator_of_name(inside) {
            return Ok(Value::Made(generator));
        }
        if let Some((set, column)) = inside.split_once('.') {
            let (set, column) = self.column(set, Some(column)).map_err(Miss::Wrong)?;
            return Ok(Value::Cell { set, column });
        }
        if let Some(var) = self.vars.get(inside) {
            return Ok(Value::Constant { text: var.text.clone(), number: var.number });
        }
        let slot = self.slot(scope, inside)?;
        let list = self.saved.get_index(slot).is_some_and(|(_, saved)| saved.list);
        let name = inside.into();
        Ok(if list { Value::List { slot, name } } else { Value::Variable { slot, name } })
    }

    /// The slot of a variable that a step before has saved.
    pub fn slot(&self, scope: &Scope, name: &str) -> Result<Slot, Miss> {
        let Some((slot, _, place)) =
            self.saved.get_full(name).map(|(slot, name, saved)| (slot, name, saved.place))
        else {
            let known: Vec<String> = self.known(scope);
            let hint = suggest(name, known.iter().map(String::as_str));
            return Err(Miss::Wrong(format!("undefined variable `{name}`{hint}")));
        };
        if scope.set.contains(&slot) {
            return Ok(slot);
        }
        Err(Miss::NotYet(if scope.here.contains(&slot) {
            format!(
                "`{name}` is used before the step that saves it (line {}); put that step first",
                place.line
            )
        } else {
            format!(
                "undefined variable `{name}`: another flow saves it (line {}) and it is forgotten at the end of that \
                 flow; save it here, before this step, or in `on_start`",
                place.line
            )
        }))
    }

    fn known(&self, scope: &Scope) -> Vec<String> {
        let saved = self.saved.keys().enumerate().filter(|(slot, _)| scope.set.contains(slot));
        let columns =
            self.data.iter().flat_map(|set| set.columns.iter().map(|it| format!("{}.{it}", set.name)));
        let generators = GENERATORS.iter().map(|it| (*it).to_owned());
        let own = self.vars.keys().cloned().chain(saved.map(|(_, name)| name.clone()));
        own.chain(columns).chain(generators).collect()
    }

    /// Index of a data set and of one of its columns, by default its first.
    pub fn column(&self, set: &str, column: Option<&str>) -> Result<(usize, usize), String> {
        if self.unread.iter().any(|it| it == set) {
            // The file's own problem has been reported; this is no second one.
            return Ok((usize::MAX, 0));
        }
        let Some(index) = self.data.iter().position(|it| it.name == set) else {
            let hint = suggest(
                set,
                self.data.iter().map(|it| it.name.as_str()).chain(self.unread.iter().map(String::as_str)),
            );
            return Err(format!("there is no data set `{set}` under `data`{hint}"));
        };
        let columns = &self.data[index].columns;
        let Some(column) = column else { return Ok((index, 0)) };
        match columns.iter().position(|it| it == column) {
            Some(column) => Ok((index, column)),
            None => {
                let hint = suggest(column, columns.iter().map(String::as_str));
                Err(format!("the data set `{set}` has no column `{column}`{hint}"))
            }
        }
    }
}
