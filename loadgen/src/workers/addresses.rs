//! Which addresses of this machine a worker's connections come from. A pair of addresses and the target's port has room
//! for as many connections as there are ephemeral ports, some 28,000; and Linux looks for a free one by trying every other
//! port first, so that beyond half of them each new connection costs a search through all of those.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr},
};

use url::Host;

use crate::{plan::model::Plan, share::Share};

/// Ephemeral ports where the system does not say.
const USUAL_PORTS: u64 = 28_232;
/// The part of an address's ports that is found without much searching: half of every other one.
const EASILY: u64 = 4;
/// The first address that is nobody's: 127.0.0.1 is where everything else on this machine listens and connects from.
const FIRST: u32 = 0x7f00_0002;

/// The source addresses of `share`: its slice of the scenario's, or one of them if they are fewer than the workers. Where
/// the scenario names none and users load this machine by so many connections that one address would run out of ports, or
/// look for them for long, each worker takes addresses of its own from 127.0.0.0/8.
pub fn of(plan: &Plan, share: Share) -> Vec<IpAddr> {
    let named = &plan.target.wire.source_addresses;
    if !named.is_empty() {
        let own: Vec<IpAddr> = share.of_arrivals(named.iter().copied()).collect();
        return if own.is_empty() { vec![named[share.index() as usize % named.len()]] } else { own };
    }
    // The other loopback, ::1, is a single address.
    let many = matches!(plan.target.base_url.host(), Some(Host::Ipv4(address)) if address.is_loopback());
    let (users, easily) = (plan.load.peak_users(), ports() / EASILY);
    if share.is_whole() || !many || users <= easily {
        return Vec::new();
    }
    let each = users.div_ceil(share.of()).div_ceil(easily) as u32;
    let first = FIRST + share.index() as u32 * each;
    (first..first + each).map(|address| Ipv4Addr::from(address).into()).collect()
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
    fn users_beyond_what_one_address_finds_ports_for_easily_get_some_a_worker() {
        assert_eq!(addresses(1_000, "http://127.0.0.1", "", 2), ["", ""]);
        let each = 33_334_u64.div_ceil(ports() / EASILY);
        let found = addresses(100_000, "http://127.0.0.1", "", 3);
        let own: Vec<&str> = found.iter().flat_map(|addresses| addresses.split(' ')).collect();
        let expected: Vec<String> =
            (0..3 * each as u32).map(|n| Ipv4Addr::from(FIRST + n).to_string()).collect();
        assert_eq!(own, expected);
        assert_eq!(addresses(100_000, "http://[::1]", "", 2), ["", ""]);
        assert_eq!(addresses(100_000, "http://127.0.0.1", "", 1), [""]);
    }
}
