//! How connections are made and kept.

use std::{net::IpAddr, num::NonZeroU64, path::PathBuf};

use super::Check;
use crate::plan::{
    de::At,
    file::{self, Certificate},
    model::{ClientCertificate, Http, Wire},
};

impl Check<'_> {
    /// How connections to the target are made and kept.
    pub fn wire(&mut self, target: &file::Target) -> Wire {
        let connections = target.connections.as_ref();
        let max_requests = connections.and_then(|it| it.max_requests.as_ref()).and_then(|most| {
            let right = "`max_requests: 0` lets no request pass; write a number from 1, or leave it out";
            self.keep(most.span, NonZeroU64::new(most.value).ok_or_else(|| right.to_owned()))
        });
        let max_age = connections.and_then(|it| it.max_age.as_ref()).map(|age| {
            if age.0.is_zero() {
                self.problem(
                    age.span,
                    "a connection is never of no age; write such as `60s`, or leave it out",
                );
            }
            age.0
        });
        Wire {
            http: target
                .http
                .as_ref()
                .and_then(|text| self.keep(text.span, http(&text.0)))
                .unwrap_or_default(),
            client_certificate: target.client_certificate.as_ref().and_then(|it| self.client_certificate(it)),
            source_addresses: self.source_addresses(target.source_addresses.as_ref()),
            dns: target.dns.unwrap_or_default(),
            max_requests,
            max_age,
            per_user: connections.and_then(|it| it.per_user).unwrap_or_default(),
        }
    }

    fn client_certificate(&mut self, certificate: &At<Certificate>) -> Option<ClientCertificate> {
        let (Some(cert), Some(key)) = (&certificate.value.cert, &certificate.value.key) else {
            let right = "write `{ cert: client.pem, key: client.key }`";
            self.problem(certificate.span, format!("a certificate and its key are needed, both: {right}"));
            return None;
        };
        let (cert, key) = (self.file(cert), self.file(key));
        Some(ClientCertificate { cert: cert?, key: key? })
    }

    fn source_addresses(&mut self, addresses: Option<&At<Vec<At<String>>>>) -> Vec<IpAddr> {
        let Some(addresses) = addresses else { return Vec::new() };
        let right = "write addresses of this machine, such as `[127.0.0.2, 127.0.0.3]`";
        if addresses.is_empty() {
            self.problem(addresses.span, format!("no address to come from; {right}"));
        }
        let mut made: Vec<IpAddr> = Vec::new();
        for text in &addresses.value {
            let read = text.trim().parse::<IpAddr>();
            let read = read.map_err(|_| format!("`{}` is not an IP address; {right}", text.value));
            match self.keep(text.span, read) {
                Some(address) if made.contains(&address) => {
                    self.problem(text.span, format!("`{address}` a second time; each comes in turn once"));
                }
                address => made.extend(address),
            }
        }
        made
    }

    /// A file named in the scenario, which must be there.
    pub fn file(&mut self, name: &At<String>) -> Option<PathBuf> {
        let path = self.beside(name.span.file, name);
        let there = path.is_file();
        let missing =
            || format!("there is no file `{}`; the path is relative to the scenario", path.display());
        self.keep(name.span, if there { Ok(()) } else { Err(missing()) })?;
        Some(path)
    }
}

fn http(text: &str) -> Result<Http, String> {
    match text.trim() {
        "auto" => Ok(Http::Auto),
        "1" => Ok(Http::One),
        "2" => Ok(Http::Two),
        other => {
            Err(format!("`{other}` is no version of HTTP that users can speak; write `auto`, `1` or `2`"))
        }
    }
}
