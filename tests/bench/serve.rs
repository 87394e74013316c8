//! The small fast server that every client asks: one thread, bare hyper.

mod answers;
mod secure;

use std::{
    future::Future,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Command, Stdio},
    rc::Rc,
    thread,
    time::Duration,
};

use answers::{Counts, answer};
use anyhow::{Context, Result, bail};
use harness::{process::Process, servers::Queueing};
use hyper::{
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    task::{LocalSet, spawn_local},
};
use tokio_rustls::TlsAcceptor;

/// Serves until killed: plainly on the first port that it prints, over TLS on the second.
pub fn serve() -> Result<()> {
    allow_many_files();
    let acceptor = secure::acceptor()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let (plain, secure) = (listen()?, listen()?);
        println!("{} {}", plain.local_addr()?, secure.local_addr()?);
        let counts = Rc::new(Counts::default());
        tokio::try_join!(accept(plain, None, &counts), accept(secure, Some(acceptor), &counts)).map(drop)
    })
}

fn listen() -> Result<TcpListener> {
    let socket = tokio::net::TcpSocket::new_v4()?;
    socket.bind(([127, 0, 0, 1], 0).into())?;
    // Twenty thousand users may come at once.
    Ok(socket.listen(32_768)?)
}

async fn accept(listener: TcpListener, acceptor: Option<TlsAcceptor>, counts: &Rc<Counts>) -> Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (acceptor, counts) = (acceptor.clone(), Rc::clone(counts));
        spawn_local(async move {
            let Some(acceptor) = acceptor else { return talk(stream, false, counts).await };
            // Whoever wants another certificate or protocol goes away, which the counts show.
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            talk(stream, http2, counts).await;
        });
    }
}

async fn talk(stream: impl AsyncRead + AsyncWrite + Unpin + 'static, http2: bool, counts: Rc<Counts>) {
    let service = service_fn(move |request| answer(request, Rc::clone(&counts)));
    // A client that goes away ends its connection, and nothing else.
    let _ = if http2 {
        http2::Builder::new(HereToo).serve_connection(TokioIo::new(stream), service).await
    } else {
        http1::Builder::new().serve_connection(TokioIo::new(stream), service).await
    };
}

/// Runs the streams of a connection on the server's one thread.
#[derive(Clone)]
struct HereToo;

impl<F: Future<Output = ()> + 'static> hyper::rt::Executor<F> for HereToo {
    fn execute(&self, stream: F) {
        spawn_local(stream);
    }
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

/// Raises the soft limit of open files to the hard one, and says which that is.
pub fn allow_many_files() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to a live rlimit that getrlimit fills in.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } == 0 {
        limit.rlim_cur = limit.rlim_max;
        // SAFETY: the pointer is to a live rlimit. A refusal leaves the limit as it was.
        let _ = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    }
    limit.rlim_max
}

/// The server as a process on a processor of its own.
pub struct Fast {
    plain: String,
    secure: String,
    _process: Process,
}

/// What a server has answered.
#[derive(Debug, Clone, Copy)]
pub struct Answered {
    /// All requests.
    pub all: u64,
    /// Those that came over HTTP/2.
    pub over_http2: u64,
    /// Those that were wrong.
    pub refused: u64,
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
        let mut said = String::new();
        BufReader::new(stdout).read_line(&mut said)?;
        let (plain, secure) = said.trim().split_once(' ').context("two addresses")?;
        Ok(Self { plain: plain.to_owned(), secure: secure.to_owned(), _process: process })
    }

    /// Scheme, host and port.
    pub fn url(&self) -> String {
        format!("http://{}", self.plain)
    }

    /// The same over TLS.
    pub fn secure_url(&self) -> String {
        format!("https://{}", self.secure)
    }

    /// What was answered so far.
    pub fn answered(&self) -> Result<Answered> {
        let mut stream = TcpStream::connect(&self.plain)?;
        stream.write_all(b"GET /count HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let body = answer.rsplit("\r\n").next().unwrap_or_default();
        let numbers: Vec<u64> = body.split(' ').filter_map(|it| it.parse().ok()).collect();
        let [all, over_http2, refused] = numbers[..] else { bail!("counts in {answer:?}") };
        Ok(Answered { all, over_http2, refused })
    }
}
