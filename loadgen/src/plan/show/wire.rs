//! What of the connections is not as usual, in words.

use crate::plan::model::{Dns, Http, PerUser, Wire};

use super::show_seconds;

/// What differs from what a browser does, or nothing.
pub fn unusual(wire: &Wire) -> Vec<String> {
    let mut said = Vec::new();
    match wire.http {
        Http::Auto => {}
        Http::One => said.push("HTTP/1.1 alone".to_owned()),
        Http::Two => said.push("HTTP/2 alone".to_owned()),
    }
    if let Some(certificate) = &wire.client_certificate {
        said.push(format!("users show the certificate {}", certificate.cert.display()));
    }
    match wire.source_addresses.as_slice() {
        [] => {}
        [one] => said.push(format!("from {one}")),
        [first, .., last] => {
            said.push(format!("from {} addresses in turn, {first} to {last}", wire.source_addresses.len()));
        }
    }
    if wire.dns == Dns::EachConnection {
        said.push("the target's name looked up for each".to_owned());
    }
    if let Some(most) = wire.max_requests {
        said.push(format!("at most {most} {} each", if most.get() == 1 { "request" } else { "requests" }));
    }
    if let Some(age) = wire.max_age {
        said.push(format!("at most {} old", show_seconds(age.as_secs_f64())));
    }
    if wire.per_user == PerUser::Close {
        said.push("new ones each iteration".to_owned());
    }
    said
}
