//! Who has which e-mail address, where users are spread over several databases. Without shards the table of users says
//! it, and everything here does nothing.
//!
//! An address is *reserved* here before the account (or its new address) is stored in its shard, and *confirmed* after.
//! An account has an address where both say so, and whoever logs in needs both. What a process that died left behind
//! between the two is found out by whoever wants the address next: if the shard has the account, it is confirmed; if not,
//! and nobody can still be at it, it is taken over. Nothing is acknowledged before it is confirmed, and only whoever holds
//! the reservation can confirm.

use uuid::Uuid;

use super::named::{Arg, Named};
use super::{Op, Result, Store, StoreError, Timestamp, ro, rw};

/// Storing an account takes no longer than this: a reservation that is older and has no account was left behind. Waiting
/// for connections and statements is bounded far below it.
const UNDECIDED_US: i64 = 30_000_000;

/// Whoever has an address, or is about to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
struct Holder {
    user_id: Uuid,
    confirmed: bool,
    reserved_at_us: i64,
}

const RESERVE: &str = "INSERT INTO email_directory (email, user_id, confirmed, reserved_at_us) \
                       VALUES ($1, $2, FALSE, $3) ON CONFLICT (email) DO UPDATE SET reserved_at_us = $3 \
                       WHERE email_directory.user_id = $2";
const HOLDER: &str = "SELECT user_id, confirmed, reserved_at_us FROM email_directory WHERE email = $1";
const TAKE_OVER: &str = "UPDATE email_directory SET user_id = $2, confirmed = FALSE, reserved_at_us = $3 \
                         WHERE email = $1 AND user_id = $4 AND reserved_at_us = $5";

/// Reserves `email`, in lower case, for `user`. Reserving again is reserving once.
///
/// # Errors
/// [`StoreError::Taken`] when another account has it; [`StoreError::Undecided`] while another may be getting it.
pub(super) async fn reserve(store: &Store, email: &str, user: Uuid, now: Timestamp) -> Result<()> {
    if !store.is_sharded() {
        return Ok(());
    }
    loop {
        let reserved = store
            .timed(Op::EmailReserve, async {
                Ok::<_, StoreError>(
                    rw!(store.directory(), p => sqlx::query(RESERVE).bind(email).bind(user).bind(now)
                    .execute(p).await?.rows_affected()),
                )
            })
            .await?;
        if reserved > 0 {
            return Ok(());
        }
        let holder: Option<Holder> = store
            .timed(Op::EmailFind, async {
                Ok::<_, StoreError>(ro!(store.directory(), p => sqlx::query_as(HOLDER).bind(email)
                    .fetch_optional(p).await?))
            })
            .await?;
        // It was given back meanwhile.
        let Some(holder) = holder else { continue };
        if has(store, holder.user_id, email).await? {
            if !holder.confirmed {
                confirm(store, email, holder.user_id).await?;
            }
            return Err(StoreError::Taken);
        }
        if now.0.saturating_sub(holder.reserved_at_us) < UNDECIDED_US {
            return Err(StoreError::Undecided);
        }
        let taken_over = store
            .timed(Op::EmailReserve, async {
                Ok::<_, StoreError>(
                    rw!(store.directory(), p => sqlx::query(TAKE_OVER).bind(email).bind(user).bind(now)
                    .bind(holder.user_id).bind(holder.reserved_at_us).execute(p).await?.rows_affected()),
                )
            })
            .await?;
        if taken_over > 0 {
            return Ok(());
        }
    }
}

const HAS: &str = "SELECT COUNT(*) FROM users WHERE id = $1 AND email = $2";

/// Whether the account `user` exists and has the address.
async fn has(store: &Store, user: Uuid, email: &str) -> Result<bool> {
    store
        .timed(Op::UserGet, async {
            let count: i64 = ro!(store.of(user).fresh(), p => sqlx::query_scalar(HAS).bind(user).bind(email)
                .fetch_one(p).await?);
            Ok(count > 0)
        })
        .await
}

const CONFIRM: &str = "UPDATE email_directory SET confirmed = TRUE WHERE email = $1 AND user_id = $2";

/// Makes a reservation of `user` final; whether it was still there.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn confirm(store: &Store, email: &str, user: Uuid) -> Result<bool> {
    if !store.is_sharded() {
        return Ok(true);
    }
    store
        .timed(Op::EmailConfirm, async {
            Ok(rw!(store.directory(), p => sqlx::query(CONFIRM).bind(email).bind(user).execute(p).await?
                .rows_affected())
                > 0)
        })
        .await
}

/// Gives back what was reserved for an account that could not be stored, unless the account has the address all the same.
///
/// # Errors
/// When the database does not answer; then it is free once somebody wants it.
pub(super) async fn withdraw(store: &Store, email: &str, user: Uuid) -> Result<()> {
    if store.is_sharded() && !has(store, user, email).await? {
        release(store, email, user).await?;
    }
    Ok(())
}

const RELEASE: &str = "DELETE FROM email_directory WHERE email = $1 AND user_id = $2";

/// Gives back an address that `user` does not have (any more).
///
/// # Errors
/// When the database does not answer; then it is free once somebody wants it.
pub(super) async fn release(store: &Store, email: &str, user: Uuid) -> Result<()> {
    if !store.is_sharded() {
        return Ok(());
    }
    store
        .timed(Op::EmailRelease, async {
            rw!(store.directory(), p => sqlx::query(RELEASE).bind(email).bind(user).execute(p).await?.rows_affected());
            Ok(())
        })
        .await
}

const FIND: &str = "SELECT user_id FROM email_directory WHERE email = $1";

/// Who has, or is about to have, the address, in lower case. Its shard knows whether that is so.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn find(store: &Store, email: &str) -> Result<Option<Uuid>> {
    store
        .timed(Op::EmailFind, async {
            Ok(ro!(store.directory(), p => sqlx::query_scalar(FIND).bind(email).fetch_optional(p).await?))
        })
        .await
}

/// What `explain` shows of this file.
pub(super) fn questions() -> Vec<Named> {
    use Arg::{Email, Id, Int, User};
    let all = vec![
        Named::hot("directory: reserve", RESERVE, &[Email, User, Int(1)]),
        Named::hot("directory: who has an address", HOLDER, &[Email]),
        Named::hot("directory: take over", TAKE_OVER, &[Email, User, Int(2), Id, Int(1)]),
        Named::hot("directory: is it so", HAS, &[User, Email]),
        Named::hot("directory: confirm", CONFIRM, &[Email, User]),
        Named::hot("directory: release", RELEASE, &[Email, User]),
        Named::hot("directory: find", FIND, &[Email]),
    ];
    all.into_iter().map(Named::on_postgres_alone).collect()
}
