//! The live page: a run in a browser, second by second, and the means to turn its load and to stop it. Everything the
//! page is made of is in the program; it loads nothing from elsewhere.
//!
//! ```text
//! journal ─► figures (snapshot → shape) ─► feed (history) ─► routes: /events ─► browser
//! dial, control ◄───────────────────────── routes: /control ◄─ guard ◄──────── browser
//! ```

mod args;
mod feed;
mod figures;
mod guard;
mod history;
mod routes;
mod shape;

use std::{
    net::{SocketAddr, TcpListener},
    path::Path,
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use record::{Adjustment, Histogram, Run};
use tokio::sync::watch;

pub use self::args::{WebArgs, bind, listen};
use self::{feed::Feed, guard::Guard};
use crate::{adjust::Dial, engine::Engine, plan::profile, screen::Snapshot, stop::Stop};

/// How long browsers are given to take the last figures.
const LAST: Duration = Duration::from_secs(1);

/// A page that listens but has nothing to show yet.
#[derive(Debug)]
pub struct Door {
    listener: TcpListener,
    guard: Guard,
    url: String,
    beyond: bool,
}

/// A page that shows a run.
#[derive(Debug)]
pub struct Page {
    feed: Arc<Feed>,
    dial: Option<&'static Dial>,
    engine: &'static Engine,
    close: watch::Sender<bool>,
    server: JoinHandle<()>,
    url: String,
}

impl Door {
    /// Opens the page's address.
    ///
    /// # Errors
    /// It is taken, or not this machine's.
    pub fn open(address: SocketAddr) -> Result<Self, Stop> {
        let listener = bind("--web", address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (guard, beyond) = (Guard::new(address), !address.ip().is_loopback());
        let token = if beyond { format!("?token={}", guard.token()) } else { String::new() };
        Ok(Self { listener, guard, url: format!("http://{address}/{token}"), beyond })
    }

    /// What a person is told of it: the address, and where it can be reached from if not from here alone.
    pub fn announcement(&self) -> String {
        let url = &self.url;
        if !self.beyond {
            return format!("live page: {url}");
        }
        format!(
            "live page: {url}\nwarning: whoever can reach this address and knows the token in it can see and steer this run; \
             it goes over the network in the clear"
        )
    }

    /// Shows `run`, whose record comes to be in `folder`.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn show(
        self,
        engine: &'static Engine,
        dial: Option<&'static Dial>,
        run: &Run,
        folder: &Path,
    ) -> Result<Page, Stop> {
        let feed = Arc::new(Feed::new(run, folder, dial));
        let (close, closed) = watch::channel(false);
        let routes = routes::routes(routes::House {
            feed: feed.clone(),
            guard: self.guard,
            dial,
            engine,
            closed: closed.clone(),
        });
        // A runtime of its own: a browser must not take a turn that a user waits for.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let server = thread::Builder::new().name("web".to_owned()).spawn(move || {
            runtime.block_on(serve(self.listener, routes, closed));
            runtime.shutdown_timeout(Duration::ZERO);
        })?;
        Ok(Page { feed, dial, engine, close, server, url: self.url })
    }
}

async fn serve(listener: TcpListener, routes: axum::Router, mut closed: watch::Receiver<bool>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let mut ending = closed.clone();
    let ended = async move {
        let _ = closed.wait_for(|closed| *closed).await;
    };
    let serving =
        std::future::IntoFuture::into_future(axum::serve(listener, routes).with_graceful_shutdown(ended));
    tokio::select! {
        _ = serving => {}
        // A browser that takes nothing must not keep the process.
        () = async {
            let _ = ending.wait_for(|closed| *closed).await;
            tokio::time::sleep(LAST).await;
        } => {}
    }
}

impl Page {
    /// Takes the response times of the second that is shown next.
    pub fn measured(&self, response: &Histogram) {
        self.feed.measured(response);
    }

    /// Shows a second.
    pub fn second(&self, snapshot: &Snapshot<'_>) {
        let middle = snapshot.row.second as f64 + 0.5;
        let planned = || profile::at(&snapshot.run.stages, middle);
        let wanted = self.dial.map_or_else(planned, |dial| dial.load(middle).unwrap_or(0.0));
        self.feed.second(snapshot, wanted);
    }

    /// Shows that the load was turned.
    pub fn adjusted(&self, adjustment: &Adjustment) {
        self.feed.adjusted(adjustment);
    }

    /// Shows how the run ended.
    pub fn end(&self, run: &Run, folder: &Path) {
        self.feed.end(run, folder);
    }

    /// Keeps the page until the user asks the process to end.
    pub fn stay(self) {
        eprintln!("the page stays at {} until Ctrl-C", self.url);
        // After a run that was stopped by hand a further Ctrl-C ends the process by itself.
        let stopped = self.engine.control.interrupted();
        while stopped || !self.engine.control.interrupted() {
            thread::sleep(Duration::from_millis(50));
        }
        self.close();
    }

    /// Lets browsers take the last figures, and ends.
    pub fn close(self) {
        let _ = self.close.send(true);
        let _ = self.server.join();
    }
}
