// SPDX-License-Identifier: MIT OR Apache-2.0
//! A panic costs one request, not PID 1.

use crate::link::{Link, park_forever};
use std::cell::Cell;
use wire::FromGuest;

thread_local! {
    /// Which request this thread works on, for the panic hook.
    static CURRENT: Cell<Option<u64>> = const { Cell::new(None) };
}

/// Says that this thread works on a request.
pub fn works_on(id: u64) {
    CURRENT.set(Some(id));
}

/// Makes a panic cost one request. `panic = "abort"` would end PID 1, so the
/// hook answers for the thread and then never returns.
pub fn survive_panics(link: &Link) {
    let link = link.clone();
    std::panic::set_hook(Box::new(move |info| {
        eprintln!("agent: bug: {info}");
        if let Some(id) = CURRENT.get() {
            let result = Err(format!("bug in the agent: {info}").into());
            link.try_send(&FromGuest::Answer { id, result });
        }
        park_forever()
    }));
}
