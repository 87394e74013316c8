//! Which buckets should move: pure.

use super::bucket::Bucket;
use super::map::Place;

/// A bucket that should move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Which.
    pub bucket: Bucket,
    /// The shard it is on.
    pub from: u16,
    /// The shard it should be on.
    pub to: u16,
}

/// Half of the buckets of `from`, every second one, to `to`. `places` has an entry per bucket, in order.
pub fn split(places: &[Place], from: u16, to: u16) -> Vec<Step> {
    let of_from = Bucket::all().zip(places).filter(|(_, place)| place.shard == from);
    of_from.skip(1).step_by(2).map(|(bucket, _)| Step { bucket, from, to }).collect()
}

/// The fewest moves after which `shards` databases have as many buckets each, give or take one. `places` has an entry
/// per bucket, in order.
pub fn even(places: &[Place], shards: u16) -> Vec<Step> {
    let mut counts = vec![0usize; usize::from(shards)];
    for place in places {
        if let Some(count) = counts.get_mut(usize::from(place.shard)) {
            *count += 1;
        }
    }
    let (share, rest) = (places.len() / counts.len().max(1), places.len() % counts.len().max(1));
    // Whoever has most keeps the odd one: that is a move less.
    let mut by_count: Vec<usize> = (0..counts.len()).collect();
    by_count.sort_by_key(|shard| (std::cmp::Reverse(counts[*shard]), *shard));
    let mut wanted = vec![share; counts.len()];
    for shard in by_count.into_iter().take(rest) {
        wanted[shard] += 1;
    }
    let mut steps = Vec::new();
    for (bucket, place) in Bucket::all().zip(places) {
        let from = usize::from(place.shard);
        if counts.get(from).is_none_or(|count| *count <= wanted[from]) {
            continue;
        }
        let Some(to) = (0..counts.len()).find(|shard| counts[*shard] < wanted[*shard]) else { break };
        counts[from] -= 1;
        counts[to] += 1;
        steps.push(Step { bucket, from: place.shard, to: u16::try_from(to).unwrap_or(0) });
    }
    steps
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::bucket::BUCKETS;
    use super::super::map::initial;
    use super::*;

    fn counts(places: &[Place], shards: u16) -> Vec<usize> {
        (0..shards).map(|shard| places.iter().filter(|place| place.shard == shard).count()).collect()
    }

    fn after(places: &[Place], steps: &[Step]) -> Vec<Place> {
        let mut places = places.to_vec();
        for step in steps {
            let place = &mut places[step.bucket.index()];
            assert_eq!(place.shard, step.from, "a bucket moves from where it is, and once");
            assert_ne!(step.from, step.to);
            place.shard = step.to;
        }
        places
    }

    proptest! {
        #[test]
        fn an_even_plan_ends_even_with_the_fewest_moves(
            shards in 1u16..9,
            drawn in proptest::collection::vec(0u16..9, usize::from(BUCKETS)),
        ) {
            let places: Vec<Place> =
                drawn.iter().map(|n| Place { shard: n % shards, epoch: 1, moving: false }).collect();
            let steps = even(&places, shards);
            let end = counts(&after(&places, &steps), shards);
            prop_assert!(end.iter().max().unwrap() - end.iter().min().unwrap() <= 1, "{end:?}");
            // What lies above a full share has to leave, less one bucket for as many shards as have the odd one.
            let share = usize::from(BUCKETS / shards);
            let before = counts(&places, shards);
            let above: usize = before.iter().map(|n| n.saturating_sub(share)).sum();
            let odd = before.iter().filter(|n| **n > share).count().min(usize::from(BUCKETS % shards));
            prop_assert_eq!(steps.len(), above - odd);
        }
    }

    #[test]
    fn a_shard_is_split_in_halves() {
        let places = initial(2);
        let steps = split(&places, 0, 2);
        assert_eq!(counts(&after(&places, &steps), 3), [256, 512, 256]);
    }

    #[test]
    fn what_is_even_stays() {
        assert_eq!(even(&initial(3), 3), []);
        assert_eq!(even(&initial(3), 4).len(), 256);
    }
}
