//! Where the rows are that a question is about.

use uuid::Uuid;

use super::{Db, Store};

/// A database, and whose rows of it a question is about. That decides whether a replica may answer: never before it has
/// heard of the last write to the same rows that was acknowledged.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    pub(super) db: &'a Db,
    pub(super) rows: Rows,
}

/// Whose rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rows {
    /// One user's.
    Of(Uuid),
    /// The catalogue, as one.
    Catalog,
    /// Anybody's: always read where they are written.
    Any,
}

impl<'a> Place<'a> {
    /// The database, for questions about anybody's rows in it.
    pub fn database(self) -> &'a Db {
        self.db
    }

    /// The same rows, read where they are written, whatever was written and when.
    pub fn fresh(self) -> Self {
        Self { rows: Rows::Any, ..self }
    }
}

impl<'a> From<&'a Db> for Place<'a> {
    fn from(db: &'a Db) -> Self {
        Self { db, rows: Rows::Any }
    }
}

impl Store {
    /// Where the rows of `user` are: account, preferences, sessions, tasks, favourites, idempotency keys.
    pub fn of(&self, user: Uuid) -> Place<'_> {
        Place { db: &self.db, rows: Rows::Of(user) }
    }

    /// Where the catalogue is.
    pub fn catalog(&self) -> Place<'_> {
        Place { db: &self.db, rows: Rows::Catalog }
    }

    /// Where it is written down who has which e-mail address. Always read where it is written: who just registered can
    /// log in.
    pub fn directory(&self) -> Place<'_> {
        self.catalog().fresh()
    }

    /// Every database, each once.
    pub fn databases(&self) -> impl Iterator<Item = &Db> {
        std::iter::once(&self.db)
    }
}
