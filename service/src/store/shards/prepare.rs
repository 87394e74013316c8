//! Makes databases into the shards of one directory, and checks that they are.

use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tokio::time::Instant;
use uuid::Uuid;

use super::bucket::{BUCKETS, Bucket};
use super::directory_map::read_map;
use super::map::{Map, Place, initial};
use super::tables::{TABLES, Table};
use crate::clock;
use crate::store::postgres::Cluster;

/// Whoever prepares or changes the directory's map does so alone.
pub(super) const ALONE: i64 = 0x4865_6164_6d61_7073;

/// Places every bucket if none is placed yet, tells each shard which it is and which buckets it has, and guards the
/// tables there. The databases are migrated. Doing it again changes nothing.
///
/// # Errors
/// When a database does not answer, or is a shard of another directory or in another place of the list.
pub async fn prepare(directory: &Cluster, shards: &[Arc<Cluster>]) -> anyhow::Result<()> {
    let mut directory = directory.patient().await?;
    let cluster =
        place_all(&mut directory, shards.len()).await.context("the directory cannot be prepared")?;
    // The users who make products are in other databases.
    free(&mut directory, "idempotency_keys", "idempotency_keys_user_id_fkey").await?;
    let (places, _) = read_map(&mut directory).await?;
    for (number, shard) in shards.iter().enumerate() {
        prepare_shard(&mut directory, &mut shard.patient().await?, number, cluster, &places)
            .await
            .with_context(|| format!("database.shards[{number}] cannot be prepared"))?;
    }
    Ok(())
}

async fn place_all(directory: &mut PgConnection, shards: usize) -> anyhow::Result<Uuid> {
    const VERSION: &str =
        "INSERT INTO bucket_map_version (version, cluster) VALUES (1, $1) ON CONFLICT DO NOTHING";
    const PLACE: &str = "INSERT INTO bucket_map (bucket, shard, epoch) \
                         SELECT * FROM unnest($1::integer[], $2::integer[], $3::bigint[])";
    let mut tx = directory.begin().await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(ALONE).execute(&mut *tx).await?;
    sqlx::query(VERSION).bind(clock::new_id()).execute(&mut *tx).await?;
    let placed: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM bucket_map").fetch_one(&mut *tx).await?;
    if placed == 0 {
        let places = initial(u16::try_from(shards)?);
        let buckets: Vec<i32> = Bucket::all().map(Bucket::stored).collect();
        let numbers: Vec<i32> = places.iter().map(|place| i32::from(place.shard)).collect();
        let epochs: Vec<i64> = places.iter().map(|place| i64::from(place.epoch)).collect();
        sqlx::query(PLACE).bind(buckets).bind(numbers).bind(epochs).execute(&mut *tx).await?;
    } else {
        ensure!(placed == i64::from(BUCKETS), "its map has {placed} buckets instead of {BUCKETS}");
    }
    let cluster = sqlx::query_scalar("SELECT cluster FROM bucket_map_version").fetch_one(&mut *tx).await?;
    tx.commit().await?;
    Ok(cluster)
}

async fn prepare_shard(
    directory: &mut PgConnection,
    shard: &mut PgConnection,
    number: usize,
    cluster: Uuid,
    places: &[Place],
) -> anyhow::Result<()> {
    const NAME: &str = "INSERT INTO shard_identity (number, cluster) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    const OWN: &str = "INSERT INTO buckets (bucket, state, epoch) SELECT b, 'owned', 1 FROM unnest($1::integer[]) b \
                       ON CONFLICT DO NOTHING";
    let named = sqlx::query(NAME)
        .bind(i32::try_from(number)?)
        .bind(cluster)
        .execute(&mut *shard)
        .await?
        .rows_affected();
    check_identity(shard, number, cluster).await?;
    let here = Bucket::all().zip(places).filter(|(_, place)| usize::from(place.shard) == number);
    // Later placements are written by whoever moves the bucket.
    let first: Vec<i32> =
        here.filter(|(_, place)| place.epoch == 1).map(|(bucket, _)| bucket.stored()).collect();
    if named == 1 && !first.is_empty() {
        let used: bool =
            sqlx::query_scalar("SELECT EXISTS (SELECT FROM email_directory)").fetch_one(directory).await?;
        if used {
            sqlx::query("DELETE FROM shard_identity").execute(&mut *shard).await?;
            bail!(
                "it is new, but the directory has the users of {} buckets on it; is the URL right?",
                first.len()
            );
        }
    }
    sqlx::query(OWN).bind(first).execute(&mut *shard).await?;
    // The catalogue is in another database.
    free(shard, "favorites", "favorites_product_id_fkey").await?;
    for table in TABLES {
        guard(shard, table).await?;
    }
    Ok(())
}

/// Drops a foreign key to a table whose rows are in another database.
async fn free(database: &mut PgConnection, table: &str, key: &str) -> anyhow::Result<()> {
    const THERE: &str =
        "SELECT EXISTS (SELECT FROM pg_constraint WHERE conrelid = to_regclass($1) AND conname = $2)";
    // Only where it is: dropping one waits for every user of the table.
    if sqlx::query_scalar(THERE).bind(table).bind(key).fetch_one(&mut *database).await? {
        let drop = format!("ALTER TABLE {table} DROP CONSTRAINT {key}");
        sqlx::query(AssertSqlSafe(drop)).execute(database).await?;
    }
    Ok(())
}

async fn guard(shard: &mut PgConnection, table: &Table) -> anyhow::Result<()> {
    const GUARDED: &str = "SELECT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = to_regclass($1) \
                           AND tgname = 'guard_bucket')";
    // Only where it is missing: making one waits for every writer of the table.
    if sqlx::query_scalar(GUARDED).bind(table.name).fetch_one(&mut *shard).await? {
        return Ok(());
    }
    let trigger = format!(
        "CREATE TRIGGER guard_bucket BEFORE INSERT OR UPDATE OR DELETE ON {} \
         FOR EACH ROW EXECUTE FUNCTION guard_bucket('{}')",
        table.name,
        table.owner_column()
    );
    sqlx::query(AssertSqlSafe(trigger)).execute(shard).await?;
    Ok(())
}

/// The map as the directory has it, after checking that each of `shards` is the one it is taken for.
///
/// # Errors
/// When one is not, when a bucket is on a shard that is not in the list, or when nothing was prepared.
pub async fn open(directory: &Cluster, shards: &[Arc<Cluster>]) -> anyhow::Result<Map> {
    let asked = Instant::now();
    let (places, cluster) =
        read_map(&mut directory.patient().await?).await.context("cannot read the directory")?;
    let Some(cluster) = cluster.filter(|_| places.len() == usize::from(BUCKETS)) else {
        bail!("the directory places no buckets yet; run `service migrate`");
    };
    if let Some(place) = places.iter().find(|place| usize::from(place.shard) >= shards.len()) {
        bail!(
            "the directory has users on shard {}, but database.shards names only {} (0 to {}); add the others in their \
             places",
            place.shard,
            shards.len(),
            shards.len().saturating_sub(1)
        );
    }
    for (number, shard) in shards.iter().enumerate() {
        let mut shard = shard.patient().await?;
        check_identity(&mut shard, number, cluster)
            .await
            .with_context(|| format!("database.shards[{number}]"))?;
    }
    Ok(Map::new(&places, asked))
}

async fn check_identity(shard: &mut PgConnection, number: usize, cluster: Uuid) -> anyhow::Result<()> {
    let identity: Option<(i32, Uuid)> =
        sqlx::query_as("SELECT number, cluster FROM shard_identity").fetch_optional(shard).await?;
    let Some((is, of)) = identity else { bail!("was not made a shard yet; run `service migrate`") };
    ensure!(of == cluster, "is a shard of another directory");
    ensure!(
        usize::try_from(is)? == number,
        "is shard {is}; the shards must stay in their places of the list"
    );
    Ok(())
}
