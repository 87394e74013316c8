//! Memory of the service with ten thousand connections that stay open, each of which has asked for a list with a token.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use anyhow::{Context, Result};
use harness::service::Site;

use crate::{serve::allow_many_files, usage::resident_bytes};

/// Connections, each of which asks once.
const CONNECTIONS: usize = 10_000;

/// Measures once and gives back a section of the document.
pub fn measure() -> Result<String> {
    allow_many_files();
    let site = Site::new()?
        .with("SERVICE_LIMITS_PROFILE", "off")
        .with("SERVICE_AUTH_ACCESS_TTL_S", "86400")
        .with("SERVICE_HTTP_IDLE_TIMEOUT_S", "600");
    let accounts = fs::read_to_string(site.seed(100, 20, 500)?)?;
    let mut lines = accounts.lines();
    let column = lines.next().context("a header")?.split(',').position(|name| name == "access_token");
    let column = column.context("a column access_token")?;
    let tokens: Vec<&str> = lines.filter_map(|line| line.split(',').nth(column)).collect();
    let service = site.start_on(1)?;
    let address = service.url.trim_start_matches("http://").to_owned();
    let alone = resident_bytes(service.process.id())?;
    let mut open = Vec::with_capacity(CONNECTIONS);
    let mut answer = vec![0; 64 * 1024];
    for token in tokens.iter().cycle().take(CONNECTIONS) {
        let mut stream = TcpStream::connect(&address)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let asked =
            format!("GET /api/v1/tasks HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {token}\r\n\r\n");
        stream.write_all(asked.as_bytes())?;
        let mut read = stream.read(&mut answer)?;
        anyhow::ensure!(
            answer.starts_with(b"HTTP/1.1 200"),
            "refused: {}",
            String::from_utf8_lossy(&answer[..read])
        );
        // The rest of the answer, so that nothing waits in the service.
        while !answer[..read].ends_with(b"}") {
            read += stream.read(&mut answer[read..])?;
        }
        open.push(stream);
    }
    std::thread::sleep(Duration::from_secs(2));
    let all = resident_bytes(service.process.id())?;
    Ok(format!(
        "\n## Open connections\n\nThe service with {} connections open, each of which asked for a cached list with one of {} tokens \
         and stays: **{:.0} MB** resident (bound 250 MB), {:.0} MB before; {:.1} KB per connection.\n",
        open.len(),
        tokens.len(),
        all as f64 / 1e6,
        alone as f64 / 1e6,
        all.saturating_sub(alone) as f64 / open.len() as f64 / 1e3
    ))
}
