// SPDX-License-Identifier: MIT OR Apache-2.0
//! Installs Debian packages into the system, never at the cost of another.

use super::error::SetupError;
use crate::event::{Event, Meter};
use proc::{Cancel, Tail, ask, run_lines, shell};
use std::ffi::OsString;
use std::process::Command;
use xshell::cmd;

/// How we become root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Root {
    Already,
    /// `sudo -n` works.
    Sudo,
}

impl Root {
    /// `None` where only a person can.
    pub(super) fn find(cancel: &Cancel) -> Option<Self> {
        if rustix::process::geteuid().is_root() {
            return Some(Self::Already);
        }
        let sh = shell().ok()?;
        let sudo = ask(cmd!(sh, "sudo -n true"), cancel);
        sudo.is_ok_and(|said| said.success).then_some(Self::Sudo)
    }

    fn command(self, args: &[String]) -> Command {
        // A variable given to sudo itself may be dropped: hence env.
        let env = ["env", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C"];
        let mut command = match self {
            Self::Already => Command::new("env"),
            Self::Sudo => {
                let mut command = Command::new("sudo");
                command.args(["-n", "env"]).args(proxies(std::env::vars_os()));
                command
            }
        };
        // apt closes the status descriptor in what it starts. Were that number
        // 1, a maintainer script that says something would fail: that of
        // libgstreamer1.0-0, which QEMU needs, does.
        command.args(&env[1..]).args(["sh", "-c", r#"exec "$@" 3>&1"#, "apt"]);
        command.args(args).args(["-o", "APT::Status-Fd=3"]);
        command
    }
}

/// The user's proxies, which sudo would not pass on.
fn proxies(vars: impl Iterator<Item = (OsString, OsString)>) -> Vec<OsString> {
    let proxy = |name: &OsString| {
        let name = name.to_string_lossy().to_lowercase();
        ["http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy"].contains(&name.as_str())
    };
    let word = |(mut name, value): (OsString, OsString)| {
        name.push("=");
        name.push(value);
        name
    };
    vars.filter(|(name, _)| proxy(name)).map(word).collect()
}

/// `apt-get install` of these packages, as a person would type it.
pub(super) fn install_args(extra: &[String], packages: &[String]) -> Vec<String> {
    let mut args = vec!["apt-get".to_owned(), "install".into()];
    args.extend_from_slice(extra);
    args.extend(["--yes", "--no-install-recommends", "--no-remove"].map(str::to_owned));
    args.extend_from_slice(packages);
    args
}

pub(super) fn update_args() -> Vec<String> {
    vec!["apt-get".into(), "update".into()]
}

/// Runs one apt-get as root; waits for another one that holds dpkg's lock.
pub(super) fn apt(
    root: Root,
    what: &str,
    args: &[String],
    on_event: &dyn Fn(Event),
    cancel: &Cancel,
) -> Result<(), SetupError> {
    let others = replaced(args, cancel)?;
    if !others.is_empty() {
        let (what, command) = (what.into(), args.join(" "));
        return Err(SetupError::WouldReplace { what, packages: others.join(", "), command });
    }
    let mut waiting: Option<Meter> = None;
    loop {
        let tail = match apt_once(root, what, args, on_event, cancel)? {
            None => return Ok(()),
            Some(tail) => tail,
        };
        let locked = tail.contains("Could not get lock") || tail.contains("is another process");
        if !locked {
            return Err(SetupError::classify(what.into(), args.join(" "), tail));
        }
        // DPkg::Lock::Timeout waits without a word, and not for all locks.
        for _ in 0..20 {
            cancel.check()?;
            let meter = waiting
                .get_or_insert_with(|| Meter::start(on_event, "another package manager", ""));
            meter.at(0, None);
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    }
}

/// Compilers that an installation would replace, though nobody named them.
/// What they are is part of every image's key.
fn replaced(args: &[String], cancel: &Cancel) -> Result<Vec<String>, SetupError> {
    let sh = shell().map_err(|error| SetupError::Io { path: "apt-get".into(), error })?;
    let (program, args) = (&args[0], &args[1..]);
    // Looks only, for which nobody has to be root.
    let said = ask(cmd!(sh, "{program} --simulate {args...}"), cancel)
        .map_err(SetupError::run("apt-get"))?;
    let found = said.out.lines().filter_map(replaced_compiler).map(str::to_owned);
    Ok(found.filter(|package| !args.contains(package)).collect())
}

/// The package of a line such as `Inst rustc-web [1.85.0] (1.96.0 Debian)`;
/// one that is not there yet has no version in brackets.
fn replaced_compiler(line: &str) -> Option<&str> {
    const COMPILERS: [&str; 8] =
        ["rustc", "libstd-rust", "gcc", "cpp", "binutils", "bindgen", "clang", "lld"];
    let (package, rest) = line.strip_prefix("Inst ")?.split_once(' ')?;
    let compiler = COMPILERS.iter().any(|start| package.starts_with(start));
    (compiler && rest.starts_with('[')).then_some(package)
}

/// The last lines, if it failed.
fn apt_once(
    root: Root,
    what: &str,
    args: &[String],
    on_event: &dyn Fn(Event),
    cancel: &Cancel,
) -> Result<Option<String>, SetupError> {
    let mut meter = Meter::start(on_event, what, "%");
    let mut tail = Tail::default();
    let status = run_lines(&mut root.command(args), cancel, |line| match percent(line) {
        Some(percent) => meter.at(percent, Some(100)),
        None => tail.push(line),
    })
    .map_err(SetupError::run("apt-get"))?;
    Ok((!status.success()).then(|| tail.text()))
}

/// Fetching is the first half, unpacking the second.
fn percent(line: &str) -> Option<u64> {
    let (offset, rest) = if let Some(rest) = line.strip_prefix("dlstatus:") {
        (0.0, rest)
    } else {
        (50.0, line.strip_prefix("pmstatus:")?)
    };
    // The package's name may hold a colon (gcc:amd64).
    let value = rest.split(':').skip(1).find_map(|word| word.parse::<f64>().ok())?;
    Some((offset + value / 2.0).clamp(0.0, 100.0) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_of_both_halves() {
        assert_eq!(percent("dlstatus:3:40.0:Retrieving file 3 of 9"), Some(20));
        assert_eq!(percent("pmstatus:gcc:amd64:40.0:Unpacking gcc"), Some(70));
        assert_eq!(percent("Setting up gcc"), None);
    }

    #[test]
    fn a_compiler_that_would_be_replaced_is_seen_and_a_new_one_is_not() {
        let old = "Inst rustc-web [1.85.0+dfsg3-1] (1.96.0+dfsg-1 Debian-Security:12 [amd64])";
        assert_eq!(replaced_compiler(old), Some("rustc-web"));
        for other in [
            "Inst rustc-web (1.96.0+dfsg-1 Debian-Security:12 [amd64])",
            "Inst libssl3 [3.0.15] (3.0.17 Debian:12 [amd64])",
            "Conf rustc-web (1.96.0+dfsg-1 Debian-Security:12 [amd64])",
        ] {
            assert_eq!(replaced_compiler(other), None, "{other}");
        }
    }

    #[test]
    fn sudo_keeps_the_user_s_proxies_and_nothing_else() {
        let vars = [("http_proxy", "http://p:1"), ("HTTPS_PROXY", "p:2"), ("SECRET", "x")];
        let vars = vars.map(|(name, value)| (name.into(), value.into()));
        assert_eq!(proxies(vars.into_iter()), ["http_proxy=http://p:1", "HTTPS_PROXY=p:2"]);
    }

    #[test]
    fn nothing_of_the_user_s_is_removed() {
        let args = install_args(&[], &["flex".into()]);
        assert!(args.contains(&"--no-remove".to_owned()), "{args:?}");
        assert_eq!(args.last().map(String::as_str), Some("flex"));
    }
}
