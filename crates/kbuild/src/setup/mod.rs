// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a machine must have for a run, and how it gets it.

mod bindgen;
mod complete;
mod error;
mod fit;
mod install;
mod needs;
mod os;
mod packages;
mod scope;
mod survey;

pub use complete::complete;
pub use error::SetupError;
pub use fit::check_fit;
pub use os::Os;
pub use packages::installed;
pub use scope::Scope;
pub use survey::{Fix, Item, State, Survey, survey, survey_as};
