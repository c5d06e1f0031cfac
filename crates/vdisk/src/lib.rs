// SPDX-License-Identifier: MIT OR Apache-2.0
//! Virtual disks whose every promise can be checked.
//!
//! A [`Rig`] serves several disks over NBD from inside the tool and keeps one
//! sequence of [`Event`]s for all of them. Requests can be held, delayed and
//! spoiled; the power can be cut at one instant for all disks, after which
//! each holds what the crash model (design, section 5) says and nothing else.
//! The disks outlive the machines that use them.
//!
//! All addresses and lengths are sectors of 512 bytes unless said otherwise.
#![allow(missing_docs)] // a comment stands where a name does not say it

pub mod bcache_format;
pub mod crash;
mod cut;
mod event;
mod hold;
mod lock;
pub mod log;
mod media;
mod nbd;
mod observe;
mod op;
mod outage;
mod profile;
mod request;
mod rig;
mod rng;
mod shared;
mod spec;
mod stages;
mod state;
mod store;
mod timing;

pub use cut::{CutKind, CutReport, Policy, Survival};
pub use event::{Event, Kind, Mark};
pub use hold::{Fault, HeldRequest, Hold, HoldError, HoldId, Phase};
pub use media::{Media, SECTOR};
pub use observe::WaitError;
pub use op::{Matcher, Op, OpMatch};
pub use profile::{Hdd, Profile, ProfileError, Ssd};
pub use rig::{Rig, Snapshot};
pub use spec::{DiskSpec, VdiskError};
