// SPDX-License-Identifier: MIT OR Apache-2.0
//! The few functions of QEMU's plugin interface that are used
//! (`include/qemu/qemu-plugin.h` of QEMU). They are in the program that loads
//! us.

use std::ffi::{c_int, c_uint, c_void};

/// `qemu_plugin_id_t`.
pub type Id = u64;

/// `struct qemu_plugin_tb`, QEMU's own.
#[repr(C)]
pub struct Block {
    _opaque: [u8; 0],
}

/// `QEMU_PLUGIN_CB_NO_REGS`: the callback looks at no register.
pub const NO_REGS: c_int = 0;

unsafe extern "C" {
    pub fn qemu_plugin_register_vcpu_tb_trans_cb(id: Id, callback: extern "C" fn(Id, *mut Block));
    pub fn qemu_plugin_register_vcpu_tb_exec_cb(
        block: *mut Block,
        callback: extern "C" fn(c_uint, *mut c_void),
        flags: c_int,
        data: *mut c_void,
    );
    pub fn qemu_plugin_tb_n_insns(block: *const Block) -> usize;
    pub fn qemu_plugin_tb_vaddr(block: *const Block) -> u64;
}
