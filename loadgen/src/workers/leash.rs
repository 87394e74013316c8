//! A worker's line to the process that started it, over its standard input, which is a socket.
//!
//! ```text
//! worker: ready ─► parent: begin SECONDS ─► … ─► parent: stop, or the end of the line
//! ```

use std::{
    io::{self, BufRead as _, BufReader, Write as _},
    os::{fd::AsFd as _, unix::net::UnixStream},
    sync::Arc,
    thread,
    time::{Duration, SystemTime},
};

use crate::control::Control;

/// What a worker says when it could begin.
pub const READY: &str = "ready";
/// What it is told, with the seconds since the epoch that second 0 is at.
pub const BEGIN: &str = "begin ";
/// What it is told when it shall end.
pub const STOP: &str = "stop";

/// A worker's end of the line. A worker whose parent is gone stops as if it had been told to: nobody would merge what it
/// goes on measuring.
#[derive(Debug)]
pub struct Leash {
    line: UnixStream,
    told: flume::Receiver<SystemTime>,
}

impl Leash {
    /// Listens to the parent, for the run that `control` stops.
    ///
    /// # Errors
    /// Standard input is no line to a parent, or no thread can be started.
    pub fn hold(control: Arc<Control>) -> io::Result<Self> {
        let line = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
        // Fails on what is no socket.
        line.peer_addr()?;
        let (tell, told) = flume::bounded(1);
        let lines = BufReader::new(line.try_clone()?).lines();
        thread::Builder::new().name("leash".to_owned()).spawn(move || {
            for said in lines.map_while(Result::ok) {
                match said.strip_prefix(BEGIN).and_then(instant) {
                    // Only one is ever asked for.
                    Some(begin) => _ = tell.try_send(begin),
                    None => control.interrupt(),
                }
            }
            control.interrupt();
        })?;
        Ok(Self { line, told })
    }

    /// Says that this worker could begin, and gives the instant of second 0; nothing when it is to stop instead.
    pub async fn ready(mut self) -> Option<SystemTime> {
        writeln!(self.line, "{READY}").ok()?;
        self.told.recv_async().await.ok()
    }
}

fn instant(text: &str) -> Option<SystemTime> {
    let since_epoch = Duration::try_from_secs_f64(text.trim().parse().ok()?).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(since_epoch)
}
