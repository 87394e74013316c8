//! Where connections come from, if not from wherever the system likes.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    os::fd::AsRawFd,
    sync::atomic::{AtomicUsize, Ordering},
};

use tokio::net::{TcpSocket, TcpStream};

/// Addresses of this machine, used in turn. Each has room for some 28,000 connections to one address and port.
#[derive(Debug)]
pub(super) struct Sources {
    addresses: Vec<IpAddr>,
    turn: AtomicUsize,
}

impl Sources {
    /// # Errors
    /// A sentence: one of them is not an address of this machine.
    pub(super) fn new(addresses: &[IpAddr]) -> Result<Self, String> {
        for address in addresses {
            let bound = socket(*address).and_then(|socket| socket.bind(SocketAddr::new(*address, 0)));
            bound.map_err(|error| {
                format!(
                    "source_addresses: connections cannot come from {address} ({error}); addresses of this machine are \
                     shown by `ip address`, and all of 127.0.0.0/8 is this machine's"
                )
            })?;
        }
        Ok(Self { addresses: addresses.to_vec(), turn: AtomicUsize::new(0) })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.addresses.is_empty()
    }

    /// Connects to the first of `targets` that answers.
    pub(super) async fn connect(&self, targets: &[SocketAddr]) -> io::Result<TcpStream> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let missing = "none of the source addresses is of the target's kind (IPv4 or IPv6)";
        let mut last = io::Error::new(io::ErrorKind::AddrNotAvailable, missing);
        for target in targets {
            let Some(source) = self.of_kind(target, turn) else { continue };
            let socket = socket(source)?;
            late_port(&socket)?;
            socket.bind(SocketAddr::new(source, 0))?;
            match socket.connect(*target).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn of_kind(&self, target: &SocketAddr, turn: usize) -> Option<IpAddr> {
        let fitting = || self.addresses.iter().filter(|address| address.is_ipv4() == target.is_ipv4());
        fitting().nth(turn % fitting().count().max(1)).copied()
    }
}

fn socket(source: IpAddr) -> io::Result<TcpSocket> {
    if source.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }
}

/// Leaves the choice of the port to the connect: a port that is taken towards one target is then free towards another,
/// and the search for one does not slow down as they fill up.
#[cfg(target_os = "linux")]
fn late_port(socket: &TcpSocket) -> io::Result<()> {
    let yes: libc::c_int = 1;
    // SAFETY: the option takes an int, which lives for the length of the call, and the socket is open.
    let set = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_IP,
            libc::IP_BIND_ADDRESS_NO_PORT,
            (&raw const yes).cast(),
            size_of_val(&yes) as libc::socklen_t,
        )
    };
    if set < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Other systems have no such setting.
#[cfg(not(target_os = "linux"))]
fn late_port(_: &TcpSocket) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};

    use super::*;

    #[tokio::test]
    async fn connections_come_from_each_address_in_turn() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let target = listener.local_addr().unwrap();
        let addresses = ["127.0.0.2", "::1", "127.0.0.3"].map(|text| text.parse().unwrap());
        let sources = Sources::new(&addresses).unwrap();
        let mut seen = Vec::new();
        for _ in 0..4 {
            let stream = sources.connect(&[target]).await.unwrap();
            seen.push(stream.local_addr().unwrap().ip().to_string());
        }
        assert_eq!(seen, ["127.0.0.2", "127.0.0.3", "127.0.0.2", "127.0.0.3"]);
    }

    #[test]
    fn an_address_of_another_machine_is_refused_with_its_name() {
        let refusal = Sources::new(&["192.0.2.7".parse().unwrap()]).unwrap_err();
        assert!(refusal.contains("192.0.2.7") && refusal.contains("source_addresses"), "{refusal}");
    }
}
