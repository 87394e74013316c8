//! Load over time: sums over the stages of a profile.

use record::Stage;

/// Length of a profile, seconds.
pub fn seconds(stages: &[Stage]) -> f64 {
    stages.iter().map(|stage| stage.seconds).sum()
}

/// The highest load of a profile, in its unit.
pub fn peak(stages: &[Stage]) -> f64 {
    stages.iter().map(|stage| stage.from.max(stage.to)).fold(0.0, f64::max)
}

/// The load summed over time: iterations (open model) or user-seconds (closed model). Trapezoids, exactly.
pub fn area(stages: &[Stage]) -> f64 {
    stages.iter().map(|stage| (stage.from + stage.to) / 2.0 * stage.seconds).sum()
}

/// What of a profile comes before `time` seconds.
pub fn before(stages: &[Stage], time: f64) -> Vec<Stage> {
    let (mut start, mut past) = (0.0, Vec::new());
    for stage in stages {
        let seconds = stage.seconds.min(time - start);
        if seconds > 0.0 {
            let to = stage.from + (stage.to - stage.from) * seconds / stage.seconds;
            past.push(Stage { from: stage.from, to, seconds });
        }
        start += stage.seconds;
    }
    past
}

/// What of a profile comes after `time` seconds.
pub fn after(stages: &[Stage], time: f64) -> Vec<Stage> {
    let (mut start, mut rest) = (0.0, Vec::new());
    for stage in stages {
        let end = start + stage.seconds;
        if time <= start {
            rest.push(*stage);
        } else if time < end {
            let from = stage.from + (stage.to - stage.from) * (time - start) / stage.seconds;
            rest.push(Stage { from, to: stage.to, seconds: end - time });
        }
        start = end;
    }
    rest
}

/// The load at `time` seconds; 0 behind the end.
pub fn at(stages: &[Stage], time: f64) -> f64 {
    let mut start = 0.0;
    for stage in stages {
        if time < start + stage.seconds {
            return stage.from + (stage.to - stage.from) * (time - start) / stage.seconds;
        }
        start += stage.seconds;
    }
    0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_summed_as_a_drawing_of_it_shows() {
        let stages = [
            Stage { from: 0.0, to: 100.0, seconds: 10.0 },
            Stage { from: 100.0, to: 100.0, seconds: 20.0 },
            Stage { from: 40.0, to: 0.0, seconds: 10.0 },
        ];
        for time in [0.0, 4.0, 10.0, 31.5] {
            let rest = after(&stages, time);
            let past = before(&stages, time);
            assert_eq!((seconds(&past), area(&past) + area(&rest)), (time, area(&stages)));
            assert_eq!((seconds(&rest), at(&rest, 1.25)), (40.0 - time, at(&stages, time + 1.25)));
        }
        assert!(after(&stages, 40.0).is_empty());
        assert_eq!((seconds(&stages), peak(&stages), area(&stages)), (40.0, 100.0, 500.0 + 2000.0 + 200.0));
        assert_eq!(
            [0.0, 5.0, 29.0, 30.0, 35.0, 40.0].map(|t| at(&stages, t)),
            [0.0, 50.0, 100.0, 40.0, 20.0, 0.0]
        );
    }
}
