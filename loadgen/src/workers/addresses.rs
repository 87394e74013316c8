//! Which addresses of this machine a worker's connections come from. A pair of addresses and the target's port has room
//! for as many connections as there are ephemeral ports, some 28,000.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr},
};

use url::Host;

use crate::{plan::model::Plan, share::Share};

/// Ephemeral ports where the system does not say.
const USUAL_PORTS: u64 = 28_232;
/// The first address that is nobody's: 127.0.0.1 is where everything else on this machine listens and connects from.
const FIRST: u32 = 0x7f00_0002;

/// The source addresses of `share`: its slice of the scenario's, or one of them if they are fewer than the workers. Where
/// the scenario names none and users load this machine by more connections than one address has ports, each worker takes
/// an address of its own from 127.0.0.0/8.
pub fn of(plan: &Plan, share: Share) -> Vec<IpAddr> {
    let named = &plan.target.wire.source_addresses;
    if !named.is_empty() {
        let own: Vec<IpAddr> = share.of_arrivals(named.iter().copied()).collect();
        return if own.is_empty() { vec![named[share.index() as usize % named.len()]] } else { own };
    }
    // The other loopback, ::1, is a single address.
    let many = matches!(plan.target.base_url.host(), Some(Host::Ipv4(address)) if address.is_loopback());
    if share.is_whole() || !many || plan.load.peak_users() <= ports() {
        return Vec::new();
    }
    vec![Ipv4Addr::from(FIRST + share.index() as u32).into()]
}

/// Ephemeral ports of this machine (Linux, ip-sysctl.rst: `ip_local_port_range`).
fn ports() -> u64 {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let mut ends = range.split_whitespace().filter_map(|end| end.parse::<u64>().ok());
    match (ends.next(), ends.next()) {
        (Some(first), Some(last)) if last >= first => last - first + 1,
        _ => USUAL_PORTS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{self, Overrides};

    fn addresses(users: u64, target: &str, named: &str, of: u64) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("s.yaml");
        let text = format!(
            "version: 1\nname: s\ntarget: {{ base_url: '{target}'{named} }}\nload: {{ users: {{ stages: [ {{ users: {users}, \
             hold: 1s }} ] }} }}\nflows: [ {{ name: a, steps: [ {{ get: / }} ] }} ]\n"
        );
        fs::write(&file, text).unwrap();
        let plan = plan::load(&file, &Overrides::default()).unwrap();
        let listed =
            |share| super::of(&plan, share).iter().map(IpAddr::to_string).collect::<Vec<_>>().join(" ");
        Share::all(of).map(listed).collect()
    }

    #[test]
    fn workers_share_the_addresses_of_the_scenario() {
        let named = ", source_addresses: [127.0.0.9, 127.0.0.8, 127.0.0.7]";
        assert_eq!(addresses(5, "http://127.0.0.1", named, 2), ["127.0.0.9 127.0.0.7", "127.0.0.8"]);
        let more = ["127.0.0.9", "127.0.0.8", "127.0.0.7", "127.0.0.9"];
        assert_eq!(addresses(5, "http://127.0.0.1", named, 4), more);
    }

    #[test]
    fn users_beyond_the_ports_of_one_address_get_one_a_worker() {
        assert_eq!(addresses(1_000, "http://127.0.0.1", "", 2), ["", ""]);
        assert_eq!(addresses(100_000, "http://127.0.0.1", "", 3), ["127.0.0.2", "127.0.0.3", "127.0.0.4"]);
        assert_eq!(addresses(100_000, "http://[::1]", "", 2), ["", ""]);
        assert_eq!(addresses(100_000, "http://127.0.0.1", "", 1), [""]);
    }
}
