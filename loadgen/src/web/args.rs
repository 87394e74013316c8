use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};

use clap::Args;

use crate::stop::Stop;

/// The live page.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "While it runs")]
pub struct WebArgs {
    /// Show the run in a browser and let it be adjusted there [default ADDR: 127.0.0.1:5670]; an address that is not this
    /// machine's own has to be named, and then the page asks for the token that is printed with it
    #[arg(
        long,
        value_name = "ADDR",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "127.0.0.1:5670",
        value_parser = listen
    )]
    pub web: Option<SocketAddr>,
    /// Keep the page when the run has ended, until Ctrl-C
    #[arg(long, requires = "web")]
    pub web_stay: bool,
    /// Most users that the page can ask for (closed model) [default: the scenario's highest number]
    #[arg(long, value_name = "N", requires = "web", value_parser = clap::value_parser!(u64).range(1..))]
    pub web_max_users: Option<u64>,
}

/// An address to listen at: `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`, or a port of this machine alone.
pub fn listen(text: &str) -> Result<SocketAddr, String> {
    if let Ok(port) = text.parse::<u16>() {
        return Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    }
    let numbers = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    numbers.as_deref().unwrap_or(text).parse().map_err(|_| {
        "an address and a port are needed, such as 127.0.0.1:8080, or a port alone (0: any that is free)"
            .to_owned()
    })
}

/// Listens at `address` for what `flag` asked for.
///
/// # Errors
/// The address is taken or not this machine's.
pub fn bind(flag: &str, address: SocketAddr) -> Result<TcpListener, Stop> {
    TcpListener::bind(address).map_err(|error| {
        Stop::Usage(format!("{flag}: {address}: {error}; name another address, {flag}=0 takes any free port"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_is_this_machines() {
        assert_eq!(listen("8080").unwrap().to_string(), "127.0.0.1:8080");
        assert_eq!(listen("localhost:1").unwrap().to_string(), "127.0.0.1:1");
        assert_eq!(listen("0.0.0.0:80").unwrap().to_string(), "0.0.0.0:80");
        assert!(listen("[::1]:80").unwrap().ip().is_loopback());
        assert!(listen("scenario.yaml").unwrap_err().contains("127.0.0.1:8080"));
    }

    #[test]
    fn a_taken_address_says_what_to_do() {
        let held = TcpListener::bind("127.0.0.1:0").unwrap();
        let refused = bind("--web", held.local_addr().unwrap()).unwrap_err().to_string();
        assert!(refused.contains("--web=0"), "{refused}");
    }
}
