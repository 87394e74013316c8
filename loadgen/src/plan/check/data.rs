//! The data files of a scenario.

use std::path::PathBuf;

use super::Check;
use crate::{
    flow::{
        data::DataSet,
        template::{Escape, Template, Value},
    },
    plan::{
        de::At,
        file::{DataFile, Pick},
        model::Load,
        problem::{Span, suggest},
        profile,
        shapes::Pairs,
    },
};

impl Check<'_> {
    /// Reads every data file.
    pub fn data_sets(&mut self, sets: Pairs<At<DataFile>>) {
        for (name, file) in sets.0 {
            let Some(set) = self.variable_name(&name) else { continue };
            let Some(csv) = &file.csv else {
                self.problem(
                    name.span,
                    format!("`{set}` has no `csv`; name the file, such as `csv: data/{set}.csv`"),
                );
                self.unread.push(set);
                continue;
            };
            let Some(path) = self.data_path(csv) else {
                self.unread.push(set);
                continue;
            };
            let read = DataSet::read(&set, self.data.len(), &path, file.pick.unwrap_or(Pick::Random));
            let read = read.map_err(|message| match &file.made_by {
                Some(command) if !path.exists() => format!("{message}; make it with `{command}`"),
                _ => message,
            });
            match self.keep(csv.span, read) {
                Some(set) => self.data.push(set),
                None => self.unread.push(set),
            }
        }
    }

    /// Where a data file is: beside the scenario, or where the command line says, seen from where it was given.
    fn data_path(&mut self, csv: &At<String>) -> Option<PathBuf> {
        let mut from_here = false;
        let path = Template::parse(csv, Escape::None, &mut |inside| match self.vars.get(inside) {
            Some(var) => {
                from_here |= self.overridden.iter().any(|name| name == inside);
                Ok(Value::Constant { text: var.text.clone(), number: var.number })
            }
            None => {
                let hint = suggest(inside, self.vars.keys().map(String::as_str));
                Err(format!("undefined variable `{inside}`: a path can use what is under `vars`{hint}"))
            }
        });
        match path {
            Ok(path) => {
                let path = path.as_static().unwrap_or_default();
                Some(if from_here { path.into() } else { self.beside(csv.span.file, path) })
            }
            Err(faults) => {
                self.faults(csv.span, faults);
                None
            }
        }
    }

    /// Refuses a file of unique rows that is too short for the users of `load`.
    pub fn enough_rows(&mut self, load: &Load, span: Span) {
        let (users, what) = match load {
            Load::Users { stages, .. } => (profile::peak(stages).ceil() as usize, "users at the peak"),
            Load::Arrivals { max_in_flight, .. } => (*max_in_flight, "users of `max_in_flight`"),
        };
        let short: Vec<String> = self
            .data
            .iter()
            .filter(|set| set.pick == Pick::Unique && set.rows() < users)
            .map(|set| {
                format!(
                    "{users} {what} need a row of `{name}` each (pick: unique), and its file has {rows}; add rows, offer \
                     less load, or use `pick: random`",
                    name = set.name,
                    rows = set.rows()
                )
            })
            .collect();
        for message in short {
            self.problem(span, message);
        }
    }
}
