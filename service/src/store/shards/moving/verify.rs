//! Whether what arrived is what left: rows are counted and checksummed on both sides, by table and user.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, bail};
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use super::Ends;
use super::copy::{staging, users};
use crate::store::shards::bucket::Bucket;
use crate::store::shards::tables::{TABLES, Table};

/// How many rows of a table are of a user, and the sum of their hashes. The sum does not depend on the order of rows, and
/// a row that is there twice shows in it.
type Digest = (i64, String);

/// By user and the table's place in the list, where there are rows.
pub(super) type Digests = BTreeMap<(Uuid, i16), Digest>;

/// The statement for the digests of what is shown of `whose` rows, an array of UUIDs as SQL has it: `n`, `whose`, `count`
/// and `sum`.
pub(super) fn digests_sql(whose: &str) -> String {
    let of_table = |(n, table): (usize, &Table)| {
        format!(
            "SELECT {n}::smallint AS n, {} AS whose, COUNT(*) AS count, \
             SUM(hashtextextended(t::text, 0))::text AS sum FROM {} GROUP BY 2",
            table.whose(),
            table.rows_of("public", whose)
        )
    };
    TABLES.iter().enumerate().map(of_table).collect::<Vec<_>>().join(" UNION ALL ")
}

/// What [`digests_sql`] returned.
pub(super) fn gather(lines: Vec<(i16, Uuid, i64, String)>) -> Digests {
    lines.into_iter().map(|(table, user, count, sum)| ((user, table), (count, sum))).collect()
}

/// The digests of what a database shows of `users`.
pub(super) async fn digests(database: &mut PgConnection, users: &[Uuid]) -> sqlx::Result<Digests> {
    let sql = AssertSqlSafe(digests_sql("$1"));
    Ok(gather(sqlx::query_as(sql).bind(users).fetch_all(database).await?))
}

/// What is known of the rows that arrived.
pub(super) struct Verified {
    /// Of the rows that leave.
    left: Digests,
    /// Users who changed since: what arrived of them is compared once nothing changes any more.
    open: BTreeSet<Uuid>,
    /// Users of whom something else arrived than is there, and what. Each must turn out to have changed meanwhile.
    doubtful: BTreeMap<Uuid, String>,
}

impl Verified {
    /// Compares all rows of the bucket, which goes on changing, with what the transaction of `arriving` has of them.
    ///
    /// # Errors
    /// When a database does not answer.
    pub async fn compare(ends: &mut Ends, bucket: Bucket) -> anyhow::Result<Self> {
        let staged =
            format!("SELECT id FROM {0}.users UNION SELECT user_id FROM {0}.sessions", staging(bucket));
        let staged: Vec<Uuid> =
            sqlx::query_scalar(AssertSqlSafe(staged)).fetch_all(&mut ends.arriving).await?;
        let mut whose = users(&mut ends.source, bucket).await?;
        whose.extend(staged);
        whose.sort_unstable();
        whose.dedup();
        let (left, arrived) =
            tokio::join!(digests(&mut ends.source, &whose), digests(&mut ends.arriving, &whose));
        let (left, arrived) =
            (left.context("reading what leaves")?, arrived.context("reading what arrived")?);
        let doubtful = differing(&left, &arrived);
        Ok(Self { left, open: BTreeSet::new(), doubtful })
    }

    /// These users changed and were copied again.
    pub fn changed(&mut self, users: &[Uuid]) {
        for user in users {
            self.doubtful.remove(user);
            self.open.insert(*user);
        }
    }

    /// Users who have to be compared when nothing changes any more.
    pub fn open(&self) -> Vec<Uuid> {
        self.open.iter().copied().collect()
    }

    /// Nothing changes any more: `left` has the digests of [`Self::open`] on the source, `arrived` those on the target.
    /// Returns how many users and how many rows leave.
    ///
    /// # Errors
    /// When something else arrived than left.
    pub fn conclude(mut self, left: Digests, arrived: &Digests) -> anyhow::Result<(usize, u64)> {
        self.doubtful.extend(differing(&left, arrived));
        if let Some((user, how)) = self.doubtful.pop_first() {
            bail!("what arrived of user {user} is not what left: {how}");
        }
        self.left.retain(|(user, _), _| !self.open.contains(user));
        self.left.extend(left);
        let users: BTreeSet<Uuid> = self.left.keys().map(|(user, _)| *user).collect();
        let rows: i64 = self.left.values().map(|(count, _)| count).sum();
        Ok((users.len(), u64::try_from(rows)?))
    }
}

/// The users whose digests are not the same, and how the first of each differs.
fn differing(left: &Digests, arrived: &Digests) -> BTreeMap<Uuid, String> {
    let nothing = (0, "0".to_owned());
    let keys: BTreeSet<&(Uuid, i16)> = left.keys().chain(arrived.keys()).collect();
    let mut found = BTreeMap::new();
    for key in keys {
        let (here, there) = (left.get(key).unwrap_or(&nothing), arrived.get(key).unwrap_or(&nothing));
        if here != there {
            let table =
                usize::try_from(key.1).ok().and_then(|n| TABLES.get(n)).map_or("?", |table| table.name);
            found.entry(key.0).or_insert_with(|| {
                format!(
                    "of {table} the source has {} rows with checksum {}, the copy {} with checksum {}",
                    here.0, here.1, there.0, there.1
                )
            });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: Uuid = Uuid::from_u128(1);
    const BOB: Uuid = Uuid::from_u128(2);

    fn digests(lines: &[(Uuid, i16, i64, &str)]) -> Digests {
        gather(
            lines
                .iter()
                .map(|(user, table, count, sum)| (*table, *user, *count, (*sum).to_owned()))
                .collect(),
        )
    }

    fn verified(left: &Digests, arrived: &Digests) -> Verified {
        Verified { left: left.clone(), open: BTreeSet::new(), doubtful: differing(left, arrived) }
    }

    #[test]
    fn a_row_that_differs_is_missing_or_is_one_too_many_is_found() {
        let left = digests(&[(ADA, 0, 1, "7"), (ADA, 4, 2, "9")]);
        for (arrived, told) in [
            (
                digests(&[(ADA, 0, 1, "7"), (ADA, 4, 2, "8")]),
                "of tasks the source has 2 rows with checksum 9",
            ),
            (digests(&[(ADA, 0, 1, "7")]), "of tasks the source has 2 rows"),
            (
                digests(&[(ADA, 0, 1, "7"), (ADA, 4, 2, "9"), (BOB, 0, 1, "1")]),
                "of users the source has 0 rows",
            ),
        ] {
            let error = verified(&left, &arrived).conclude(Digests::new(), &Digests::new()).unwrap_err();
            assert!(error.to_string().contains(told), "{error}");
        }
        assert_eq!(verified(&left, &left).conclude(Digests::new(), &Digests::new()).unwrap(), (1, 3));
    }

    #[test]
    fn who_changed_meanwhile_counts_as_compared_last() {
        let before = digests(&[(ADA, 0, 1, "7"), (BOB, 0, 1, "5"), (BOB, 4, 3, "5")]);
        let mut verified = verified(&before, &digests(&[(ADA, 0, 1, "7"), (BOB, 0, 1, "5")]));
        verified.changed(&[BOB]);
        assert_eq!(verified.open(), [BOB]);
        let after = digests(&[(BOB, 0, 1, "6")]);
        assert_eq!(verified.conclude(after.clone(), &after).unwrap(), (2, 2), "Bob's tasks were removed");
    }

    #[test]
    fn who_changed_and_did_not_arrive_so_is_found() {
        let mut verified = verified(&Digests::new(), &Digests::new());
        verified.changed(&[ADA]);
        let error = verified.conclude(digests(&[(ADA, 0, 1, "7")]), &Digests::new()).unwrap_err();
        assert!(error.to_string().contains("of users the source has 1 rows"), "{error}");
    }
}
