//! Where the rows are that a question is about.

use uuid::Uuid;

use super::idempotency::Claim;
use super::shards::{Home, Sharding};
use super::{Db, Store, in_flight};

/// A database, and whose rows of it a question is about. That decides whether a replica may answer: never before it has
/// heard of the last write to the same rows that was acknowledged.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    pub(super) db: &'a Db,
    pub(super) rows: Rows,
    /// The bucket that the rows are in, where users are spread over several databases.
    pub(super) home: Option<Home<'a>>,
    /// The request that a transaction does, if it must not be done twice at the same time.
    pub(super) claim: Option<i64>,
}

/// Whose rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rows {
    /// One user's.
    Of(Uuid),
    /// The catalogue, as one.
    Catalog,
    /// One user's, shown together with the catalogue's: to be read, never to be written.
    WithCatalog(Uuid),
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

    /// The same rows, shown together with those of the catalogue, where both are in one database.
    pub fn with_catalog(self) -> Self {
        match self.rows {
            Rows::Of(user) => Self { rows: Rows::WithCatalog(user), ..self },
            _ => self,
        }
    }

    /// The same rows, for a transaction that does the claimed request of `user`: it is refused while another does it.
    pub(super) fn claiming(self, user: Uuid, claim: Option<&Claim<'_>>) -> Self {
        Self { claim: claim.map(|claim| in_flight::number(user, claim.key)), ..self }
    }
}

impl<'a> From<&'a Db> for Place<'a> {
    fn from(db: &'a Db) -> Self {
        Self { db, rows: Rows::Any, home: None, claim: None }
    }
}

impl Store {
    /// Where the rows of `user` are: account, preferences, sessions, tasks, favourites, idempotency keys.
    pub fn of(&self, user: Uuid) -> Place<'_> {
        let rows = Rows::Of(user);
        let home = self.sharding.as_ref().and_then(|sharding| sharding.home(user));
        match home {
            Some((db, home)) => Place { db, rows, home: Some(home), claim: None },
            None => Place { db: &self.db, rows, home: None, claim: None },
        }
    }

    /// Where the catalogue is.
    pub fn catalog(&self) -> Place<'_> {
        Place { db: &self.db, rows: Rows::Catalog, home: None, claim: None }
    }

    /// Where it is written down who has which e-mail address. Always read where it is written: who just registered can
    /// log in.
    pub fn directory(&self) -> Place<'_> {
        self.catalog().fresh()
    }

    /// Every database, each once.
    pub fn databases(&self) -> impl Iterator<Item = &Db> {
        std::iter::once(&self.db).chain(self.sharding.iter().flat_map(Sharding::databases))
    }

    /// Every database that users' data are in, each once.
    pub fn everywhere(&self) -> impl Iterator<Item = &Db> {
        let alone = self.sharding.is_none().then_some(&self.db);
        alone.into_iter().chain(self.sharding.iter().flat_map(Sharding::databases))
    }

    /// The databases that users are spread over; `None` where one holds all of them.
    pub fn sharding(&self) -> Option<&Sharding> {
        self.sharding.as_ref()
    }

    /// Whether users are spread over several databases.
    pub fn is_sharded(&self) -> bool {
        self.sharding.is_some()
    }
}
