//! Who is let in: bursts are, a standing queue is not. A queue that lasts does not serve anybody sooner, it only makes
//! everybody wait; what tells it from a burst is that it lasts (Nichols and Jacobson, "Controlling Queue Delay", ACM
//! Queue 10(5), 2012).

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// How long more than the sustained number may be in progress.
const BURST: Duration = Duration::from_millis(100);

/// The requests in progress, and how many there may be.
#[derive(Debug)]
pub struct Admission {
    count: AtomicUsize,
    most: usize,
    sustained: usize,
    began: Instant,
    /// Milliseconds after `began`, and one more, since when there are more than `sustained`; 0 while there are not. Taken
    /// back once there is but half of it: under a lasting load the number swings around the limit.
    crowded_since_ms: AtomicU64,
}

/// A request in progress, counted for as long as this lives: also when its client hangs up.
#[derive(Debug)]
pub struct Entered<'a> {
    count: &'a AtomicUsize,
    /// Whether it may be worked on.
    pub admitted: bool,
}

impl Admission {
    /// Nobody in; at most `most` at once, and for longer than a moment at most `sustained`.
    pub fn new(most: usize, sustained: usize) -> Self {
        let (count, crowded_since_ms) = (AtomicUsize::new(0), AtomicU64::new(0));
        Self { count, most, sustained: sustained.min(most), began: Instant::now(), crowded_since_ms }
    }

    /// How many are in.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// One more comes at `now`.
    pub fn enter(&self, now: Instant) -> Entered<'_> {
        let position = self.count.fetch_add(1, Ordering::AcqRel) + 1;
        if position <= self.sustained.div_ceil(2) && self.crowded_since_ms.load(Ordering::Relaxed) != 0 {
            self.crowded_since_ms.store(0, Ordering::Relaxed);
        }
        let admitted = position <= self.sustained || position <= self.most && !self.is_standing(now);
        Entered { count: &self.count, admitted }
    }

    /// Whether there have been too many for longer than a burst lasts.
    fn is_standing(&self, now: Instant) -> bool {
        let now_ms =
            u64::try_from(now.saturating_duration_since(self.began).as_millis()).unwrap_or(u64::MAX - 1) + 1;
        match self.crowded_since_ms.compare_exchange(0, now_ms, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => false,
            Err(since_ms) => Duration::from_millis(now_ms.saturating_sub(since_ms)) >= BURST,
        }
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOMENT: Duration = Duration::from_millis(1);

    /// Lets `number` in at `now` and says how many of them may be worked on.
    fn enter<'a>(admission: &'a Admission, now: Instant, number: usize) -> (usize, Vec<Entered<'a>>) {
        let entered: Vec<_> = (0..number).map(|_| admission.enter(now)).collect();
        (entered.iter().filter(|it| it.admitted).count(), entered)
    }

    #[test]
    fn a_burst_is_let_in_up_to_the_most() {
        let admission = Admission::new(8, 4);
        let (admitted, inside) = enter(&admission, admission.began, 10);
        assert_eq!((admitted, admission.count()), (8, 10));
        drop(inside);
        assert_eq!(admission.count(), 0);
    }

    #[test]
    fn who_comes_while_too_many_have_been_there_for_long_is_refused_until_half_are_gone() {
        let admission = Admission::new(8, 4);
        let (_, mut inside) = enter(&admission, admission.began, 5);
        assert!(admission.enter(admission.began + BURST - MOMENT).admitted);
        let later = admission.began + BURST;
        assert!(!admission.enter(later).admitted);
        inside.truncate(3);
        assert!(admission.enter(later).admitted, "there is room");
        let (admitted, _) = enter(&admission, later, 4);
        assert_eq!(admitted, 1, "one is gone, but the crowd is not");
        inside.truncate(1);
        let (admitted, _) = enter(&admission, later, 7);
        assert_eq!(admitted, 7, "it is a burst again");
    }

    #[test]
    fn a_sustained_number_beyond_the_most_is_the_most() {
        let admission = Admission::new(3, 256);
        assert_eq!(enter(&admission, admission.began, 5).0, 3);
    }
}
