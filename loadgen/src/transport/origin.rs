use std::{fmt, net::SocketAddr};

use url::{Host, Url};

/// Scheme, host and port: what a connection is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    /// Whether it is https.
    pub tls: bool,
    /// Host name, or address without brackets.
    pub host: String,
    /// Port, given or the scheme's.
    pub port: u16,
}

impl Origin {
    /// The origin of `url`.
    ///
    /// # Errors
    /// A sentence, when it is not http or https or has no host.
    pub fn of(url: &Url) -> Result<Self, String> {
        let tls = match url.scheme() {
            "http" => false,
            "https" => true,
            other => return Err(format!("`{url}`: scheme `{other}` is not http or https")),
        };
        let host = match url.host() {
            Some(Host::Domain(name)) => name.to_owned(),
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Ipv6(address)) => address.to_string(),
            None => return Err(format!("`{url}` has no host")),
        };
        let port = url.port_or_known_default().ok_or_else(|| format!("`{url}` has no port"))?;
        Ok(Self { tls, host, port })
    }

    /// The value of the `host` header: the port is left out where it is the scheme's.
    pub fn host_header(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let usual = if self.tls { 443 } else { 80 };
        if self.port == usual { host } else { format!("{host}:{}", self.port) }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", if self.tls { "https" } else { "http" }, self.host, self.port)
    }
}

/// Whether load may go to `origin`, which resolved to `addresses`: loopback always, anything else only if its host is
/// named, exactly, in `allow`.
///
/// # Errors
/// A sentence that says how to allow it.
pub fn allowed(origin: &Origin, addresses: &[SocketAddr], allow: &[String]) -> Result<(), String> {
    let beyond = addresses.iter().find(|address| !address.ip().to_canonical().is_loopback());
    match beyond {
        Some(address) if !allow.iter().any(|host| host.eq_ignore_ascii_case(&origin.host)) => {
            let (host, ip) = (&origin.host, address.ip().to_string());
            let resolved = if *host == ip { String::new() } else { format!(" ({ip})") };
            Err(format!(
                "{host}{resolved} is not this machine; if its owner agreed to be loaded, put `allow: [{host}]` into the \
                 scenario or add `--allow {host}`"
            ))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, address: &str, allow: &[&str]) -> Result<(), String> {
        let origin = Origin::of(&Url::parse(url).unwrap()).unwrap();
        let allow: Vec<_> = allow.iter().map(|host| (*host).to_owned()).collect();
        allowed(&origin, &[address.parse().unwrap()], &allow)
    }

    #[test]
    fn only_loopback_and_named_hosts_may_be_loaded() {
        assert!(check("http://localhost:80", "127.0.0.1:80", &[]).is_ok());
        assert!(check("http://[::1]:80", "[::1]:80", &[]).is_ok());
        assert!(check("http://mapped:80", "[::ffff:127.0.0.1]:80", &[]).is_ok());
        assert!(check("http://staging.example:80", "192.0.2.7:80", &["staging.example"]).is_ok());
        let refusal =
            check("http://staging.example:80", "192.0.2.7:80", &["example", "192.0.2.7"]).unwrap_err();
        assert!(refusal.contains("--allow staging.example"), "{refusal}");
    }

    #[test]
    fn a_name_that_resolves_to_loopback_and_elsewhere_is_refused() {
        let origin = Origin::of(&Url::parse("http://rebind.example").unwrap()).unwrap();
        let addresses = ["127.0.0.1:80".parse().unwrap(), "192.0.2.7:80".parse().unwrap()];
        assert!(allowed(&origin, &addresses, &[]).is_err());
    }

    #[test]
    fn the_host_header_leaves_out_the_usual_port() {
        let header = |url| Origin::of(&Url::parse(url).unwrap()).unwrap().host_header();
        assert_eq!(header("http://a.example/"), "a.example");
        assert_eq!(header("https://a.example:8443/"), "a.example:8443");
        assert_eq!(header("http://[::1]:8080/"), "[::1]:8080");
    }
}
