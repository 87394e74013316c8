//! The data files of a scenario.

use super::Check;
use crate::{
    flow::data::DataSet,
    plan::{
        de::At,
        file::{DataFile, Pick},
        model::Load,
        problem::Span,
        profile,
        shapes::Pairs,
    },
};

impl Check<'_> {
    /// Reads every data file.
    pub fn data_sets(&mut self, sets: Pairs<At<DataFile>>) {
        for (name, file) in sets.0 {
            let Some(set) = self.variable_name(&name) else { continue };
            if self.vars.contains_key(&set) {
                self.problem(
                    name.span,
                    format!("`{set}` is under `vars` too; give one of them another name"),
                );
            }
            let path = self.beside(file.csv.span.file, &file.csv);
            let read = DataSet::read(&set, self.data.len(), &path, file.pick.unwrap_or(Pick::Random));
            match self.keep(file.csv.span, read) {
                Some(set) => self.data.push(set),
                None => self.unread.push(set),
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
