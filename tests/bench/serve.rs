//! The small fast server that every client asks: one thread, bare hyper, about 100 bytes of JSON.

use std::{
    convert::Infallible,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::{Context, Result};
use harness::{process::Process, servers::Queueing};
use http_body_util::Full;
use hyper::{Request, Response, body::Bytes, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

const DOCUMENT: &[u8] =
    br#"{"id":"0190b7a0-0000-7000-8000-000000000001","title":"a small task","status":"open","tags":["a"]}"#;

/// Serves until killed.
pub fn serve() -> Result<()> {
    allow_many_files();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let socket = tokio::net::TcpSocket::new_v4()?;
        socket.bind(([127, 0, 0, 1], 0).into())?;
        // Ten thousand users may come at once.
        let listener = socket.listen(16_384)?;
        println!("{}", listener.local_addr()?);
        accept(listener).await
    })
}

/// Serves until killed with latencies that are known: `slots` requests at once for `takes` each.
pub fn serve_known(takes: Duration, slots: Option<usize>) -> Result<()> {
    allow_many_files();
    let queueing = match slots {
        Some(slots) => Queueing::of_slots(slots, takes)?,
        None => Queueing::always(takes)?,
    };
    println!("{}", queueing.server.address);
    loop {
        thread::park();
    }
}

async fn accept(listener: TcpListener) -> Result<()> {
    let count = Arc::new(AtomicU64::new(0));
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let count = Arc::clone(&count);
        tokio::task::spawn_local(async move {
            let service = service_fn(move |request| answer(request, Arc::clone(&count)));
            // A client that goes away ends its connection, and nothing else.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    count: Arc<AtomicU64>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.uri().path() == "/count" {
        return Ok(Response::new(Full::from(count.load(Ordering::Relaxed).to_string())));
    }
    count.fetch_add(1, Ordering::Relaxed);
    let mut response = Response::new(Full::from(DOCUMENT));
    let json = hyper::header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, json);
    Ok(response)
}

/// Raises the soft limit of open files to the hard one.
pub fn allow_many_files() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to a live rlimit that getrlimit fills in.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } == 0 {
        limit.rlim_cur = limit.rlim_max;
        // SAFETY: the pointer is to a live rlimit. A refusal leaves the limit as it was.
        let _ = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    }
}

/// The server as a process on a processor of its own.
pub struct Fast {
    address: String,
    _process: Process,
}

impl Fast {
    /// Starts it on processor `core`.
    pub fn start(core: usize) -> Result<Self> {
        let mut command = Command::new("taskset");
        command
            .args(["-c", &core.to_string()])
            .arg(std::env::current_exe()?)
            .arg("serve")
            .stdout(Stdio::piped());
        let mut process = Process::start_with_output(&mut command)?;
        let stdout = process.take_stdout().context("stdout is piped")?;
        let mut address = String::new();
        BufReader::new(stdout).read_line(&mut address)?;
        Ok(Self { address: address.trim().to_owned(), _process: process })
    }

    /// Scheme, host and port.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Documents served so far.
    pub fn count(&self) -> Result<u64> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.write_all(b"GET /count HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let body = answer.rsplit("\r\n").next().unwrap_or_default();
        body.parse().with_context(|| format!("a count in {answer:?}"))
    }
}
