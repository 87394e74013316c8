//! When second 0 is, where several processes share a load.

use std::{
    str::FromStr,
    time::{Duration, Instant, SystemTime},
};

use chrono::{DateTime, Utc};

use super::GLANCE;
use crate::{control::Control, stop::Stop, workers::Leash};

/// Seconds between two words about how long is still to wait.
const EVERY_S: u64 = 10;

/// When second 0 is.
#[derive(Debug)]
pub enum Beginning {
    /// As soon as everything is ready.
    WhenReady,
    /// Then, whoever is ready.
    At(StartAt),
    /// When the parent of this worker says, once it heard that it is ready.
    WhenTold(Leash),
}

/// An instant at which all shares of a load begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StartAt(pub SystemTime);

impl Beginning {
    /// Waits for second 0, a moment of `ahead` before it, and gives it; nothing if it is for the run itself to say.
    ///
    /// # Errors
    /// It has passed, or the user asked to stop.
    pub async fn wait(
        self,
        control: &Control,
        ahead: Duration,
        quiet: bool,
    ) -> Result<Option<StartAt>, Stop> {
        let start = match self {
            Self::WhenReady => return Ok(None),
            Self::WhenTold(leash) => StartAt(leash.ready().await.ok_or(Stop::Interrupted)?),
            Self::At(start) => {
                start.refuse_past()?;
                start
            }
        };
        let mut told = None;
        loop {
            let left = start.instant().saturating_duration_since(Instant::now() + ahead);
            if control.interrupted() {
                return Err(Stop::Interrupted);
            }
            if left.is_zero() {
                return Ok(Some(start));
            }
            let word = left.as_secs() / EVERY_S;
            if left > Duration::from_secs(2) && told != Some(word) && !quiet {
                told = Some(word);
                eprintln!("ready; the load begins at {start}, in {} s", left.as_secs());
            }
            tokio::time::sleep(left.min(GLANCE)).await;
        }
    }
}

impl StartAt {
    /// The same on the clock that a run goes by.
    pub fn instant(self) -> Instant {
        let (now, wall) = (Instant::now(), wall_clock());
        match self.0.duration_since(wall) {
            Ok(left) => now + left,
            Err(passed) => now.checked_sub(passed.duration()).unwrap_or(now),
        }
    }

    /// # Errors
    /// It has passed: second 0 cannot be there any more.
    pub fn refuse_past(self) -> Result<(), Stop> {
        match wall_clock().duration_since(self.0) {
            Err(_) => Ok(()),
            Ok(passed) => Err(Stop::Usage(format!(
                "--start-at {self}: second 0 was {:.0} s before this part was ready to begin; give all parts a later instant",
                passed.as_secs_f64().ceil()
            ))),
        }
    }
}

/// RFC 3339 in UTC, to the millisecond.
impl std::fmt::Display for StartAt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&DateTime::<Utc>::from(self.0).to_rfc3339_opts(chrono::SecondsFormat::Millis, true))
    }
}

impl FromStr for StartAt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
            return Ok(Self(instant.into()));
        }
        let since_epoch = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let instant = since_epoch.and_then(|since_epoch| SystemTime::UNIX_EPOCH.checked_add(since_epoch));
        // Beyond what a date can say.
        let instant = instant.filter(|_| text.len() < 24);
        let right = "write an instant such as 2026-01-31T12:00:00Z, or seconds since 1970 such as `date -d '+1 minute' +%s` gives";
        instant.map(Self).ok_or_else(|| right.to_owned())
    }
}

#[expect(clippy::disallowed_methods, reason = "processes on several machines have no other clock in common")]
fn wall_clock() -> SystemTime {
    SystemTime::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_read_as_people_and_as_programs_write_it() {
        let read = |text: &str| text.parse::<StartAt>().map(|it| it.to_string());
        for text in ["2026-01-31T12:00:00Z", "2026-01-31T13:00:00+01:00", "1769860800"] {
            assert_eq!(read(text), Ok("2026-01-31T12:00:00.000Z".to_owned()));
        }
        assert_eq!(read("1769860800.25"), Ok("2026-01-31T12:00:00.250Z".to_owned()));
        for text in ["tomorrow", "", "-5", "1e300", "2026-01-31"] {
            assert!(read(text).unwrap_err().contains("2026-01-31T12:00:00Z"), "{text}");
        }
    }

    #[test]
    fn an_instant_keeps_its_distance_on_the_other_clock() {
        let ahead = Duration::from_secs(5);
        let left = StartAt(wall_clock() + ahead).instant().saturating_duration_since(Instant::now());
        assert!(left <= ahead && left > Duration::from_secs(4), "{left:?}");
        assert!(StartAt(wall_clock() + ahead).refuse_past().is_ok());
        let refusal = StartAt(wall_clock() - ahead).refuse_past().unwrap_err();
        assert!(refusal.to_string().contains("later instant"), "{refusal}");
    }
}
