//! What a placeholder stands for: constants, data, variables that an answer set before, generators.

use rand_distr::Zipf;

use super::Check;
use crate::{
    flow::{
        generate::Generator,
        template::{Fault, Value},
    },
    plan::{
        Overrides,
        de::At,
        forms::Scalar,
        model::Slot,
        problem::{Problem, Span, suggest},
        shapes::Pairs,
    },
};

const RESERVED: [&str; 4] = ["user", "uuid", "now", "iteration"];
const GENERATORS: [&str; 6] =
    ["uuid", "int(1,100)", "zipf(set.column, 1.1)", "sentence(5)", "now", "iteration"];

/// The variables that may be used at some point of a flow.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// Set by a step before.
    pub set: Vec<Slot>,
    /// Saved by any step of this list of steps, before or after.
    pub here: Vec<Slot>,
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
        if RESERVED.contains(&name.as_str()) {
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
        match inside {
            "uuid" => return Ok(Value::Made(Generator::Uuid)),
            "now" => return Ok(Value::Made(Generator::Now)),
            "iteration" => return Ok(Value::Made(Generator::Iteration)),
            "user.index" => return Ok(Value::Made(Generator::UserIndex)),
            _ => {}
        }
        if let Some((set, column)) = inside.split_once('.') {
            let (set, column) = self.column(set, Some(column)).map_err(Miss::Wrong)?;
            return Ok(Value::Cell { set, column });
        }
        if let Some(var) = self.vars.get(inside) {
            return Ok(Value::Constant { text: var.text.clone(), number: var.number });
        }
        self.slot(scope, inside).map(|slot| Value::Variable { slot, name: inside.into() })
    }

    /// The slot of a variable that a step before has saved.
    pub fn slot(&self, scope: &Scope, name: &str) -> Result<Slot, Miss> {
        let Some((slot, _, place)) = self.saved.get_full(name) else {
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
    fn column(&self, set: &str, column: Option<&str>) -> Result<(usize, usize), String> {
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

    fn generator(&self, inside: &str) -> Result<Generator, String> {
        let open = inside.find('(').unwrap_or(inside.len());
        let name = inside[..open].trim();
        let Some(args) = inside[open..].trim().strip_prefix('(').and_then(|rest| rest.strip_suffix(')'))
        else {
            return Err(format!("`{inside}` has no closing `)`"));
        };
        let args: Vec<&str> =
            if args.trim().is_empty() { Vec::new() } else { args.split(',').map(str::trim).collect() };
        match (name, args.as_slice()) {
            ("uuid", []) => Ok(Generator::Uuid),
            ("now", []) => Ok(Generator::Now),
            ("int", [from, to]) => match (from.parse::<i64>(), to.parse::<i64>()) {
                (Ok(from), Ok(to)) if from <= to => Ok(Generator::Int(from, to)),
                _ => Err(format!(
                    "`{inside}`: write two whole numbers, the smaller first, such as `int(1,100)`"
                )),
            },
            ("sentence", [words]) => match words.parse::<u32>() {
                Ok(words @ 1..=10_000) => Ok(Generator::Sentence(words)),
                _ => {
                    Err(format!("`{inside}`: write a number of words from 1 to 10000, such as `sentence(5)`"))
                }
            },
            ("zipf", [over, rest @ ..]) if rest.len() <= 1 => self.zipf(inside, over, rest.first().copied()),
            ("uuid" | "now" | "int" | "sentence" | "zipf", _) => {
                let right = GENERATORS.iter().find(|it| it.starts_with(name)).unwrap_or(&"");
                Err(format!("`{inside}` has the wrong number of values; write `{right}`"))
            }
            _ => {
                let hint = suggest(name, ["uuid", "int", "zipf", "sentence", "now"]);
                Err(format!("unknown generator `{name}`{hint}"))
            }
        }
    }

    fn zipf(&self, inside: &str, over: &str, exponent: Option<&str>) -> Result<Generator, String> {
        let wrong = || {
            format!(
                "`{inside}`: write a data set, one of its columns, or a number of values, and an exponent from 0 to 10, \
                 such as `zipf(products.id, 1.1)`"
            )
        };
        let exponent: f64 = exponent.unwrap_or("1").parse().map_err(|_| wrong())?;
        let law = |n: f64| match (0.0..=10.0).contains(&exponent) {
            true => Zipf::new(n, exponent).map_err(|_| wrong()),
            false => Err(wrong()),
        };
        if over.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
            return match over.parse::<u32>() {
                Ok(n) if n > 0 => law(f64::from(n)).map(Generator::Rank),
                _ => Err(wrong()),
            };
        }
        let (set, column) = match over.split_once('.') {
            Some((set, column)) => self.column(set, Some(column))?,
            None => self.column(over, None)?,
        };
        let rows = self.data.get(set).map_or(1, |set| set.rows());
        Ok(Generator::Popular { set, column, law: law(rows as f64)? })
    }
}
