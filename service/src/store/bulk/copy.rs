//! PostgreSQL's `COPY` in its text format: a row per line, tabs between values, `\N` for none, backslashes before what
//! would be mistaken (PostgreSQL, COPY, "Text Format").

use std::fmt::{Display, Write as _};

use sqlx::PgConnection;
use uuid::Uuid;

use super::Batch;
use crate::store::Result;

/// The lines of one table, under the statement that takes them.
pub type Table = (&'static str, String);

/// The lines of a batch, parents first.
pub fn lines(batch: &Batch, password_hash: &str) -> Vec<Table> {
    [
        (
            "COPY users (id, email, name, password_hash, role, created_at_us, updated_at_us) FROM STDIN",
            users(batch, password_hash),
        ),
        (
            "COPY products (id, title, description, category, price_cents, stock, created_at_us, updated_at_us) \
             FROM STDIN",
            products(batch),
        ),
        (
            "COPY tasks (id, user_id, title, description, status, priority, due_at_us, created_at_us, \
             updated_at_us) FROM STDIN",
            tasks(batch),
        ),
        ("COPY favorites (user_id, product_id, created_at_us) FROM STDIN", favorites(batch)),
        ("COPY sessions (id, user_id, ip, device, created_at_us, expires_at_us) FROM STDIN", sessions(batch)),
        ("COPY refresh_tokens (token_hash, session_id, expires_at_us) FROM STDIN", refresh_tokens(batch)),
        ("COPY email_directory (email, user_id, confirmed, reserved_at_us) FROM STDIN", addresses(batch)),
    ]
    .into_iter()
    .map(|(head, lines)| (head, lines.0))
    .filter(|(_, lines)| !lines.is_empty())
    .collect()
}

/// Stores them.
///
/// # Errors
/// [`crate::store::StoreError::Taken`] when one of the rows is there already.
pub async fn copy(connection: &mut PgConnection, tables: Vec<Table>) -> Result<()> {
    for (head, lines) in tables {
        let mut copy = connection.copy_in_raw(head).await?;
        copy.send(lines.into_bytes()).await?;
        copy.finish().await?;
    }
    Ok(())
}

/// Lines of values.
#[derive(Default)]
struct Lines(String);

impl Lines {
    /// A value that holds nothing that could be mistaken, such as a number.
    fn plain(&mut self, value: impl Display) -> &mut Self {
        // Writing to a string does not fail.
        let _ = write!(self.0, "{value}\t");
        self
    }

    fn id(&mut self, value: Uuid) -> &mut Self {
        self.0.push_str(value.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
        self.0.push('\t');
        self
    }

    fn text(&mut self, value: &str) -> &mut Self {
        let mut rest = value;
        while let Some(at) = rest.find(['\\', '\t', '\n', '\r']) {
            let (before, after) = rest.split_at(at);
            self.0.push_str(before);
            self.0.push_str(match after.as_bytes()[0] {
                b'\\' => "\\\\",
                b'\t' => "\\t",
                b'\n' => "\\n",
                _ => "\\r",
            });
            rest = &after[1..];
        }
        self.0.push_str(rest);
        self.0.push('\t');
        self
    }

    fn none(&mut self) -> &mut Self {
        self.0.push_str("\\N\t");
        self
    }

    fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.0.push_str("\\\\x");
        for byte in value {
            let _ = write!(self.0, "{byte:02x}");
        }
        self.0.push('\t');
        self
    }

    fn end(&mut self) {
        self.0.pop();
        self.0.push('\n');
    }
}

fn users(batch: &Batch, password_hash: &str) -> Lines {
    let mut lines = Lines::default();
    for user in &batch.users {
        lines.id(user.id).text(&user.email).text(&user.name).text(password_hash).text(user.role.as_str());
        lines.plain(user.created_at.0).plain(user.updated_at.0).end();
    }
    lines
}

fn products(batch: &Batch) -> Lines {
    let mut lines = Lines::default();
    for p in &batch.products {
        lines.id(p.id).text(&p.title).text(&p.description).text(&p.category);
        lines.plain(p.price_cents).plain(p.stock).plain(p.created_at.0).plain(p.updated_at.0).end();
    }
    lines
}

fn tasks(batch: &Batch) -> Lines {
    let mut lines = Lines::default();
    for (owner, task) in &batch.tasks {
        lines.id(task.id).id(*owner).text(&task.title);
        match &task.description {
            Some(description) => lines.text(description),
            None => lines.none(),
        };
        lines.text(task.status.as_str()).text(task.priority.as_str());
        match task.due_at {
            Some(due) => lines.plain(due.0),
            None => lines.none(),
        };
        lines.plain(task.created_at.0).plain(task.updated_at.0).end();
    }
    lines
}

fn favorites(batch: &Batch) -> Lines {
    let mut lines = Lines::default();
    for (user, product, at) in &batch.favorites {
        lines.id(*user).id(*product).plain(at.0).end();
    }
    lines
}

fn sessions(batch: &Batch) -> Lines {
    let mut lines = Lines::default();
    for s in &batch.sessions {
        lines.id(s.id).id(s.user_id).text("127.0.0.1").text("service seed");
        lines.plain(s.created_at.0).plain(s.expires_at.0).end();
    }
    lines
}

fn refresh_tokens(batch: &Batch) -> Lines {
    let mut lines = Lines::default();
    for s in &batch.sessions {
        lines.bytes(&s.refresh).id(s.id).plain(s.expires_at.0).end();
    }
    lines
}

fn addresses(batch: &Batch) -> Lines {
    let mut lines = Lines::default();
    for (email, user, at) in &batch.addresses {
        lines.text(email).id(*user).plain(true).plain(at.0).end();
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_be_mistaken_is_escaped() {
        let mut lines = Lines::default();
        lines.text("a\tb\\N\r\n").none().bytes(&[0, 255]).plain(-1).end();
        assert_eq!(lines.0, "a\\tb\\\\N\\r\\n\t\\N\t\\\\x00ff\t-1\n");
    }
}
