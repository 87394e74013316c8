//! Servers whose behaviour is known, each on a thread and a port of its own, gone when dropped.

mod freezing;
mod known;
mod login;
mod mailbox;
mod queueing;
mod tls;

use std::{
    future::Future,
    net::SocketAddr,
    sync::mpsc,
    thread::{self, JoinHandle},
};

use anyhow::{Context, Result};
use axum::Router;
pub use freezing::{Freeze, Freezing};
pub use known::{known, seen_connections};
pub use login::{Site, USERS};
pub use mailbox::{Mailbox, Received};
pub use queueing::Queueing;
pub use tls::Tls;
use tokio::{net::TcpListener, sync::oneshot};

/// A server on a thread of its own.
#[derive(Debug)]
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves `router` over plain HTTP.
    ///
    /// # Errors
    /// No port can be had.
    pub fn start(router: Router) -> Result<Self> {
        Self::run(move |listener| async move {
            let service = router.into_make_service_with_connect_info::<SocketAddr>();
            // Serving ends with the runtime, when the server is dropped.
            let _ = axum::serve(listener, service).await;
        })
    }

    /// Runs `serve` on a runtime of one thread until dropped.
    pub(crate) fn run<F, S>(serve: S) -> Result<Self>
    where
        S: FnOnce(TcpListener) -> F + Send + 'static,
        F: Future<Output = ()> + 'static,
    {
        let (tell, told) = mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.expect("a runtime of one thread");
            let local = tokio::task::LocalSet::new();
            local.block_on(&runtime, async move {
                let bound = TcpListener::bind("127.0.0.1:0").await;
                let bound = bound.and_then(|listener| Ok((listener.local_addr()?, listener)));
                match bound {
                    Ok((address, listener)) => {
                        let _ = tell.send(Ok(address));
                        tokio::select! {
                            () = serve(listener) => {}
                            _ = stopped => {}
                        }
                    }
                    Err(error) => drop(tell.send(Err(error))),
                }
            });
            runtime.shutdown_background();
        });
        let address = told.recv().context("the server's thread")?.context("listening on a loopback port")?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    /// Scheme, host and port.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A server that panicked has shown so by its missing answers.
            let _ = thread.join();
        }
    }
}

/// A URL on loopback where nothing listens: the port was free a moment ago.
///
/// # Errors
/// No port can be had.
pub fn closed_port() -> Result<String> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    Ok(format!("http://{}", listener.local_addr()?))
}
