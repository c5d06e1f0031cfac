// SPDX-License-Identifier: MIT OR Apache-2.0
//! Makes a survey complete.

use super::bindgen;
use super::error::SetupError;
use super::install::{Root, apt, install_args, update_args};
use super::needs::QEMU;
use super::packages::{candidate, lists_are_empty};
use super::scope::Scope;
use super::survey::{Fix, Survey, has_apt, survey};
use crate::event::{Event, from_debian};
use crate::{Dirs, Host};
use debian::{AptError, PrivateApt, Release};
use proc::Cancel;

/// Installs what `survey` found missing: packages as root or with `sudo -n`,
/// bindgen into the cache.
///
/// # Errors
/// [`SetupError`]; the message has the command that completes the set-up.
pub fn complete(
    found: &Survey,
    dirs: &Dirs,
    on_event: &dyn Fn(Event),
    cancel: &Cancel,
) -> Result<(), SetupError> {
    let host = Host::running();
    if let Some(command) = found.command().filter(|_| !has_apt(&host, found.os.as_ref())) {
        let os = found.os.as_ref().map_or("no host that the lab knows", |os| os.name.as_str());
        return Err(SetupError::OtherHost { os: os.into(), command });
    }
    // With package lists at hand, a fix may be another one than before.
    for _ in 0..2 {
        let packages = survey(&host, dirs, found.scope).packages();
        if packages.is_empty() {
            break;
        }
        install(dirs, found.scope, &packages, on_event, cancel)?;
    }
    for (item, fix) in survey(&host, dirs, found.scope).missing() {
        match fix {
            Fix::CargoInstall => bindgen::install(dirs, on_event, cancel)?,
            Fix::ByHand(fix) => {
                return Err(SetupError::ByHand { what: item.name.into(), fix: fix.clone() });
            }
            Fix::Packages(packages) => {
                return Err(SetupError::ByHand {
                    what: item.name.into(),
                    fix: format!("{} is installed and does not help", packages.join(" ")),
                });
            }
        }
    }
    Ok(())
}

fn install(
    dirs: &Dirs,
    scope: Scope,
    packages: &[String],
    on_event: &dyn Fn(Event),
    cancel: &Cancel,
) -> Result<(), SetupError> {
    let args = install_args(&[], packages);
    // Less the version that some are wanted in.
    let unknown =
        |package: &String| candidate(package.split('=').next().unwrap_or(package)).is_none();
    let stale = lists_are_empty() || packages.iter().any(unknown);
    let Some(root) = Root::find(cancel) else {
        let update = if stale { "apt-get update && " } else { "" };
        return Err(SetupError::NeedsRoot { command: format!("{update}{}", args.join(" ")) });
    };
    if stale {
        apt(root, "package lists", &update_args(), on_event, cancel)?;
        // Now that lists are there, the Rust packages can be told apart.
        let fresh = survey(&Host::running(), dirs, scope).packages();
        return install_with(root, dirs, &fresh, on_event, cancel);
    }
    install_with(root, dirs, packages, on_event, cancel)
}

fn install_with(
    root: Root,
    dirs: &Dirs,
    packages: &[String],
    on_event: &dyn Fn(Event),
    cancel: &Cancel,
) -> Result<(), SetupError> {
    let what = packages.join(" ");
    let first = apt(root, &what, &install_args(&[], packages), on_event, cancel);
    match first {
        // Lists of last month name files that are gone.
        Err(SetupError::Failed { tail, .. }) if tail.contains("404") => {
            apt(root, "package lists", &update_args(), on_event, cancel)?;
            apt(root, &what, &install_args(&[], packages), on_event, cancel)
        }
        Err(error) if is_collision(&error) && packages.iter().any(|name| name == QEMU) => {
            let rest: Vec<String> = packages.iter().filter(|name| *name != QEMU).cloned().collect();
            if !rest.is_empty() {
                apt(root, &rest.join(" "), &install_args(&[], &rest), on_event, cancel)?;
            }
            install_newer_qemu(root, dirs, on_event, cancel)
        }
        done => done,
    }
}

/// Where the user has QEMU's tools from backports, the stock emulator would
/// replace them; the emulator from backports fits.
fn is_collision(error: &SetupError) -> bool {
    match error {
        SetupError::WouldRemove { .. } => true,
        SetupError::Failed { tail, .. } => {
            tail.contains("unmet dependencies") || tail.contains("held broken packages")
        }
        _ => false,
    }
}

fn install_newer_qemu(
    root: Root,
    dirs: &Dirs,
    on_event: &dyn Fn(Event),
    cancel: &Cancel,
) -> Result<(), SetupError> {
    let suite = format!("{}-backports", Release::running().codename);
    (on_event)(Event::Notice(format!(
        "the stock {QEMU} would remove packages of yours; taking it from {suite}"
    )));
    let told = |event| from_debian(on_event, event);
    let area = PrivateApt::open(&dirs.cache, &told, cancel).and_then(|apt| apt.install_args());
    let mut extra = area.map_err(|error| match error {
        AptError::Cancelled(cancelled) => cancelled.into(),
        error => SetupError::Failed {
            what: QEMU.into(),
            command: format!("apt-get install -t {suite} {QEMU}"),
            tail: error.to_string(),
        },
    })?;
    extra.extend(["-t".into(), suite]);
    apt(root, QEMU, &install_args(&extra, &[QEMU.to_owned()]), on_event, cancel)
}
