// SPDX-License-Identifier: MIT OR Apache-2.0
//! The list itself. A new need is a line here, and its packages' names in
//! hosts.toml.

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
    pub(super) scope: Scope,
}

const fn run(name: &'static str, purpose: &'static str, probe: Probe) -> Need {
    Need { name, purpose, probe, scope: Scope::Run }
}

const fn test(name: &'static str, purpose: &'static str, probe: Probe) -> Need {
    Need { name, purpose, probe, scope: Scope::Test }
}

/// Where a static libc is: on Debian and its like, on Fedora and openSUSE, on
/// Arch.
const LIBC: &[&str] = &["/usr/lib/x86_64-linux-gnu/libc.a", "/usr/lib64/libc.a", "/usr/lib/libc.a"];
const LIBELF: &[&str] = &["/usr/include/gelf.h", "/usr/include/libelf.h"];
const FAKETIME: &[&str] = &[
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib64/faketime/libfaketimeMT.so.1",
    "/usr/lib/faketime/libfaketimeMT.so.1",
];

pub(super) const NEEDS: &[Need] = &[
    run("gcc", "compiles the kernel", Probe::Program("gcc")),
    run("libc, static", "the guest's agent and fio", Probe::File(LIBC)),
    run("ld", "links the kernel", Probe::Program("ld")),
    run("libc headers", "the kernel's build programs", Probe::File(&["/usr/include/stdio.h"])),
    run("make", "drives the kernel's build", Probe::Program("make")),
    run("flex", "the kernel's configuration", Probe::Program("flex")),
    run("bison", "the kernel's configuration", Probe::Program("bison")),
    run("bc", "the kernel's time constants", Probe::Program("bc")),
    run("perl", "the kernel's build", Probe::Program("perl")),
    run("libelf", "objtool, a part of the kernel's build", Probe::File(LIBELF)),
    run("git", "takes mails apart, applies patches", Probe::Program("git")),
    run("tar", "unpacks the kernel source", Probe::Program("tar")),
    run("gzip", "unpacks mailboxes", Probe::Program("gzip")),
    run("xz", "unpacks the kernel source", Probe::Program("xz")),
    run(
        "Rust for the kernel",
        "compiles the Rust arms (1.85 or newer, with the library's sources)",
        Probe::Rustc,
    ),
    run("libclang", "bindgen reads C headers with it", Probe::Libclang),
    run("bindgen", "Rust declarations of the kernel's C (0.71.1 or newer)", Probe::Bindgen),
    run("QEMU", "runs the kernels", Probe::Program("qemu-system-x86_64")),
    run("curl", "fetches Debian's signed packages", Probe::Program("curl")),
    run("gpgv", "checks their signature", Probe::Program("gpgv")),
    Need {
        name: "clang and lld",
        purpose: "compile kernels with KASAN or KCSAN (17 or newer)",
        probe: Probe::Llvm,
        scope: Scope::Clang,
    },
    test(
        "libnbd",
        "an NBD client that is not ours, for the disks' tests",
        Probe::Program("nbdinfo"),
    ),
    test("nbdsh", "the same, by script", Probe::Python("nbd")),
    test("fio", "the same, under load and with its own verify", Probe::Program("fio")),
    test("Slurm", "a job array of shards, on a cluster of one node", Probe::Mute("slurmctld")),
    test("libfaketime", "a clock that jumps during a run", Probe::File(FAKETIME)),
    test(
        "Python's venv",
        "b4 out of PyPI, with which kernel developers take mails",
        Probe::Python("ensurepip"),
    ),
    test("munge", "Slurm's authentication", Probe::Mute("munged")),
    test("qemu-io", "the same, by QEMU's own client", Probe::Program("qemu-io")),
    test(
        "bcache-tools",
        "superblocks for the tests to read; the guest has a copy of its own",
        Probe::Program("make-bcache"),
    ),
    test("busybox", "its cpio reads the guest's image", Probe::Program("busybox")),
];

/// The package whose stock version may collide with a newer QEMU of the
/// user's; see [`super::install`].
pub(super) const QEMU: &str = "qemu-system-x86";
