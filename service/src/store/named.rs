//! The questions with their names, for `explain`. Each family of tables lists its own, from the same text that it asks.

use std::borrow::Cow;

use super::{
    analytics, api_keys, cache_processes, co_favorites, directory, events, favorites, idempotency, jobs,
    notifications, outbox, password_resets, preferences, products, recommendations, roles, schedules,
    sessions, task_batch, tasks, users,
};

/// A question with its SQL.
pub struct Named {
    /// What it is called, such as `tasks: list, newest first`.
    pub name: &'static str,
    /// As it is sent to SQLite, if it is; values are `$1`, `$2` and so on.
    pub sqlite: Option<Cow<'static, str>>,
    /// As it is sent to PostgreSQL.
    pub postgres: Cow<'static, str>,
    /// What the values are, for a plan like those of real requests.
    pub arguments: Vec<Arg>,
    /// Whether requests, or those who work for them all the time, ask it, so that it must not read a whole table.
    pub hot: bool,
}

/// What stands for a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arg {
    /// The id of a user who is there.
    User,
    /// That user's e-mail address.
    Email,
    /// The id of one of that user's tasks.
    Task,
    /// The id of a product that is there.
    Product,
    /// The id of a session that is there.
    Session,
    /// The hash of one of its refresh tokens.
    Token,
    /// An id of something else, which is not there.
    Id,
    /// Some bytes.
    Bytes,
    /// A number.
    Int(i64),
    /// Yes or no.
    Bool(bool),
    /// A text.
    Text(&'static str),
    /// No text.
    NoText,
    /// No id.
    NoId,
}

/// SQL that is always the same, or was put together.
pub trait Sql {
    /// Its text.
    fn text(self) -> Cow<'static, str>;
}

impl Sql for &'static str {
    fn text(self) -> Cow<'static, str> {
        self.into()
    }
}

impl Sql for String {
    fn text(self) -> Cow<'static, str> {
        self.into()
    }
}

impl Sql for sqlx::QueryBuilder<sqlx::Postgres> {
    fn text(self) -> Cow<'static, str> {
        self.into_string().into()
    }
}

impl Named {
    /// A question that is asked all the time.
    pub fn hot(name: &'static str, sql: impl Sql, arguments: &[Arg]) -> Self {
        let postgres = sql.text();
        Self { name, sqlite: Some(postgres.clone()), postgres, arguments: arguments.to_vec(), hot: true }
    }

    /// A question that is asked now and then, or one that is known to read much.
    pub fn cold(name: &'static str, sql: impl Sql, arguments: &[Arg]) -> Self {
        Self { hot: false, ..Self::hot(name, sql, arguments) }
    }

    /// The same, which PostgreSQL is asked in other words.
    pub fn on_postgres(self, sql: impl Sql) -> Self {
        Self { postgres: sql.text(), ..self }
    }

    /// The same, which SQLite is never asked.
    pub fn on_postgres_alone(self) -> Self {
        Self { sqlite: None, ..self }
    }
}

/// All of them.
pub fn all() -> Vec<Named> {
    [
        users::questions(),
        preferences::questions(),
        sessions::questions(),
        tasks::questions(),
        products::questions(),
        favorites::questions(),
        idempotency::questions(),
        api_keys::questions(),
        password_resets::questions(),
        roles::questions(),
        cache_processes::questions(),
        co_favorites::questions(),
        recommendations::questions(),
        directory::questions(),
        task_batch::questions(),
        jobs::questions(),
        outbox::questions(),
        schedules::questions(),
        notifications::questions(),
        events::questions(),
        analytics::questions(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_question_has_a_name_of_its_own_and_a_value_for_each_place() {
        let all = all();
        for question in &all {
            assert_eq!(
                all.iter().filter(|other| other.name == question.name).count(),
                1,
                "{}",
                question.name
            );
            for sql in question.sqlite.iter().chain([&question.postgres]) {
                let places = (1..).take_while(|n| sql.contains(&format!("${n}"))).count();
                assert_eq!(places, question.arguments.len(), "{}: {sql}", question.name);
            }
        }
    }
}
