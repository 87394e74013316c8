//! nginx as the gateway: one address in front of several service processes.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use tempfile::TempDir;

use crate::daemon::{Daemon, Signals};
use crate::programs::NGINX;
use crate::{folder, http, ports};

const START: Duration = Duration::from_secs(20);
const STOP: Duration = Duration::from_secs(20);

/// The address from which nginx speaks to the services. Clients of this machine come from others, so that the services can
/// trust this one's `X-Forwarded-For` and nobody else's.
pub const SOURCE: &str = "127.0.0.2";
/// An unused connection to a service is closed after this long by nginx. A service that stops leaves its connections open
/// for longer than that, so that no request is sent into one that is being closed.
pub const IDLE_S: u32 = 1;
/// Where nginx tells its own figures.
pub const STATUS_PATH: &str = "/nginx_status";

/// Processes that answer for some paths, each as well as any other.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// What it is called in nginx's log.
    pub name: String,
    /// Where the processes listen, on 127.0.0.1.
    pub ports: Vec<u16>,
    /// The beginnings of the paths that go there; `/` is everything that goes nowhere else.
    pub paths: Vec<String>,
}

/// A running gateway.
#[derive(Debug)]
pub struct Nginx {
    // Ends the server before the folder goes.
    daemon: Daemon,
    port: u16,
    folder: TempDir,
}

impl Nginx {
    /// Starts one in front of `upstreams`, on `port` or a free one. A process that refuses connections is left out for a
    /// second, and its requests go to the others wherever repeating them is harmless.
    ///
    /// # Errors
    /// nginx is not installed or does not come up; the error shows the end of its log.
    pub fn start(upstreams: &[Upstream], port: Option<u16>) -> Result<Self> {
        let folder = folder::temporary("nginx")?;
        let port = port.map_or_else(ports::free, Ok)?;
        fs::write(folder.path().join("nginx.conf"), configuration(upstreams, port, folder.path()))?;
        let signals = Signals { stop: libc::SIGQUIT, last: libc::SIGTERM };
        let daemon = Daemon::new("nginx", folder.path().join("log"), signals, Some(folder.path()));
        let gateway = Self { daemon, port, folder };
        gateway.start_again()?;
        Ok(gateway)
    }

    /// Scheme, host and port.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The port that it listens on, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its process and its log.
    pub fn daemon(&self) -> &Daemon {
        &self.daemon
    }

    /// Stops it once requests in progress are answered.
    ///
    /// # Errors
    /// It does not end in time and had to be killed.
    pub fn stop(&self) -> Result<()> {
        self.daemon.stop(STOP)
    }

    /// Starts it again on the same port, and waits until it answers.
    ///
    /// # Errors
    /// It runs, or does not come up.
    pub fn start_again(&self) -> Result<()> {
        let mut command = Command::new(NGINX.find()?);
        // Its complaints before it has read where they should go.
        command.args(["-e", "stderr", "-c"]).arg(self.folder.path().join("nginx.conf"));
        command.arg("-p").arg(self.folder.path()).current_dir(self.folder.path());
        self.daemon.start(&mut command)?;
        let answers = || http::get(self.port, STATUS_PATH).is_some_and(|(status, _)| status == 200);
        self.daemon.wait_ready(START, answers)
    }
}

fn configuration(upstreams: &[Upstream], port: u16, folder: &Path) -> String {
    let mut groups = String::new();
    let mut locations = String::new();
    for Upstream { name, ports, paths } in upstreams {
        let mut servers = String::new();
        for port in ports {
            // Writing to a string does not fail.
            let _ = write!(servers, "    server 127.0.0.1:{port} max_fails=1 fail_timeout=1s;\n    ");
        }
        let _ = write!(
            groups,
            "
  upstream {name} {{
    zone {name} 128k;
    least_conn;
{}
    keepalive 256;
    keepalive_timeout {IDLE_S}s;
    keepalive_requests 1000000;
  }}
",
            servers.trim_end()
        );
        for path in paths {
            let _ = writeln!(locations, "    location {path} {{ proxy_pass http://{name}; }}");
        }
    }
    // Only root may, and must, say who the workers are to be.
    // SAFETY: geteuid takes nothing and always succeeds.
    let user = if unsafe { libc::geteuid() } == 0 { "user www-data;\n" } else { "" };
    let folder = folder.display();
    format!(
        r#"{user}daemon off;
pid {folder}/pid;
error_log stderr warn;
worker_processes 2;
events {{
  worker_connections 8192;
}}
http {{
  access_log off;
  server_tokens off;
  client_body_temp_path {folder}/bodies;
  proxy_temp_path {folder}/answers;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  client_max_body_size 64m;
  keepalive_requests 1000000;

  proxy_http_version 1.1;
  proxy_bind {SOURCE};
  proxy_set_header Connection "";
  proxy_set_header Host $http_host;
  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
  proxy_set_header X-Forwarded-Proto $scheme;
  proxy_connect_timeout 1s;
  proxy_read_timeout 30s;
  # A request that no process has read yet goes to the next; one that may have been read, only where its method is
  # idempotent (the default of nginx, which `non_idempotent` would change).
  proxy_next_upstream error timeout;
  proxy_next_upstream_tries 3;
  proxy_next_upstream_timeout 5s;
{groups}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    error_page 502 504 =503 @away;
    location = {STATUS_PATH} {{ stub_status; }}
    location @away {{
      internal;
      default_type application/problem+json;
      add_header Retry-After 1 always;
      return 503 '{{"type":"urn:headroom:problem:busy","title":"Overloaded","status":503,"detail":"no process answers at the moment","instance":""}}';
    }}
{locations}  }}
}}
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_process_and_every_path_is_in_the_configuration() {
        let upstreams = [
            Upstream { name: "tasks".into(), ports: vec![12001, 12002], paths: vec!["/api/v1/tasks".into()] },
            Upstream { name: "rest".into(), ports: vec![12003], paths: vec!["/".into()] },
        ];
        let text = configuration(&upstreams, 12000, Path::new("/somewhere"));
        for part in [
            "server 127.0.0.1:12001 max_fails=1 fail_timeout=1s;",
            "server 127.0.0.1:12002 max_fails=1 fail_timeout=1s;",
            "location /api/v1/tasks { proxy_pass http://tasks; }",
            "location / { proxy_pass http://rest; }",
            "listen 127.0.0.1:12000 ",
        ] {
            assert_eq!(text.matches(part).count(), 1, "{part} in\n{text}");
        }
        assert_eq!(text.matches("least_conn;").count(), 2);
        assert_eq!(text.matches('{').count(), text.matches('}').count());
    }
}
