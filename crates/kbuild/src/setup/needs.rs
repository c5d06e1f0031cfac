// SPDX-License-Identifier: MIT OR Apache-2.0
//! The list itself. A line here is all that a new need takes.

use super::scope::Scope;

/// How one sees whether something is there.
#[derive(Debug, Clone, Copy)]
pub(super) enum Probe {
    /// A program in `PATH` (or root's directories); its version is asked.
    Program(&'static str),
    /// A program that does not know `--version`.
    Mute(&'static str),
    /// A file, the first of several places.
    File(&'static [&'static str]),
    /// A Rust compiler with its library's sources.
    Rustc,
    Libclang,
    Bindgen,
    /// clang, new enough, with the linker and the tools of its release.
    Llvm,
    /// A module of the system's Python.
    Python(&'static str),
}

/// One thing that the machine must have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Need {
    pub(super) name: &'static str,
    pub(super) purpose: &'static str,
    pub(super) probe: Probe,
    /// Debian packages; those that depend on the release are decided elsewhere.
    pub(super) packages: &'static [&'static str],
    pub(super) scope: Scope,
}

const fn run(
    name: &'static str,
    purpose: &'static str,
    probe: Probe,
    packages: &'static [&'static str],
) -> Need {
    Need { name, purpose, probe, packages, scope: Scope::Run }
}

const fn test(
    name: &'static str,
    purpose: &'static str,
    probe: Probe,
    packages: &'static [&'static str],
) -> Need {
    Need { name, purpose, probe, packages, scope: Scope::Test }
}

pub(super) const NEEDS: &[Need] = &[
    run("gcc", "compiles the kernel", Probe::Program("gcc"), &["gcc"]),
    run(
        "libaio, static",
        "the guest's fio",
        Probe::File(&["/usr/lib/x86_64-linux-gnu/libaio.a", "/usr/lib/libaio.a"]),
        &["libaio-dev"],
    ),
    run(
        "zlib, static",
        "the guest's fio",
        Probe::File(&["/usr/lib/x86_64-linux-gnu/libz.a", "/usr/lib/libz.a"]),
        &["zlib1g-dev"],
    ),
    run("ld", "links the kernel", Probe::Program("ld"), &["binutils"]),
    run(
        "libc headers",
        "the kernel's build programs",
        Probe::File(&["/usr/include/stdio.h"]),
        &["libc6-dev"],
    ),
    run("make", "drives the kernel's build", Probe::Program("make"), &["make"]),
    run("flex", "the kernel's configuration", Probe::Program("flex"), &["flex"]),
    run("bison", "the kernel's configuration", Probe::Program("bison"), &["bison"]),
    run("bc", "the kernel's time constants", Probe::Program("bc"), &["bc"]),
    run("perl", "the kernel's build", Probe::Program("perl"), &["perl-base"]),
    run(
        "libelf",
        "objtool, a part of the kernel's build",
        Probe::File(&["/usr/include/gelf.h", "/usr/include/libelf.h"]),
        &["libelf-dev"],
    ),
    run("git", "takes mails apart, applies patches", Probe::Program("git"), &["git"]),
    run("tar", "unpacks the kernel source", Probe::Program("tar"), &["tar"]),
    run("gzip", "unpacks mailboxes", Probe::Program("gzip"), &["gzip"]),
    run("xz", "unpacks the kernel source", Probe::Program("xz"), &["xz-utils"]),
    run(
        "Rust for the kernel",
        "compiles the Rust arms (1.85 or newer, with the library's sources)",
        Probe::Rustc,
        &[],
    ),
    run("libclang", "bindgen reads C headers with it", Probe::Libclang, &[]),
    run("bindgen", "Rust declarations of the kernel's C (0.71.1 or newer)", Probe::Bindgen, &[]),
    run("QEMU", "runs the kernels", Probe::Program("qemu-system-x86_64"), &[QEMU]),
    run(
        "make-bcache",
        "formats the disks, in the guest",
        Probe::Mute("make-bcache"),
        &["bcache-tools"],
    ),
    run(
        "busybox",
        "a shell in the guest",
        Probe::File(&["/bin/busybox", "/usr/bin/busybox"]),
        &["busybox-static"],
    ),
    Need {
        name: "clang and lld",
        purpose: "compile kernels with KASAN or KCSAN (17 or newer)",
        probe: Probe::Llvm,
        packages: &[],
        scope: Scope::Clang,
    },
    test(
        "libnbd",
        "an NBD client that is not ours, for the disks' tests",
        Probe::Program("nbdinfo"),
        &["libnbd-bin"],
    ),
    test("nbdsh", "the same, by script", Probe::Python("nbd"), &["python3-libnbd"]),
    test("fio", "the same, under load and with its own verify", Probe::Program("fio"), &["fio"]),
    test(
        "Slurm",
        "a job array of shards, on a cluster of one node",
        Probe::Mute("slurmctld"),
        &["slurm-wlm"],
    ),
    test(
        "libfaketime",
        "a clock that jumps during a run",
        Probe::File(&["/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"]),
        &["libfaketime"],
    ),
    test(
        "Python's venv",
        "b4 out of PyPI, with which kernel developers take mails",
        Probe::Python("ensurepip"),
        &["python3-venv"],
    ),
    test("munge", "Slurm's authentication", Probe::Mute("munged"), &["munge"]),
    test(
        "chromium",
        "a browser that the report is looked at in",
        Probe::Program("chromium"),
        &["chromium"],
    ),
    test("qemu-io", "the same, by QEMU's own client", Probe::Program("qemu-io"), &["qemu-utils"]),
];

/// The package whose stock version may collide with a newer QEMU of the
/// user's; see [`super::install`].
pub(super) const QEMU: &str = "qemu-system-x86";
