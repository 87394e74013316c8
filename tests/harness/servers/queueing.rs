use std::{
    cell::RefCell,
    collections::VecDeque,
    io,
    iter::repeat_n,
    rc::Rc,
    sync::{
        Arc, Weak,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use tokio::net::{TcpListener, TcpStream};

use super::Server;

const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 17\r\n\r\n{\"queueing\":true}";
const END_OF_HEAD: &[u8] = b"\r\n\r\n";

/// A server whose latency queueing theory gives: so many slots, each of which takes one request for exactly as long,
/// first come first served, in a queue without end. It answers every head with the same bytes.
///
/// The end of a request is computed when it arrives, from the ends of those before it. The thread that keeps the ends may
/// wake 0.1 ms late, which delays that answer and no other: the slots hold what they promise.
#[derive(Debug)]
pub struct Queueing {
    /// The server; any GET is answered with a small JSON object.
    pub server: Server,
}

impl Queueing {
    /// `slots` that each take a request for `takes`: at most `slots / takes` requests a second.
    ///
    /// # Errors
    /// No port can be had, or there are no slots.
    pub fn of_slots(slots: usize, takes: Duration) -> Result<Self> {
        ensure!(slots > 0, "a server of no slots never answers");
        Self::start(Slots { free: Some(repeat_n(Instant::now(), slots).collect()), takes })
    }

    /// Every request takes `takes`, however many there are.
    ///
    /// # Errors
    /// No port can be had.
    pub fn always(takes: Duration) -> Result<Self> {
        Self::start(Slots { free: None, takes })
    }

    fn start(slots: Slots) -> Result<Self> {
        let (promise, promised) = channel();
        thread::Builder::new().name("ends".to_owned()).spawn(move || keep(&promised))?;
        Ok(Self { server: Server::run(move |listener| accept(listener, Desk { slots, promise }))? })
    }
}

/// When each slot is free again, the soonest in front: what takes equally long ends in the order in which it began.
struct Slots {
    /// `None`: there is always one free.
    free: Option<VecDeque<Instant>>,
    takes: Duration,
}

impl Slots {
    /// When a request that arrives at `now` is done.
    fn take(&mut self, now: Instant) -> Instant {
        let Some(free) = &mut self.free else { return now + self.takes };
        let begin = free.pop_front().map_or(now, |soonest| soonest.max(now));
        free.push_back(begin + self.takes);
        begin + self.takes
    }
}

/// Where requests queue.
struct Desk {
    slots: Slots,
    promise: Sender<Promise>,
}

/// When an answer is due, and to whom; one who hung up is not waited for.
type Promise = (Instant, Weak<TcpStream>);

async fn accept(listener: TcpListener, desk: Desk) {
    let desk = Rc::new(RefCell::new(desk));
    while let Ok((stream, _)) = listener.accept().await {
        // A client that hangs up ends its connection, and nothing else.
        tokio::task::spawn_local(receive(Arc::new(stream), Rc::clone(&desk)));
    }
}

async fn receive(stream: Arc<TcpStream>, desk: Rc<RefCell<Desk>>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut received = Vec::new();
    loop {
        stream.readable().await?;
        match stream.try_read_buf(&mut received) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error),
        }
        let now = Instant::now();
        while let Some(end) = received.windows(END_OF_HEAD.len()).position(|it| it == END_OF_HEAD) {
            received.drain(..end + END_OF_HEAD.len());
            let mut desk = desk.borrow_mut();
            let due = desk.slots.take(now);
            // The thread that keeps promises ends only after every desk.
            let _ = desk.promise.send((due, Arc::downgrade(&stream)));
        }
    }
}

/// Answers when it is due; answers fall due in the order in which they were promised.
fn keep(promised: &Receiver<Promise>) {
    wake_exactly();
    for (due, to) in promised {
        if to.strong_count() == 0 {
            continue;
        }
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if let Some(stream) = to.upgrade() {
            // So few bytes always fit, except where nobody reads.
            let _ = stream.try_write(ANSWER);
        }
    }
}

/// Timers of this thread end when they are due, and not up to 50 µs later as the kernel would like.
fn wake_exactly() {
    // SAFETY: prctl takes integers here. A refusal leaves the usual slack.
    let _ = unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1_u64) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_slots_of_ten_milliseconds_make_the_fifth_wait_for_the_first() {
        let begin = Instant::now();
        let at = |ms| begin + Duration::from_millis(ms);
        let mut slots = Slots { free: Some(repeat_n(begin, 4).collect()), takes: Duration::from_millis(10) };
        let ends: Vec<_> = [0, 1, 2, 3, 4, 5, 40].map(|ms| slots.take(at(ms))).into();
        assert_eq!(ends, [10, 11, 12, 13, 20, 21, 50].map(at));
    }

    #[test]
    fn without_slots_to_wait_for_everybody_takes_as_long() {
        let now = Instant::now();
        let mut slots = Slots { free: None, takes: Duration::from_millis(80) };
        assert_eq!([slots.take(now), slots.take(now)], [now + Duration::from_millis(80); 2]);
    }
}
