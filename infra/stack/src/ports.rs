//! Ports that nobody listens on.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::{Result, bail};

/// Servers listen below this: from here on the system hands ports to outgoing connections, one of which could take a
/// server's port while that server is being started again.
const EPHEMERAL: u16 = 32768;
const FIRST: u16 = 12000;

/// How far apart processes begin their search: neighbours by process id, which tests run side by side are, take some tens
/// of ports each and must not meet.
const STRIDE: u32 = 97;

/// A free loopback port below the ephemeral range. Two calls in one process never give the same one; processes begin
/// their search at different places.
///
/// # Errors
/// When every port of the range is taken.
pub fn free() -> Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let range = EPHEMERAL - FIRST;
    let start = u16::try_from(std::process::id().wrapping_mul(STRIDE) % u32::from(range)).unwrap_or(0);
    for _ in 0..range {
        let step = NEXT.fetch_add(1, Ordering::Relaxed) % range;
        let port = FIRST + (start + step) % range;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no free port between {FIRST} and {EPHEMERAL} on 127.0.0.1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_port_is_below_the_ephemeral_range_and_given_once() {
        let mut ports: Vec<u16> = (0..50).map(|_| free().unwrap()).collect();
        assert!(ports.iter().all(|port| (FIRST..EPHEMERAL).contains(port)));
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 50);
    }
}
