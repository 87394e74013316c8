//! Which bucket a user is in: a pure function of the id, the same for ever.

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// How many buckets there are. Fixed: a user's bucket is part of where the data is.
pub const BUCKETS: u16 = 1024;

/// One of the 1,024 parts that users are divided into. What moves between databases is a bucket, never a user alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bucket(u16);

impl Bucket {
    /// The bucket of a user: the first ten bits of the SHA-256 of the id's 16 bytes. The database has the same as
    /// `bucket_of(uuid)`, so that it can name the rows of a bucket without being told every user.
    pub fn of(user: Uuid) -> Self {
        let digest = Sha256::digest(user.as_bytes());
        Self(u16::from_be_bytes([digest[0], digest[1]]) >> 6)
    }

    /// Bucket `number`, if there is one.
    pub fn new(number: u16) -> Option<Self> {
        (number < BUCKETS).then_some(Self(number))
    }

    /// All of them, in order.
    pub fn all() -> impl ExactSizeIterator<Item = Self> {
        (0..BUCKETS).map(Self)
    }

    /// 0 to 1,023.
    pub fn number(self) -> u16 {
        self.0
    }

    /// As an index into what has an entry per bucket.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// As the database keeps it.
    pub fn stored(self) -> i32 {
        i32::from(self.0)
    }
}

impl std::fmt::Display for Bucket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// By `printf ID | xxd -r -p | sha256sum`, the first ten bits.
    #[test]
    fn a_user_is_in_the_same_bucket_for_ever() {
        for (id, bucket) in GOLDEN {
            assert_eq!(Bucket::of(Uuid::from_u128(*id)).number(), *bucket, "{id:#x}");
        }
    }

    const GOLDEN: &[(u128, u16)] = &[
        (0x0, 221),
        (0x1, 496),
        (0x2, 420),
        (0x1900000000070008000000000000000, 646),
        (0x192f3c4a5b67c8d9eaf0123456789ab, 800),
        (0xffffffffffffffffffffffffffffffff, 363),
        (0xad, 949),
    ];

    /// Pearson's statistic of `ids` over the buckets, as a distance from its mean in standard deviations.
    fn unevenness(ids: impl Iterator<Item = Uuid>) -> f64 {
        let mut counts = [0u32; BUCKETS as usize];
        let total = ids.map(|id| counts[Bucket::of(id).index()] += 1).count() as f64;
        let expected = total / f64::from(BUCKETS);
        let statistic: f64 = counts.iter().map(|n| (f64::from(*n) - expected).powi(2) / expected).sum();
        let freedom = f64::from(BUCKETS) - 1.0;
        (statistic - freedom) / (2.0 * freedom).sqrt()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// Ids that follow each other, ids of one millisecond, ids with the same end: all spread alike. Six standard
        /// deviations are met by chance once in a hundred million.
        #[test]
        fn users_spread_evenly_however_their_ids_are_made(start: u128, shift in 0u32..112) {
            let ids = (0..20_000u128).map(|n| Uuid::from_u128(start.wrapping_add(n << shift.min(112 - 15))));
            prop_assert!(unevenness(ids).abs() < 6.0);
        }
    }
}
