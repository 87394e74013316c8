//! Several requests of one user at the same time, as a browser fetches what a page is made of.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::Poll,
    time::Instant,
};

use super::{
    courier::{Courier, Spent},
    send::{Outgoing, outgoing},
    user::{Due, Stopped, VirtualUser, Went},
};
use crate::{
    plan::model::Request,
    transport::{Deadline, Exchange, Failure},
};

/// What came of one of the requests.
struct Fetched {
    fetched: Went<Exchange>,
    spent: Spent,
    due: Due,
}

type Fetching<'a> = Pin<Box<dyn Future<Output = Fetched> + Send + 'a>>;

impl VirtualUser {
    /// Sends all of `requests` at once and records each: over HTTP/1.1 at most `at_once` at a time, each over a connection
    /// of its own; over HTTP/2 all of them as streams of one connection. All are rendered before the first is sent and
    /// due when the block is, so that waiting for a connection is response time, as it is for who looks at the page.
    /// Answers are checked and saved in the order in which the requests are written; whether all went well.
    ///
    /// # Errors
    /// The user was stopped.
    pub(super) async fn parallel(
        &mut self,
        requests: &[&Request],
        at_once: usize,
        due: Due,
    ) -> Result<bool, Stopped> {
        if self.stopped() {
            return Err(Stopped);
        }
        let own: Vec<_> = requests
            .iter()
            .map(|request| if request.fixed.get().is_some() { None } else { Some(self.render(request)) })
            .collect();
        let outgoing: Vec<_> =
            requests.iter().zip(&own).map(|(request, own)| outgoing(request, own)).collect();
        let fetched = self.fetch_all(requests, &outgoing, at_once, due).await;
        let mut well = true;
        for ((request, outgoing), Fetched { fetched, spent, due }) in
            requests.iter().zip(outgoing).zip(fetched)
        {
            match self.conclude(request, outgoing.ok(), fetched, &spent, due) {
                Ok(()) => {}
                Err(failure) if failure.is_cut() => return Err(Stopped),
                Err(_) => well = false,
            }
        }
        Ok(well)
    }

    /// The answers, in the order of the requests.
    async fn fetch_all(
        &self,
        requests: &[&Request],
        outgoing: &[Result<&Outgoing, &String>],
        at_once: usize,
        due: Due,
    ) -> Vec<Fetched> {
        let engine = self.engine;
        let streams = engine.transport.shares_connections(&engine.home);
        let most = if streams { requests.len() } else { at_once.max(1) };
        let mut next = 0;
        let mut running: Vec<(usize, Fetching<'_>)> = Vec::with_capacity(most.min(requests.len()));
        let mut done: Vec<Option<Fetched>> = requests.iter().map(|_| None).collect();
        // One gate around them all: what moves one of them may wake another, which must be asked again then.
        poll_fn(|cx| {
            self.gate.poll(cx, |cx| {
                loop {
                    while running.len() < most && next < requests.len() {
                        // Those that must wait for another to end are not late through the generator's fault.
                        let due = Due { free: due.free && next < most, ..due };
                        running.push((next, Box::pin(self.fetch(requests[next], outgoing[next], due))));
                        next += 1;
                    }
                    let before = running.len();
                    running.retain_mut(|(index, fetching)| match fetching.as_mut().poll(cx) {
                        Poll::Pending => true,
                        Poll::Ready(fetched) => {
                            done[*index] = Some(fetched);
                            false
                        }
                    });
                    if running.is_empty() && next == requests.len() {
                        return Poll::Ready(());
                    }
                    if running.len() == before {
                        return Poll::Pending;
                    }
                }
            })
        })
        .await;
        done.into_iter().flatten().collect()
    }

    async fn fetch(&self, request: &Request, outgoing: Result<&Outgoing, &String>, mut due: Due) -> Fetched {
        let engine = self.engine;
        let mut deadline = Deadline::new(Instant::now());
        let mut spent = Spent::since(Instant::now());
        let fetched = 'fetched: {
            let outgoing = match outgoing {
                Ok(outgoing) => outgoing,
                Err(missing) => break 'fetched Err(Failure::new("variable", missing.clone())),
            };
            if let Some(slot) = engine.ceiling.as_ref().map(|ceiling| ceiling.take(spent.begun))
                && slot > spent.begun
            {
                // A request held back by our own ceiling is due when the ceiling lets it go.
                if !deadline.sleep_until(slot, &self.listener).await {
                    break 'fetched Err(Failure::cut());
                }
                due = Due { at: slot, free: true };
                spent = Spent::since(Instant::now());
            }
            deadline.set(spent.begun + request.timeout.unwrap_or(engine.plan.target.timeout));
            engine.recorder.in_flight(1);
            let mut courier = Courier {
                engine,
                client: &self.client,
                deadline: &mut deadline,
                listener: &self.listener,
                gate: None,
            };
            let fetched = courier.fetch(request, outgoing, &mut spent).await;
            engine.recorder.in_flight(-1);
            fetched
        };
        Fetched { fetched, spent, due }
    }
}
