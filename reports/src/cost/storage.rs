use super::gb;

/// GB of a month's backups: one whole copy of `stored_gb` and, for each further day kept, the share that changes a day
/// (0..1): `S·(1 + c·(d−1))`, as incremental snapshots keep it
/// (<https://docs.aws.amazon.com/ebs/latest/userguide/how_snapshots_work.html>).
pub fn backup_gb(stored_gb: f64, changes_ratio: f64, kept_days: f64) -> f64 {
    if kept_days < 1.0 { 0.0 } else { stored_gb * (1.0 + changes_ratio * (kept_days - 1.0)) }
}

/// GB of logs that lie at any time, of `per_day` requests that write `bytes` each, kept for `kept_days`.
pub fn log_gb(per_day: f64, bytes: f64, kept_days: f64) -> f64 {
    gb(per_day * kept_days, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn storage_by_hand() {
        // 100 GB, 5 % a day, 7 days: 100 + 6 · 5.
        assert!((backup_gb(100.0, 0.05, 7.0) - 130.0).abs() < 1e-9);
        assert_eq!(backup_gb(100.0, 0.05, 0.0), 0.0);
        assert!((log_gb(1024.0 * 1024.0, 512.0, 30.0) - 15.0).abs() < 1e-9);
    }
}
