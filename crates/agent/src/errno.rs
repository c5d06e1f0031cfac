// SPDX-License-Identifier: MIT OR Apache-2.0
//! Names for errnos: a kernel developer greps for `EINVAL`, not for prose.

use rustix::io::Errno;
use std::io;

/// Those that block devices, sysfs and bcache really return.
const NAMES: &[(Errno, &str)] = &[
    (Errno::PERM, "EPERM"),
    (Errno::NOENT, "ENOENT"),
    (Errno::INTR, "EINTR"),
    (Errno::IO, "EIO"),
    (Errno::NXIO, "ENXIO"),
    (Errno::TOOBIG, "E2BIG"),
    (Errno::NOEXEC, "ENOEXEC"),
    (Errno::BADF, "EBADF"),
    (Errno::CHILD, "ECHILD"),
    (Errno::AGAIN, "EAGAIN"),
    (Errno::NOMEM, "ENOMEM"),
    (Errno::ACCESS, "EACCES"),
    (Errno::FAULT, "EFAULT"),
    (Errno::BUSY, "EBUSY"),
    (Errno::EXIST, "EEXIST"),
    (Errno::NODEV, "ENODEV"),
    (Errno::NOTDIR, "ENOTDIR"),
    (Errno::ISDIR, "EISDIR"),
    (Errno::INVAL, "EINVAL"),
    (Errno::NFILE, "ENFILE"),
    (Errno::MFILE, "EMFILE"),
    (Errno::NOTTY, "ENOTTY"),
    (Errno::FBIG, "EFBIG"),
    (Errno::NOSPC, "ENOSPC"),
    (Errno::SPIPE, "ESPIPE"),
    (Errno::ROFS, "EROFS"),
    (Errno::PIPE, "EPIPE"),
    (Errno::RANGE, "ERANGE"),
    (Errno::NAMETOOLONG, "ENAMETOOLONG"),
    (Errno::NOSYS, "ENOSYS"),
    (Errno::LOOP, "ELOOP"),
    (Errno::NODATA, "ENODATA"),
    (Errno::TIME, "ETIME"),
    (Errno::NOLINK, "ENOLINK"),
    (Errno::PROTO, "EPROTO"),
    (Errno::OVERFLOW, "EOVERFLOW"),
    (Errno::OPNOTSUPP, "EOPNOTSUPP"),
    (Errno::TIMEDOUT, "ETIMEDOUT"),
    (Errno::REMOTEIO, "EREMOTEIO"),
    (Errno::STALE, "ESTALE"),
    (Errno::ILSEQ, "EILSEQ"),
];

/// `EINVAL (Invalid argument)`, or the error's own text when it has no errno.
pub fn describe(error: &io::Error) -> String {
    let text = error.to_string();
    let Some(number) = error.raw_os_error() else { return text };
    let prose = text.split(" (os error").next().unwrap_or(&text).to_owned();
    match NAMES.iter().find(|(errno, _)| errno.raw_os_error() == number) {
        Some((_, name)) => format!("{name} ({prose})"),
        None => format!("errno {number} ({prose})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_first() {
        let error = io::Error::from_raw_os_error(22);
        assert_eq!(describe(&error), "EINVAL (Invalid argument)");
        assert!(describe(&io::Error::from_raw_os_error(131)).starts_with("errno 131"));
        assert_eq!(describe(&io::Error::other("short write")), "short write");
    }
}
