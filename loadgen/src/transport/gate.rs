use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use futures_util::task::AtomicWaker;

/// Between a user's connections and the task that drives them. The parts of a connection wake one another through the task, also
/// when that task is the one that is moving them: each request would have the whole task polled two or three times for
/// nothing. Behind a gate such a wake is only noted, and the task is woken for what comes from outside.
#[derive(Debug)]
pub struct Gate {
    inner: Arc<Inner>,
    waker: Waker,
}

#[derive(Debug)]
struct Inner {
    state: AtomicU8,
    task: AtomicWaker,
}

/// The task waits: a wake must reach it.
const WAITING: u8 = 0;
/// The task moves the connection.
const MOVING: u8 = 1;
/// A wake came while the task was moving the connection.
const WOKEN: u8 = 2;

impl Wake for Inner {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.state.swap(WOKEN, Ordering::AcqRel) == WAITING {
            self.task.wake();
        }
    }
}

impl Gate {
    pub fn new() -> Self {
        let inner = Arc::new(Inner { state: AtomicU8::new(MOVING), task: AtomicWaker::new() });
        Self { waker: inner.clone().into(), inner }
    }

    /// Calls `step` until it is done or has nothing more to do by itself. `step` must move everything that it wakes.
    pub fn poll<T>(
        &self,
        cx: &mut Context<'_>,
        mut step: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        self.inner.task.register(cx.waker());
        let mut inside = Context::from_waker(&self.waker);
        loop {
            self.inner.state.store(MOVING, Ordering::Release);
            let polled = step(&mut inside);
            if polled.is_ready() {
                return polled;
            }
            let wait =
                self.inner.state.compare_exchange(MOVING, WAITING, Ordering::AcqRel, Ordering::Acquire);
            if wait.is_ok() {
                return Poll::Pending;
            }
        }
    }
}

/// [`Gate::poll`], or without a gate one step: then the caller sees to it that no wake is lost.
pub fn through<T>(
    gate: Option<&Gate>,
    cx: &mut Context<'_>,
    mut step: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> Poll<T> {
    match gate {
        Some(gate) => gate.poll(cx, step),
        None => step(cx),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_wake_from_inside_moves_on_and_one_from_outside_wakes_the_task() {
        let (gate, count) = (Gate::new(), Arc::new(Count::default()));
        let task = Waker::from(count.clone());
        let (mut steps, mut kept) = (0, None);
        let polled = gate.poll(&mut Context::from_waker(&task), |cx| {
            steps += 1;
            kept = Some(cx.waker().clone());
            if steps == 1 {
                cx.waker().wake_by_ref();
            }
            Poll::<()>::Pending
        });
        assert!(polled.is_pending());
        assert_eq!((steps, count.0.load(Ordering::SeqCst)), (2, 0));
        kept.unwrap().wake();
        assert_eq!(count.0.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn no_wake_is_lost_between_threads() {
        let gate = Gate::new();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for _ in 0..2_000 {
            let (sender, receiver) = tokio::sync::oneshot::channel();
            std::thread::scope(|scope| {
                scope.spawn(|| sender.send(7).unwrap());
                let mut receiver = Box::pin(receiver);
                let got = runtime.block_on(std::future::poll_fn(|cx| {
                    gate.poll(cx, |cx| std::future::Future::poll(receiver.as_mut(), cx))
                }));
                assert_eq!(got, Ok(7));
            });
        }
    }
}
