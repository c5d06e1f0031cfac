// SPDX-License-Identifier: MIT OR Apache-2.0
//! A TCG plugin that counts the instructions of the guest, block by block.
//!
//! QEMU translates the guest's code in blocks that end at the first branch.
//! Each gets a slot in a shared file (see [`layout`]) and a call at its start
//! that adds one: whoever reads the file twice knows exactly which code ran in
//! between, however slow or busy the machine is. A block that a fault leaves
//! in the middle counts as whole.
//!
//! `-plugin file=libcounter.so,out=FILE`

mod layout;
mod qemu;

use rustix::mm::{MapFlags, ProtFlags, mmap};
use std::collections::HashMap;
use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::fs::File;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

/// The version of the plugin interface that this was written for; QEMU 8.2
/// and later accept it.
// SAFETY: the name is QEMU's, and nothing else in the process defines it.
#[unsafe(no_mangle)]
pub static qemu_plugin_version: c_int = 2;

struct Table {
    memory: *mut u8,
    /// Slot of a block, by address and length: QEMU translates a block again
    /// whenever it has dropped its translations.
    known: Mutex<HashMap<(u64, u64), usize>>,
}

// SAFETY: `memory` is mapped for the life of the process, and is accessed
// through atomics only.
unsafe impl Send for Table {}
// SAFETY: as above.
unsafe impl Sync for Table {}

static TABLE: OnceLock<Table> = OnceLock::new();

impl Table {
    fn create(path: &str) -> std::io::Result<Self> {
        let file = File::options().read(true).write(true).create(true).truncate(true).open(path)?;
        file.set_len(layout::BYTES as u64)?;
        let (prot, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED);
        // SAFETY: a new mapping at an address of the kernel's choice.
        let memory =
            unsafe { mmap(std::ptr::null_mut(), layout::BYTES, prot, flags, &file, 0) }?.cast();
        Ok(Self { memory, known: Mutex::default() })
    }

    /// The u64 at a byte offset.
    fn word(&self, offset: usize) -> &AtomicU64 {
        debug_assert!(offset.is_multiple_of(8) && offset + 8 <= layout::BYTES);
        // SAFETY: inside the mapping and aligned, as it starts on a page and
        // every offset is a multiple of 8; never unmapped.
        unsafe { AtomicU64::from_ptr(self.memory.add(offset).cast()) }
    }

    /// The counter of a block; `None` when the file is full.
    fn counter(&self, address: u64, instructions: u64) -> Option<&AtomicU64> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let next = known.len();
        let slot = *known.entry((address, instructions)).or_insert(next);
        if slot >= layout::SLOTS {
            return None;
        }
        let at = layout::HEADER + slot * layout::SLOT;
        if slot == next {
            self.word(at).store(address, Ordering::Relaxed);
            self.word(at + 8).store(instructions, Ordering::Relaxed);
            // Last: who reads the number finds the slot filled.
            self.word(0).store(next as u64 + 1, Ordering::Release);
        }
        Some(self.word(at + 16))
    }
}

/// QEMU loads the plugin.
///
/// # Safety
/// Called by QEMU, once, with `argc` strings in `argv`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn qemu_plugin_install(
    id: qemu::Id,
    _info: *const c_void,
    argc: c_int,
    argv: *const *const c_char,
) -> c_int {
    let argument = |index: usize| {
        // SAFETY: by the contract, `argv` has `argc` strings.
        let text = unsafe { CStr::from_ptr(*argv.add(index)) };
        text.to_string_lossy().into_owned()
    };
    let count = usize::try_from(argc).unwrap_or(0);
    let path = (0..count).find_map(|at| argument(at).strip_prefix("out=").map(str::to_owned));
    let Some(path) = path else {
        eprintln!("counter: no out=FILE");
        return 1;
    };
    match Table::create(&path) {
        Ok(table) => drop(TABLE.set(table)),
        Err(error) => {
            eprintln!("counter: {path}: {error}");
            return 1;
        }
    }
    // SAFETY: QEMU's own function, with the id that it gave us.
    unsafe { qemu::qemu_plugin_register_vcpu_tb_trans_cb(id, translated) };
    0
}

/// A block has been translated and will run.
extern "C" fn translated(_id: qemu::Id, block: *mut qemu::Block) {
    let Some(table) = TABLE.get() else { return };
    // SAFETY: QEMU's own functions, with the block that it gave us.
    let (address, count) =
        unsafe { (qemu::qemu_plugin_tb_vaddr(block), qemu::qemu_plugin_tb_n_insns(block)) };
    if let Some(counter) = table.counter(address, count as u64) {
        let counter = counter.as_ptr().cast();
        // SAFETY: as above; the counter lives as long as the process.
        unsafe {
            qemu::qemu_plugin_register_vcpu_tb_exec_cb(block, entered, qemu::NO_REGS, counter);
        }
    }
}

/// A block is about to run.
extern "C" fn entered(_cpu: c_uint, counter: *mut c_void) {
    // SAFETY: what `translated` has registered: a word of the mapping.
    let counter = unsafe { AtomicU64::from_ptr(counter.cast()) };
    counter.fetch_add(1, Ordering::Relaxed);
}
