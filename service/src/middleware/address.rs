//! The client's address.

use std::net::IpAddr;

use axum::http::HeaderMap;

use crate::config::Cidr;

/// The address of the client that sent a request over a connection from `peer`: `X-Forwarded-For` read from right to
/// left, for as long as the address that added an entry is a trusted proxy.
pub fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[Cidr]) -> IpAddr {
    let is_trusted = |ip: IpAddr| trusted.iter().any(|network| network.contains(ip));
    if !is_trusted(peer) {
        return peer;
    }
    let mut client = peer;
    let chain = headers.get_all("x-forwarded-for").iter().rev().filter_map(|value| value.to_str().ok());
    for hop in chain.flat_map(|value| value.rsplit(',')) {
        // What a trusted proxy did not write as an address ends the chain.
        let Ok(address) = hop.trim().parse() else { break };
        client = address;
        if !is_trusted(address) {
            break;
        }
    }
    client
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(peer: &str, forwarded: &[&str]) -> String {
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        client(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn a_client_cannot_make_up_its_address() {
        assert_eq!(seen("203.0.113.9", &["1.2.3.4"]), "203.0.113.9", "not a proxy of ours");
        assert_eq!(
            seen("10.0.0.1", &["1.2.3.4, 203.0.113.9"]),
            "203.0.113.9",
            "the rightmost is what our proxy saw"
        );
        assert_eq!(seen("10.0.0.1", &["203.0.113.9, 10.0.0.2"]), "203.0.113.9", "two proxies of ours");
        assert_eq!(seen("10.0.0.1", &["1.2.3.4", "203.0.113.9"]), "203.0.113.9", "two headers are one list");
        assert_eq!(seen("10.0.0.1", &["nonsense"]), "10.0.0.1");
        assert_eq!(seen("10.0.0.1", &[]), "10.0.0.1");
    }
}
