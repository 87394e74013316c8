//! What this process believes of where the buckets are, and for how long it may.
//!
//! The map is kept in the directory's database. A process reads it when it starts and asks a few times a second whether
//! it changed. What it believes may therefore be old, and nothing is risked on it:
//!
//! * A write asks the shard itself, in its own transaction, whether the bucket is still there (`home.rs`).
//! * A read is believed if, after it, the map was confirmed less than [`LEASE`] ago and did not say that the bucket is
//!   about to move: whoever moves a bucket says so in the directory and then waits for longer than that before the
//!   bucket leaves. Otherwise the shard itself is asked, after the read.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::bucket::{BUCKETS, Bucket};

/// How long after it was confirmed the map is believed without asking the shard.
pub const LEASE: Duration = Duration::from_secs(1);
/// How often a process asks for changes.
pub const POLL: Duration = Duration::from_millis(250);
/// How long whoever announced a move waits before the bucket may leave. The margin is for clocks that run apart.
pub const ANNOUNCED: Duration = Duration::from_millis(1250);

/// Where a bucket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Position of the database in `database.shards`.
    pub shard: u16,
    /// How often the bucket was placed; every move adds one.
    pub epoch: u32,
    /// Whether it is about to move.
    pub moving: bool,
}

impl Place {
    fn pack(self) -> u64 {
        u64::from(self.epoch) << 32 | u64::from(self.moving) << 16 | u64::from(self.shard)
    }

    fn unpack(bits: u64) -> Self {
        Self { shard: bits as u16, epoch: (bits >> 32) as u32, moving: bits >> 16 & 1 == 1 }
    }
}

/// The map as this process has it. Looking something up takes no lock.
pub struct Map {
    places: Vec<AtomicU64>,
    origin: Instant,
    /// Microseconds from the origin to the begin of the latest answered question whether the map changed.
    confirmed_us: AtomicU64,
    /// When a bucket was seen at a place that is not its first, in microseconds from the origin.
    arrived_us: Vec<AtomicU64>,
}

/// No arrival.
const NEVER: u64 = u64::MAX;

impl Map {
    /// What the directory said to a question that was asked at `asked`. `places` has an entry per bucket, in order.
    pub fn new(places: &[Place], asked: Instant) -> Self {
        debug_assert_eq!(places.len(), usize::from(BUCKETS));
        let arrived = |place: &Place| AtomicU64::new(if place.epoch > 1 { 0 } else { NEVER });
        Self {
            arrived_us: places.iter().map(arrived).collect(),
            places: places.iter().map(|place| AtomicU64::new(place.pack())).collect(),
            origin: asked,
            confirmed_us: AtomicU64::new(0),
        }
    }

    /// Where the bucket is, as far as this process knows.
    pub fn place(&self, bucket: Bucket) -> Place {
        Place::unpack(self.places[bucket.index()].load(Ordering::Acquire))
    }

    /// Learns of a place. What is known of a later placement stays.
    pub fn learn(&self, bucket: Bucket, place: Place) {
        if self.place(bucket).epoch < place.epoch {
            // Before the place itself: nobody finds the bucket there and thinks that it always was.
            self.arrived_us[bucket.index()].store(self.since_origin_us(Instant::now()), Ordering::Release);
        }
        let newer = |known| (Place::unpack(known).epoch <= place.epoch).then_some(place.pack());
        // An error says that more was known already.
        let _more_is_known =
            self.places[bucket.index()].fetch_update(Ordering::AcqRel, Ordering::Acquire, newer);
    }

    /// Whether the bucket came to where it is less than `for_long` ago, as far as this process saw.
    pub fn is_new(&self, bucket: Bucket, now: Instant, for_long: Duration) -> bool {
        let arrived_us = self.arrived_us[bucket.index()].load(Ordering::Acquire);
        arrived_us != NEVER && now < self.origin + Duration::from_micros(arrived_us) + for_long
    }

    fn since_origin_us(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.origin).as_micros()).unwrap_or(NEVER)
    }

    /// Notes that a question asked at `asked` found everything known that there was to know.
    pub fn confirm(&self, asked: Instant) {
        self.confirmed_us.fetch_max(self.since_origin_us(asked), Ordering::AcqRel);
    }

    /// Whether something read at `place` until `now` was certainly read where the bucket was.
    pub fn vouches(&self, bucket: Bucket, place: Place, now: Instant) -> bool {
        let confirmed = self.origin + Duration::from_micros(self.confirmed_us.load(Ordering::Acquire));
        // In this order: the map was confirmed with the place still in it, not before it changed.
        !place.moving && self.place(bucket) == place && now.saturating_duration_since(confirmed) < LEASE
    }
}

/// Where `shards` empty databases begin: as many buckets each, give or take one, in one piece.
pub fn initial(shards: u16) -> Vec<Place> {
    let shard = |bucket: Bucket| u32::from(bucket.number()) * u32::from(shards.max(1)) / u32::from(BUCKETS);
    Bucket::all()
        .map(|bucket| Place { shard: u16::try_from(shard(bucket)).unwrap_or(0), epoch: 1, moving: false })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BUCKET: fn() -> Bucket = || Bucket::new(7).unwrap();

    fn map() -> (Map, Instant) {
        let asked = Instant::now();
        (Map::new(&initial(3), asked), asked)
    }

    proptest! {
        #[test]
        fn a_place_survives_its_packing(shard: u16, epoch: u32, moving: bool) {
            let place = Place { shard, epoch, moving };
            prop_assert_eq!(Place::unpack(place.pack()), place);
        }

        #[test]
        fn empty_databases_begin_with_equal_parts(shards in 1u16..=64) {
            let mut counts = vec![0; usize::from(shards)];
            for place in initial(shards) {
                counts[usize::from(place.shard)] += 1;
            }
            let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
            prop_assert!(most - least <= 1, "{counts:?}");
        }
    }

    #[test]
    fn a_map_is_believed_for_its_lease_and_no_longer() {
        let (map, asked) = map();
        let place = map.place(BUCKET());
        assert!(map.vouches(BUCKET(), place, asked + LEASE - Duration::from_millis(1)));
        assert!(!map.vouches(BUCKET(), place, asked + LEASE));
        map.confirm(asked + Duration::from_millis(500));
        assert!(map.vouches(BUCKET(), place, asked + LEASE));
        map.confirm(asked);
        assert!(map.vouches(BUCKET(), place, asked + LEASE), "an answer that comes late takes nothing back");
    }

    #[test]
    fn a_lease_ends_before_a_bucket_that_was_announced_may_leave() {
        assert!(LEASE < ANNOUNCED);
        assert!(POLL < LEASE, "or every read would ask the shard");
    }

    #[test]
    fn a_bucket_is_new_for_a_while_after_it_came() {
        let (map, asked) = map();
        let long = Duration::from_secs(3);
        assert!(!map.is_new(BUCKET(), asked, long));
        map.learn(BUCKET(), Place { shard: 2, epoch: 2, moving: false });
        assert!(map.is_new(BUCKET(), Instant::now(), long));
        assert!(!map.is_new(BUCKET(), Instant::now() + long, long));
        let known = [Place { shard: 0, epoch: 5, moving: false }; BUCKETS as usize];
        assert!(Map::new(&known, asked).is_new(BUCKET(), asked, long), "nobody saw when it came");
    }

    #[test]
    fn a_bucket_that_moves_or_has_moved_is_not_vouched_for() {
        let (map, asked) = map();
        let before = map.place(BUCKET());
        map.learn(BUCKET(), Place { moving: true, ..before });
        assert!(!map.vouches(BUCKET(), before, asked));
        assert!(!map.vouches(BUCKET(), map.place(BUCKET()), asked));
        let after = Place { shard: 2, epoch: before.epoch + 1, moving: false };
        map.learn(BUCKET(), after);
        assert!(!map.vouches(BUCKET(), before, asked));
        assert!(map.vouches(BUCKET(), after, asked));
        map.learn(BUCKET(), before);
        assert_eq!(map.place(BUCKET()), after, "old news is no news");
    }
}
