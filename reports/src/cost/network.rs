/// Bytes of the provider's GB (<https://aws.amazon.com/s3/faqs/>: 1 GB = 1,073,741,824 bytes).
const GB: f64 = (1_u64 << 30) as f64;

/// `count` times `bytes` in the GB that are billed.
pub fn gb(count: f64, bytes: f64) -> f64 {
    count * bytes / GB
}

/// GB billed between zones for `gb` exchanged with a partner that lies in any of `zones` alike: `(Z−1)/Z` of it leaves the
/// zone, and each GB is billed at both its ends
/// (<https://aws.amazon.com/ec2/pricing/on-demand/>, “Data transfer within the same AWS Region”).
pub fn between_zones_gb(gb: f64, zones: u64) -> f64 {
    if zones < 2 { 0.0 } else { 2.0 * gb * (zones - 1) as f64 / zones as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traffic_by_hand() {
        assert_eq!(gb(1024.0 * 1024.0, 2048.0), 2.0);
        // Of 300 GB two thirds leave a zone of three; both directions are billed.
        assert!((between_zones_gb(300.0, 3) - 400.0).abs() < 1e-9);
        assert_eq!(between_zones_gb(300.0, 1), 0.0);
    }
}
