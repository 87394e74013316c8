//! What all processes share in Redis beside the values: the epoch, the journal, and who has read how far in it.
//!
//! All of it lies in one hash and one sorted set in one slot, so that each step is one script, and so that it is lost
//! as a whole or not at all.

use std::sync::LazyLock;

use redis::{RedisResult, Script};

use super::link::Link;

/// Where a message says that the journal grew.
pub const CHANNEL: &str = "headroom:journal";
const HOUSE: &str = "{headroom}:house";
const JOURNAL: &str = "{headroom}:journal";
/// Entries that the journal keeps; a process that missed more starts afresh.
const ENTRIES_KEPT: u32 = 4096;
/// The entry that renews everything cached of the catalogue.
pub const CATALOGUE: &str = "catalogue";

/// What a process tells when it reports.
pub struct Report<'a> {
    /// Which process.
    pub process: &'a str,
    /// The last entry of the journal that it knows.
    pub seen: u64,
    /// How long others have to reckon with it from now on, in milliseconds.
    pub lease_ms: u64,
    /// The servers it talks to; see [`Link::fleet`].
    pub fleet: &'a str,
    /// A number that nobody drew before, for a new epoch.
    pub fresh: u64,
    /// Whether there has to be a new epoch whatever the old one is.
    pub renew: bool,
}

/// What it is told in return.
#[derive(Debug)]
pub struct News {
    /// The epoch: what was stored under another one is not there any more.
    pub epoch: u64,
    /// How long it has lasted, in milliseconds.
    pub epoch_age_ms: u64,
    /// The last entry of the journal.
    pub last: u64,
    /// The last entry that renewed the catalogue.
    pub catalogue: u64,
    /// Whether entries between were lost.
    pub gap: bool,
    /// The entries since `seen`.
    pub entries: Vec<String>,
}

static REPORT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        local house, journal = KEYS[1], KEYS[2]
        local process, seen, lease, fresh, fleet, renew = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], ARGV[5], ARGV[6]
        local t = redis.call('TIME')
        local now = t[1] * 1000 + math.floor(t[2] / 1000)
        local at = redis.call('HMGET', house, 'epoch', 'fleet', 'last', 'catalogue', 'since')
        local epoch, last, since = at[1], tonumber(at[3] or 0), tonumber(at[5] or now)
        if not epoch or renew == '1' or at[2] ~= fleet then
            epoch, since = fresh, now
            redis.call('HSET', house, 'epoch', epoch, 'fleet', fleet, 'since', string.format('%.0f', now))
        end
        redis.call('HSET', house, 'p:' .. process, string.format('%.0f:%.0f', math.min(seen, last), now + lease))
        local entries, gap = {}, 0
        if seen > last then
            gap = 1
        elseif seen < last then
            local found = redis.call('ZRANGEBYSCORE', journal, '(' .. seen, '+inf')
            if #found < last - seen then gap = 1 end
            for i, entry in ipairs(found) do entries[i] = string.match(entry, ':(.*)') end
        end
        return {epoch, math.max(0, now - since), last, tonumber(at[4] or 0), gap, entries}",
    )
});

static ANNOUNCE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        local house, journal, entry = KEYS[1], KEYS[2], ARGV[1]
        local t = redis.call('TIME')
        local now = t[1] * 1000 + math.floor(t[2] / 1000)
        local of = redis.call('HMGET', house, 'epoch', 'since')
        local at = redis.call('HINCRBY', house, 'last', 1)
        redis.call('ZADD', journal, at, at .. ':' .. entry)
        redis.call('ZREMRANGEBYRANK', journal, 0, -1 - ARGV[2])
        if entry == ARGV[3] then redis.call('HSET', house, 'catalogue', at) end
        redis.call('PUBLISH', ARGV[4], at)
        return {of[1] or '0', math.max(0, now - (of[2] or now)), at}",
    )
});

static BEHIND: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        local house, at = KEYS[1], tonumber(ARGV[1])
        local t = redis.call('TIME')
        local now = t[1] * 1000 + math.floor(t[2] / 1000)
        local all, epoch, behind = redis.call('HGETALL', house), '0', 0
        for i = 1, #all, 2 do
            if all[i] == 'epoch' then epoch = all[i + 1] end
            if string.sub(all[i], 1, 2) == 'p:' then
                local seen, until_ms = string.match(all[i + 1], '(%d+):(%d+)')
                if tonumber(until_ms) < now then
                    redis.call('HDEL', house, all[i])
                elseif tonumber(seen) < at then
                    behind = behind + 1
                end
            end
        end
        return {epoch, behind}",
    )
});

static BESIDE: LazyLock<Script> = LazyLock::new(|| {
    Script::new("return {redis.call('HGET', KEYS[1], 'epoch') or '0', redis.call('GET', KEYS[2])}")
});

/// Reports to the house and hears what is new.
pub async fn report(link: &Link, report: &Report<'_>) -> RedisResult<News> {
    let mut call = REPORT.prepare_invoke();
    call.key(HOUSE).key(JOURNAL).arg(report.process).arg(report.seen).arg(report.lease_ms);
    call.arg(report.fresh).arg(report.fleet).arg(u8::from(report.renew));
    let (epoch, epoch_age_ms, last, catalogue, gap, entries): (u64, u64, u64, u64, u8, Vec<String>) =
        link.script(&call).await?;
    Ok(News { epoch, epoch_age_ms, last, catalogue, gap: gap != 0, entries })
}

/// Writes `entry` into the journal. Returns the epoch (0: there is none), how long it has lasted, in milliseconds, and
/// the entry's place.
pub async fn announce(link: &Link, entry: &str) -> RedisResult<(u64, u64, u64)> {
    let mut call = ANNOUNCE.prepare_invoke();
    call.key(HOUSE).key(JOURNAL).arg(entry).arg(ENTRIES_KEPT).arg(CATALOGUE).arg(CHANNEL);
    link.script(&call).await
}

/// The epoch (0: there is none), and what lies under `key`, looked up together on one server: what is not there did not
/// get lost with everything else since the epoch began. Nodes of a cluster are asked apart.
pub async fn beside(link: &Link, key: &str) -> RedisResult<(u64, Option<String>)> {
    if let Link::Server(_) = link {
        return link.script(BESIDE.prepare_invoke().key(HOUSE).key(key)).await;
    }
    let (mut value, mut epoch) = (redis::cmd("GET"), redis::cmd("HGET"));
    let (value, epoch) = (value.arg(key), epoch.arg(HOUSE).arg("epoch"));
    let (value, epoch) = tokio::try_join!(link.command(value), link.command::<Option<u64>>(epoch))?;
    Ok((epoch.unwrap_or(0), value))
}

/// The epoch, and how many processes have not read the journal up to `place`, of those that have to be reckoned with.
pub async fn behind(link: &Link, place: u64) -> RedisResult<(u64, u64)> {
    let mut call = BEHIND.prepare_invoke();
    call.key(HOUSE).arg(place);
    link.script(&call).await
}

/// Says good-bye, so that nobody waits for this process.
pub async fn leave(link: &Link, process: &str) -> RedisResult<()> {
    link.command(redis::cmd("HDEL").arg(HOUSE).arg(format!("p:{process}"))).await
}
