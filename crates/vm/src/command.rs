// SPDX-License-Identifier: MIT OR Apache-2.0
//! QEMU's command line: the only place that knows it.

use crate::config::{Accel, Backend, VmConfig, VmDisk};
use crate::error::VmError;
use crate::tsc;
use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;

/// Longest path that fits a `sockaddr_un`.
const LONGEST_SOCKET_PATH: usize = 107;

/// Our ends of QEMU's connections.
pub struct Ends {
    /// Byte stream to the virtio-serial port.
    pub link: UnixStream,
    pub qmp: UnixStream,
}

/// Builds the command. The agent's link and QMP are socket pairs that QEMU
/// inherits as its standard input and output: no path that could be too long,
/// be left behind or be opened by somebody else, and end of file on ours means
/// that QEMU is gone.
///
/// # Errors
/// The work directory cannot be used, or a path does not fit an option.
pub fn build(config: &VmConfig) -> Result<(Command, Ends), VmError> {
    let work = &config.work_dir;
    fs::create_dir_all(work).map_err(VmError::io_at("creating", work))?;
    let console = fresh(&config.console_log())?;
    let reset_log = fresh(&config.reset_log())?;
    let stderr = config.stderr_log();
    let stderr = File::create(&stderr).map_err(VmError::io_at("creating", &stderr))?;
    let pair = || UnixStream::pair().map_err(VmError::io("making a socket pair"));
    let (link, guest_link) = pair()?;
    let (qmp, guest_qmp) = pair()?;

    let mut command = Command::new(&config.qemu);
    command.stdin(OwnedFd::from(guest_link)).stdout(OwnedFd::from(guest_qmp)).stderr(stderr);
    machine(&mut command, config);
    // The guest's log, readable while it runs and after QEMU's death.
    match &config.console_socket {
        None => command.args(["-chardev", &format!("file,id=console,path={console}")]),
        Some(socket) => {
            let socket = socket_path(socket)?;
            let options = "server=on,wait=off";
            let chardev = format!("socket,id=console,path={socket},{options},logfile={console}");
            command.args(["-chardev", &chardev])
        }
    };
    command.args(["-serial", "chardev:console"]);
    // What QEMU inherited as standard input is the agent's link: a port of its
    // own, because console output can carry a panic at any moment.
    command.args(["-chardev", "socket,id=link,fd=0"]);
    command.args(["-device", "virtio-serial-pci-non-transitional,max_ports=2"]);
    command.args(["-device", "virtserialport,id=lab-port,chardev=link,name=lab"]);
    // And standard output is the machine protocol.
    command.args(["-chardev", "socket,id=qmp,fd=1", "-mon", "chardev=qmp,mode=control"]);
    // Notes a triple fault, which QMP reports like any other reset.
    command.args(["-d", "cpu_reset", "-D", &reset_log]);
    for disk in &config.disks {
        add_disk(&mut command, disk)?;
    }
    command.arg("-kernel").arg(&config.kernel).arg("-initrd").arg(&config.initramfs);
    command.args(["-append", &kernel_command_line(config)]);
    if let Some(gdb) = &config.gdb {
        command.args(["-gdb", gdb]);
    }
    command.args(&config.qemu_extra);
    Ok((command, Ends { link, qmp }))
}

fn machine(command: &mut Command, config: &VmConfig) {
    // Only what is asked for below: no network card, floppy or CD to probe,
    // and nothing from the user's own QEMU configuration.
    command.args(["-nodefaults", "-no-user-config", "-display", "none", "-vga", "none"]);
    command.args(["-M", "q35"]);
    match config.accel {
        // One host thread per processor: a race needs two that really run. The
        // plain model, unlike `max`, is the same in every QEMU, and boots no
        // slower (0.70 s of processor time against 0.71 s); without RDRAND,
        // though, the first reader of random numbers would wait for entropy.
        Accel::Tcg => command.args(["-accel", "tcg,thread=multi", "-cpu", "qemu64,+rdrand"]),
        Accel::Kvm => command.args(["-accel", "kvm", "-cpu", "host"]),
    };
    // A socket each: the firmware's MP table lists only the first processor of
    // a package, and without ACPI the guest knows no other table.
    let smp = format!("{0},sockets={0},cores=1,threads=1", config.cpus);
    command.args(["-smp", &smp, "-m", &config.memory_mib.to_string()]);
    // A guest that resets by itself has panicked (`panic=-1`) or triple
    // faulted: it must not come up again and write to the disks.
    command.arg("-no-reboot");
}

fn kernel_command_line(config: &VmConfig) -> String {
    let mut words = vec![
        "console=ttyS0",
        // Warnings and worse: each character costs an exit from the guest.
        // `quiet` would keep warnings back, and with them what WARN() and
        // lockdep report.
        "loglevel=5",
        // Emulated clocks are wrong whenever the host is busy; comparing them
        // would only make the kernel give up the cheap one.
        "tsc=reliable",
        "no_timer_check",
        // A panic ends QEMU at once (with `-no-reboot`), and so does an oops,
        // which would otherwise leave half a kernel running.
        "panic=-1",
        "oops=panic",
        // Where the kernel has the detectors, what they find is an end too.
        "softlockup_panic=1",
        "hung_task_panic=1",
    ];
    let tsc = match config.accel {
        Accel::Tcg => tsc::word(),
        // KVM tells the guest itself.
        Accel::Kvm => None,
    };
    words.extend(tsc.as_deref());
    words.extend(config.cmdline_extra.iter().map(String::as_str));
    words.join(" ")
}

fn add_disk(command: &mut Command, disk: &VmDisk) -> Result<(), VmError> {
    let VmDisk { serial, backend, discard, logical_block } = disk;
    // `discard=unmap`: trims are events of the crash model, QEMU must not
    // swallow them.
    let common = format!("node-name={serial},discard=unmap");
    let blockdev = match backend {
        Backend::Nbd(socket) => {
            let socket = socket_path(socket)?;
            format!("driver=nbd,{common},server.type=unix,server.path={socket}")
        }
        Backend::File(path) => {
            format!("driver=raw,{common},file.driver=file,file.filename={}", escaped(path)?)
        }
        Backend::Null(bytes) => {
            format!("driver=null-co,{common},size={bytes},read-zeroes=on")
        }
    };
    command.args(["-blockdev", &blockdev]);
    // `werror`, `rerror`: an injected ENOSPC must reach the guest, by default
    // it would pause it. `queue-size`: one bio of 1 MiB has 256 segments and
    // fits in one request with 510 of them. `id`: QMP names a disk's limits by
    // it (`Vm::hold_back_writes`).
    let device = format!(
        "virtio-blk-pci-non-transitional,id={serial},drive={serial},serial={serial},\
         werror=report,rerror=report,queue-size=512,\
         logical_block_size={logical_block},physical_block_size={logical_block},discard={}",
        if *discard { "on" } else { "off" }
    );
    command.args(["-device", &device]);
    Ok(())
}

/// Empties a log and returns its path as QEMU wants it.
fn fresh(path: &Path) -> Result<String, VmError> {
    File::create(path).map_err(VmError::io_at("creating", path))?;
    escaped(path)
}

fn socket_path(path: &Path) -> Result<String, VmError> {
    let length = path.as_os_str().len();
    if length > LONGEST_SOCKET_PATH {
        let why = format!("{length} bytes long, a Unix socket allows {LONGEST_SOCKET_PATH}");
        return Err(VmError::io_at("using the socket", path)(std::io::Error::other(why)));
    }
    escaped(path)
}

/// A comma ends an option's value unless it is doubled.
fn escaped(path: &Path) -> Result<String, VmError> {
    match path.to_str() {
        Some(text) => Ok(text.replace(',', ",,")),
        None => Err(VmError::io_at("using", path)(std::io::Error::other("not UTF-8"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn config(dir: &Path) -> VmConfig {
        VmConfig::new("k".into(), "i".into(), Accel::Tcg, dir.join("boot"))
    }

    fn words(config: &VmConfig) -> Vec<String> {
        let (command, _) = build(config).unwrap();
        command.get_args().map(|word| word.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn a_comma_in_a_path_does_not_end_the_option() {
        let dir = tempfile::tempdir().unwrap();
        let mut config = config(dir.path());
        let backend = Backend::File("/a,b".into());
        config.disks.push(VmDisk::new("ssd", backend));
        assert!(words(&config).iter().any(|word| word.ends_with("file.filename=/a,,b")));
    }

    #[test]
    fn a_socket_path_that_is_too_long_is_said_before_qemu_cuts_it() {
        let dir = tempfile::tempdir().unwrap();
        let mut config = config(dir.path());
        let backend = Backend::Nbd(PathBuf::from("/".repeat(108)));
        config.disks.push(VmDisk::new("ssd", backend));
        let error = build(&config).err().unwrap().to_string();
        assert!(error.contains("108 bytes") && error.contains("107"), "{error}");
    }

    #[test]
    fn old_logs_do_not_survive_into_a_new_boot() {
        let dir = tempfile::tempdir().unwrap();
        let config = config(dir.path());
        fs::create_dir_all(&config.work_dir).unwrap();
        fs::write(config.console_log(), "Kernel panic - not syncing: old").unwrap();
        words(&config);
        assert_eq!(fs::read(config.console_log()).unwrap(), b"");
    }
}
