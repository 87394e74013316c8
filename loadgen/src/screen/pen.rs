//! Writes to stderr from a thread of its own: a terminal that is paused or slow must not hold up the run.

use std::{
    io::{self, Write as _},
    sync::mpsc::{Receiver, SyncSender, TrySendError, channel, sync_channel},
    thread,
    time::{Duration, Instant},
};

/// How long the end of a run waits for a terminal that takes nothing.
const PATIENCE: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub(super) struct Pen {
    pages: Option<SyncSender<Vec<u8>>>,
    done: Receiver<()>,
}

impl Pen {
    /// Starts the thread. Where that fails nothing is shown, which is no reason not to measure.
    pub fn new() -> Self {
        let (pages, queue) = sync_channel::<Vec<u8>>(1);
        let (finished, done) = channel();
        let write = move || {
            for page in queue {
                let mut stderr = io::stderr().lock();
                if stderr.write_all(&page).and_then(|()| stderr.flush()).is_err() {
                    break; // nobody reads it any more
                }
            }
            let _ = finished.send(());
        };
        let _ = thread::Builder::new().name("screen".to_owned()).spawn(write);
        Self { pages: Some(pages), done }
    }

    /// Writes `page`, unless the one before the last is still being written: the next will show what is missed.
    pub fn write(&self, page: Vec<u8>) {
        if let Some(pages) = &self.pages {
            let _ = pages.try_send(page);
        }
    }

    /// Writes a last page and waits, not for ever, until it is there.
    pub fn end(&mut self, mut page: Vec<u8>) {
        let Some(pages) = self.pages.take() else { return };
        let give_up = Instant::now() + PATIENCE;
        while let Err(TrySendError::Full(refused)) = pages.try_send(page) {
            if Instant::now() > give_up {
                return;
            }
            page = refused;
            thread::sleep(Duration::from_millis(5));
        }
        drop(pages);
        let _ = self.done.recv_timeout(PATIENCE);
    }
}
