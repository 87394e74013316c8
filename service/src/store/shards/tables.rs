//! Which tables hold the data of users, and how a row of each says whose it is.

/// A table of users' data, which move with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// How a row says whose it is.
    pub owner: Owner,
    /// Its primary key.
    pub key: &'static str,
    /// What its rows are noted by when they change, an id, as `guard_bucket` has it in the database.
    pub noted_by: &'static str,
}

/// How a row says whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// It is the user.
    Id,
    /// It names the user.
    UserId,
    /// It names a session, which names the user.
    Session,
}

const fn table(name: &'static str, owner: Owner, key: &'static str, noted_by: &'static str) -> Table {
    Table { name, owner, key, noted_by }
}

/// All of them, each behind those that its rows refer to.
pub const TABLES: &[Table] = &[
    table("users", Owner::Id, "id", "id"),
    table("preferences", Owner::UserId, "user_id", "user_id"),
    table("sessions", Owner::UserId, "id", "id"),
    table("refresh_tokens", Owner::Session, "token_hash", "session_id"),
    table("tasks", Owner::UserId, "id", "id"),
    table("favorites", Owner::UserId, "user_id, product_id", "product_id"),
    table("idempotency_keys", Owner::UserId, "user_id, key", "user_id"),
    table("api_keys", Owner::UserId, "id", "id"),
    table("password_resets", Owner::UserId, "token_hash", "user_id"),
    table("jobs", Owner::UserId, "id", "id"),
    table("outbox", Owner::UserId, "job_id", "job_id"),
    table("notifications", Owner::UserId, "id", "id"),
];

/// Tables whose rows are of the catalogue, of the directory, or of the database itself: they stay.
#[cfg(test)]
pub(super) const STAYING: &[&str] = &[
    "_sqlx_migrations",
    "products",
    "events",
    "event_users",
    "search_terms",
    "schedules",
    "cache_processes",
    "co_favorites",
    "co_favorites_walk",
    "bucket_map",
    "bucket_map_version",
    "email_directory",
    "shard_identity",
    "buckets",
    "bucket_changes",
];

impl Table {
    /// Its rows `t` in `schema` that are of one of `users`, an array of UUIDs as SQL has it: what follows `FROM`.
    pub fn rows_of(&self, schema: &str, users: &str) -> String {
        let join = match self.owner {
            Owner::Id | Owner::UserId => String::new(),
            Owner::Session => format!(" JOIN {schema}.sessions s ON s.id = t.session_id"),
        };
        format!("{schema}.{} t{join} WHERE {} = ANY ({users})", self.name, self.whose())
    }

    /// Its rows `t` in `schema` that changed: those noted by one of `ids` that are of one of `users`, both arrays of UUIDs as
    /// SQL has them.
    pub fn noted(&self, schema: &str, ids: &str, users: &str) -> String {
        let of_users = match self.owner {
            Owner::UserId => format!(" AND t.user_id = ANY ({users})"),
            // These ids are one user's alone.
            Owner::Id | Owner::Session => String::new(),
        };
        format!("{schema}.{} t WHERE t.{} = ANY ({ids}){of_users}", self.name, self.noted_by)
    }

    /// The names of tables whose notes are about rows of this one, as a list for SQL: a session that goes takes its tokens
    /// along.
    pub fn notes(&self) -> String {
        match self.owner {
            Owner::Session => format!("'{}', 'sessions'", self.name),
            Owner::Id | Owner::UserId => format!("'{}'", self.name),
        }
    }

    /// Whose a row of [`Self::rows_of`] is.
    pub fn whose(&self) -> &'static str {
        match self.owner {
            Owner::Id => "t.id",
            Owner::UserId => "t.user_id",
            Owner::Session => "s.user_id",
        }
    }

    /// The statement that removes the same rows.
    pub fn delete_of(&self, schema: &str, users: &str) -> String {
        let of_users = match self.owner {
            Owner::Id | Owner::UserId => format!("{} = ANY ({users})", self.whose()),
            Owner::Session => {
                format!(
                    "t.session_id IN (SELECT s.id FROM {schema}.sessions s WHERE s.user_id = ANY ({users}))"
                )
            }
        };
        format!("DELETE FROM {schema}.{} t WHERE {of_users}", self.name)
    }

    /// The column that says whose a row is, as its trigger is told.
    pub fn owner_column(&self) -> &'static str {
        match self.owner {
            Owner::Id => "id",
            Owner::UserId => "user_id",
            Owner::Session => "session_id",
        }
    }
}
