use super::shape::Point;

/// Points that are kept. When there are more, neighbours are joined, so that a run of days is still sent in a moment.
const KEPT: usize = 7_200;

/// The seconds of a run, each a point of its own or, in a long run, several together.
#[derive(Debug, Default)]
pub struct History {
    points: Vec<Point>,
    /// Seconds in a whole point, less one: 0, 1, 3, 7, …
    joined: u64,
}

impl History {
    /// Adds the next second.
    pub fn push(&mut self, point: Point) {
        let span_s = self.joined + 1;
        match self.points.last_mut() {
            Some(last) if last.span_s < span_s => join(last, point),
            _ => self.points.push(point),
        }
        if self.points.len() > KEPT {
            self.joined = 2 * self.joined + 1;
            let mut rest = std::mem::take(&mut self.points).into_iter();
            while let Some(mut point) = rest.next() {
                if let Some(next) = rest.next() {
                    join(&mut point, next);
                }
                self.points.push(point);
            }
        }
    }

    /// In order.
    pub fn points(&self) -> &[Point] {
        &self.points
    }
}

/// Adds what came right after `point`. Percentiles do not add up; the worst of the seconds is shown.
fn join(point: &mut Point, next: Point) {
    point.span_s += next.span_s;
    point.offered += next.offered;
    point.dropped += next.dropped;
    point.completed += next.completed;
    point.failed += next.failed;
    for (kind, count) in next.errors {
        *point.errors.entry(kind).or_default() += count;
    }
    point.wanted = point.wanted.max(next.wanted);
    point.users = point.users.max(next.users);
    point.in_flight = point.in_flight.max(next.in_flight);
    point.window_s = point.window_s.max(next.window_s);
    point.p50_us = point.p50_us.max(next.p50_us);
    point.p95_us = point.p95_us.max(next.p95_us);
    point.p99_us = point.p99_us.max(next.p99_us);
    point.lag_p99_us = point.lag_p99_us.max(next.lag_p99_us);
    point.cpu_cores = point.cpu_cores.max(next.cpu_cores);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(second: u64) -> Point {
        let errors = [("timeout".to_owned(), second % 2)].into();
        Point { second, span_s: 1, completed: 10, p95_us: Some(second), errors, ..Point::default() }
    }

    #[test]
    fn a_run_of_hours_is_kept_second_by_second() {
        let mut history = History::default();
        (0..KEPT as u64).for_each(|second| history.push(point(second)));
        assert_eq!(history.points().len(), KEPT);
        assert!(history.points().iter().all(|point| point.span_s == 1));
    }

    #[test]
    fn a_run_of_days_stays_small_and_loses_no_count_and_no_peak() {
        let mut history = History::default();
        let seconds = 5 * KEPT as u64 + 3;
        (0..seconds).for_each(|second| history.push(point(second)));
        let points = history.points();
        assert!(points.len() <= KEPT && points.len() >= KEPT / 2);
        let sum = |of: fn(&Point) -> u64| points.iter().map(of).sum::<u64>();
        assert_eq!((sum(|it| it.span_s), sum(|it| it.completed)), (seconds, 10 * seconds));
        assert_eq!(sum(|it| it.errors["timeout"]), seconds / 2);
        let mut next = 0;
        for point in points {
            assert_eq!(point.second, next);
            next += point.span_s;
            assert_eq!(point.p95_us, Some(next - 1), "the worst of them");
        }
    }
}
