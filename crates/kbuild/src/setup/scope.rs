// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a machine is set up for.

/// What the machine is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Building and running the lab.
    Run,
    /// That, and the lab's own tests against other people's clients.
    Test,
    /// A run of configurations that are built with clang.
    Clang,
}
