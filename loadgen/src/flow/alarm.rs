//! The end of pauses, exactly. The async timer's wheel turns once a millisecond, and a pause that ends at the next turn
//! makes its request late; the kernel's own timer, one for all users, is several times more exact.

use std::{
    cmp::{Ordering, Reverse},
    collections::BinaryHeap,
    future::poll_fn,
    io, mem,
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
    ptr,
    sync::{Arc, Mutex},
    task::{Poll, Waker},
    time::{Duration, Instant},
};

use tokio::io::{Interest, unix::AsyncFd};

use crate::control::{Level, Listener};

/// Pauses that end within so short a time of each other end together.
const GRAIN: Duration = Duration::from_micros(50);

/// Wakes users at the instants they ask for.
#[derive(Debug)]
pub struct Alarm {
    timer: Arc<OwnedFd>,
    calls: Mutex<Calls>,
}

#[derive(Debug, Default)]
struct Calls {
    waiting: BinaryHeap<Reverse<Call>>,
    /// What the timer is set to.
    set: Option<Instant>,
}

/// Somebody wants to be woken.
#[derive(Debug)]
struct Call {
    at: Instant,
    waker: Waker,
}

impl PartialEq for Call {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Call {}

impl PartialOrd for Call {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Call {
    fn cmp(&self, other: &Self) -> Ordering {
        self.at.cmp(&other.at)
    }
}

impl Alarm {
    /// An alarm that rings until the run is stopped; within a runtime.
    ///
    /// # Errors
    /// No more files can be opened.
    pub fn start(listener: Listener) -> io::Result<Arc<Self>> {
        // SAFETY: the call takes two numbers, and its result is looked at below.
        let timer =
            unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_NONBLOCK | libc::TFD_CLOEXEC) };
        if timer < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor was made a moment ago, and nobody else has it.
        let timer = Arc::new(unsafe { OwnedFd::from_raw_fd(timer) });
        // SAFETY: the descriptor is open for as long as `heard` holds its share of it, and is always the same.
        let heard = unsafe { AsyncFd::register_with_interest(timer.clone(), Interest::READABLE)? };
        let alarm = Arc::new(Self { timer, calls: Mutex::default() });
        tokio::spawn(ring(alarm.clone(), heard, listener));
        Ok(alarm)
    }

    /// Sleeps until `until`, or until the run is stopped: then `false`.
    pub async fn sleep_until(&self, until: Instant, listener: &Listener) -> bool {
        let mut called: Option<Waker> = None;
        poll_fn(|cx| {
            if listener.reached(Level::Drain, cx) {
                return Poll::Ready(false);
            }
            if Instant::now() >= until {
                return Poll::Ready(true);
            }
            if !called.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                called = Some(cx.waker().clone());
                self.call(until, cx.waker().clone());
            }
            Poll::Pending
        })
        .await
    }

    fn call(&self, at: Instant, waker: Waker) {
        let mut calls = self.calls.lock().expect("no panic under this lock");
        calls.waiting.push(Reverse(Call { at, waker }));
        if calls.set.is_none_or(|set| at < set) {
            calls.set = Some(at);
            self.set(at.saturating_duration_since(Instant::now()));
        }
    }

    /// Takes out those whose time has come, and sets the timer for the next.
    fn due(&self, due: &mut Vec<Waker>) {
        let now = Instant::now();
        let mut calls = self.calls.lock().expect("no panic under this lock");
        while calls.waiting.peek().is_some_and(|Reverse(next)| next.at <= now) {
            due.extend(calls.waiting.pop().map(|Reverse(call)| call.waker));
        }
        calls.set = calls.waiting.peek().map(|Reverse(next)| next.at.max(now + GRAIN));
        if let Some(next) = calls.set {
            self.set(next - now);
        }
    }

    fn set(&self, wait: Duration) {
        // Zero would switch it off.
        let wait = wait.max(Duration::from_nanos(1));
        // SAFETY: all zeros are a valid itimerspec.
        let mut time: libc::itimerspec = unsafe { mem::zeroed() };
        time.it_value.tv_sec = wait.as_secs() as libc::time_t;
        time.it_value.tv_nsec = libc::c_long::from(wait.subsec_nanos() as i32);
        // SAFETY: the descriptor is a timer's and open, and `time` lives for the length of the call.
        let set =
            unsafe { libc::timerfd_settime(self.timer.as_raw_fd(), 0, &raw const time, ptr::null_mut()) };
        debug_assert!(set == 0, "{}", io::Error::last_os_error());
    }
}

async fn ring(alarm: Arc<Alarm>, mut heard: AsyncFd<Arc<OwnedFd>>, listener: Listener) {
    let mut due = Vec::new();
    poll_fn(|cx| {
        loop {
            if listener.reached(Level::Drain, cx) {
                return Poll::Ready(());
            }
            match heard.poll_read_ready_mut(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                // What has run out need not be read: setting the timer anew takes it back, and tells again.
                Poll::Ready(Ok(mut ready)) => ready.clear_ready(),
            }
            alarm.due(&mut due);
            due.drain(..).for_each(Waker::wake);
        }
    })
    .await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::Control;

    #[tokio::test]
    async fn everyone_is_woken_at_the_instant_asked_for_and_not_before() {
        let control = Arc::new(Control::default());
        let alarm = Alarm::start(control.listener()).unwrap();
        let start = Instant::now();
        // Later ones first, several at once, one that has passed already, and one while the others wait.
        let sleepers = [40_u64, 10, 10, 25, 0, 1].map(|ms| {
            let (alarm, listener) = (alarm.clone(), control.listener());
            tokio::spawn(async move {
                let until = start + Duration::from_millis(ms);
                assert!(alarm.sleep_until(until, &listener).await);
                assert!(Instant::now() >= until);
                assert!(alarm.sleep_until(until + Duration::from_micros(300), &listener).await);
            })
        });
        for sleeper in sleepers {
            sleeper.await.unwrap();
        }
        assert!(alarm.calls.lock().unwrap().waiting.is_empty());
    }

    #[tokio::test]
    async fn a_stop_ends_every_pause_at_once() {
        let control = Arc::new(Control::default());
        let alarm = Alarm::start(control.listener()).unwrap();
        let listener = control.listener();
        let sleeper = tokio::spawn(async move {
            alarm.sleep_until(Instant::now() + Duration::from_secs(3600), &listener).await
        });
        tokio::task::yield_now().await;
        control.raise(Level::Drain);
        assert!(!sleeper.await.unwrap());
    }
}
