// SPDX-License-Identifier: MIT OR Apache-2.0
//! The state with its lock, and the thread that waits for delays.

use crate::lock::lock;
use crate::state::State;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

pub(crate) struct Shared {
    state: Mutex<State>,
    /// Something happened; only signalled while someone waits.
    changed: Condvar,
    /// A timer was set that is due before what the timer thread waits for.
    timer: Condvar,
    stop: AtomicBool,
}

impl Shared {
    pub fn new(state: State) -> Self {
        let (changed, timer) = (Condvar::new(), Condvar::new());
        Self { state: Mutex::new(state), changed, timer, stop: AtomicBool::new(false) }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Changes the state and tells those who wait for events.
    pub fn update<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state();
        let result = change(&mut state);
        let waiters = state.waiters;
        drop(state);
        if waiters > 0 {
            self.changed.notify_all();
        }
        result
    }

    /// Waits until something happened, `at_most` this long.
    pub fn wait<'a>(
        &self,
        mut state: MutexGuard<'a, State>,
        at_most: Duration,
    ) -> MutexGuard<'a, State> {
        state.waiters += 1;
        let (mut state, _) =
            self.changed.wait_timeout(state, at_most).unwrap_or_else(PoisonError::into_inner);
        state.waiters -= 1;
        state
    }

    pub fn stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        let state = self.state();
        state.conns.values().for_each(|conn| conn.close());
        drop(state);
        self.timer.notify_all();
        self.changed.notify_all();
    }

    /// To be called after requests were run: the timer thread may be waiting
    /// for something later, or for nothing.
    pub fn timers_changed(&self) {
        if self.state().next_timer().is_some() {
            self.timer.notify_one();
        }
    }

    /// The timer thread's whole life.
    pub fn run_timers(self: &Arc<Self>) {
        // The default slack of 50 µs is most of an SSD's latency. Where it
        // cannot be changed, timing is that much coarser.
        let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
        let mut answers = Vec::new();
        while !self.stopping() {
            let next = self.update(|state| state.run_timers(&mut answers));
            for (conn, answer) in answers.drain(..) {
                conn.queue(answer);
            }
            let state = self.state();
            if state.next_timer() != next || self.stopping() {
                continue;
            }
            let nap = next.map_or(Duration::from_millis(200), |at| {
                at.saturating_duration_since(Instant::now())
            });
            drop(self.timer.wait_timeout(state, nap).unwrap_or_else(PoisonError::into_inner));
        }
    }
}
