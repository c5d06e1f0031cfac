// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask setup --try-kvm`: a guest under KVM, and what to report of it.

use crate::flags::KernelArgs;
use crate::prepare;
use crate::ui::Ui;
use anyhow::{Context, Result};
use kbuild::{Dirs, Role};
use proc::{Cancel, Scratch};
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;
use vm::{Accel, Vm, VmConfig};

/// Boots twice, and saves and restores the guest in between: what a run does.
pub fn report(dirs: &Dirs, cancel: &Cancel) -> Result<ExitCode> {
    let ui = Ui::new();
    let kernel = KernelArgs::of("plain");
    prepare::set_up(dirs, &kernel, false, &ui, cancel)?;
    let control = prepare::all_arms(dirs)?.into_iter().find(|arm| arm.role == Role::Control);
    let control = control.context("no arm is the control")?;
    let image = prepare::build_arms(dirs, &[control], &kernel, &ui, cancel)?;
    let guest = prepare::guest_image(dirs, &ui, cancel)?;
    let work = Scratch::new("bclab-").context("no temporary folder")?;
    let config = |accel, name: &str| {
        let kernel = image.first().map(|image| image.path.clone()).unwrap_or_default();
        VmConfig::new(kernel, guest.path.clone(), accel, work.path().join(name))
    };

    println!("--- what to report ---");
    for (what, words) in facts() {
        println!("{what:<14} {words}");
    }
    println!("{:<14} {}", "QEMU", prepare::qemu_version()?);
    let mut works = true;
    for accel in [Accel::Kvm, Accel::Tcg] {
        let words = match round(&config, accel, work.path(), cancel) {
            Ok(words) => words,
            Err(vm::VmError::Cancelled) => return Err(proc::Cancelled.into()),
            Err(error) => {
                works &= accel != Accel::Kvm;
                error.to_string()
            }
        };
        println!("{:<14} {words}", accel.to_string());
    }
    println!("--- end ---");
    if works {
        println!(
            "KVM boots, saves and restores this guest. Nobody has yet played the scenarios under \
             it:\n    cargo xtask run --accel kvm\nand send what it prints with this."
        );
        return Ok(ExitCode::SUCCESS);
    }
    println!("Runs go on under TCG, which needs nothing of all this.");
    Ok(ExitCode::from(crate::exit::SETUP))
}

/// A boot, a save and a restoration, with their times.
fn round(
    config: &dyn Fn(Accel, &str) -> VmConfig,
    accel: Accel,
    work: &Path,
    cancel: &Cancel,
) -> Result<String, vm::VmError> {
    let (state, name) =
        (work.join(format!("{accel}.state")), |part: &str| format!("{accel}-{part}"));
    let mut times = Vec::new();
    let mut began = Instant::now();
    let mut lap = |what: &str| {
        times.push(format!("{what} {:.2} s", began.elapsed().as_secs_f64()));
        began = Instant::now();
    };
    let guest = Vm::boot(&config(accel, &name("boot")), cancel)?;
    lap("boots in");
    guest.save(&state, cancel)?;
    lap("saved in");
    drop(Vm::restore(&config(accel, &name("restored")), &state, cancel)?);
    lap("restored in");
    Ok(times.join(", "))
}

/// What decides whether KVM works.
fn facts() -> Vec<(&'static str, String)> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let cpuinfo = read("/proc/cpuinfo");
    let line = |name: &str| {
        let found = cpuinfo.lines().find(|line| line.starts_with(name));
        found.and_then(|line| line.split_once(": ")).map_or("", |(_, value)| value).to_owned()
    };
    let flags = line("flags");
    let wanted = ["vmx", "svm", "ept", "npt", "hypervisor", "constant_tsc", "nonstop_tsc"];
    let has: Vec<&str> =
        wanted.into_iter().filter(|flag| flags.split(' ').any(|word| word == *flag)).collect();
    let nested = ["kvm_intel", "kvm_amd"].map(|module| {
        let value = read(&format!("/sys/module/{module}/parameters/nested"));
        if value.is_empty() { String::new() } else { format!("{module} nested={value} ") }
    });
    vec![
        ("processor", line("model name")),
        ("features", has.join(" ")),
        ("host", read("/proc/version")),
        ("virtualised", read("/sys/class/dmi/id/product_name")),
        ("modules", nested.concat()),
        ("/dev/kvm", vm::kvm_unusable().unwrap_or_else(|| "can be opened".into())),
        ("clock", read("/sys/devices/system/clocksource/clocksource0/current_clocksource")),
    ]
}
