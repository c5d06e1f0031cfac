// SPDX-License-Identifier: MIT OR Apache-2.0
pub fn main(
    _: &crate::flags::ShellArgs,
    _: &proc::Cancel,
) -> anyhow::Result<std::process::ExitCode> {
    todo!()
}
