//! Which tables hold the data of users, and how a row of each says whose it is.

/// A table of users' data, which move with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// How a row says whose it is.
    pub owner: Owner,
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

const fn table(name: &'static str, owner: Owner) -> Table {
    Table { name, owner }
}

/// All of them, each behind those that its rows refer to.
pub const TABLES: &[Table] = &[
    table("users", Owner::Id),
    table("preferences", Owner::UserId),
    table("sessions", Owner::UserId),
    table("refresh_tokens", Owner::Session),
    table("tasks", Owner::UserId),
    table("favorites", Owner::UserId),
    table("idempotency_keys", Owner::UserId),
    table("api_keys", Owner::UserId),
    table("password_resets", Owner::UserId),
    table("jobs", Owner::UserId),
    table("outbox", Owner::UserId),
    table("notifications", Owner::UserId),
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
