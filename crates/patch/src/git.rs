// SPDX-License-Identifier: MIT OR Apache-2.0
//! git on files of our own.

use xshell::Cmd;

/// A git command that is deaf to the user's configuration, and to the `GIT_DIR`
/// (and its relatives) of a hook that we may run in.
pub fn deaf(mut cmd: Cmd<'_>) -> Cmd<'_> {
    for (key, _) in std::env::vars_os() {
        if key.to_string_lossy().starts_with("GIT_") {
            cmd = cmd.env_remove(key);
        }
    }
    cmd.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1")
}
