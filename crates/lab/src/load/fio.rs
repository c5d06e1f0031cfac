// SPDX-License-Identifier: MIT OR Apache-2.0
//! fio in the guest: hand over the job, start it, understand what it says.

use crate::guest::{Guest, GuestError};
use crate::trouble::{Stop, Trouble};
use evidence::HarnessFailure;
use scenario::JobFile;
use wire::{ExecOutput, Op};

/// Where the job is put in the guest.
const JOB: &str = "/tmp/job.fio";

/// `EILSEQ`: how fio reports a block that its verify refuses.
const REFUSED: u64 = 84;

/// What a finished fio reports, all jobs together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Report {
    pub read_bytes: u64,
    pub write_bytes: u64,
    pub trim_bytes: u64,
    /// Blocks that verify refused.
    pub verify_errors: u64,
    /// Seconds of the longest job, by the guest's clock.
    pub seconds: f64,
}

impl Report {
    /// Adds another round's.
    pub fn add(&mut self, other: &Self) {
        self.read_bytes += other.read_bytes;
        self.write_bytes += other.write_bytes;
        self.trim_bytes += other.trim_bytes;
        self.verify_errors += other.verify_errors;
        self.seconds += other.seconds;
    }
}

/// Puts the job into the guest and has fio parse it.
///
/// # Errors
/// fio's own message with the job's file and line, or the guest's failure.
pub fn hand_over(guest: &Guest<'_>, file: &JobFile, text: &str) -> Result<(), Stop> {
    guest.write_file(JOB, text)?;
    match guest.exec(&["fio", "--parse-only", JOB]) {
        Ok(_) => Ok(()),
        Err(GuestError::Refused { why, .. }) => Err(refused(file, &why.message).into()),
        Err(other) => Err(other.into()),
    }
}

/// The request that runs it; killed after `timeout_ms` milliseconds.
pub fn run(timeout_ms: u64) -> Op {
    let argv = ["fio", "--output-format=json", "--eta=never", JOB];
    Op::Exec { argv: argv.map(str::to_owned).into(), timeout_ms }
}

/// fio's words, with the place in the job file.
fn refused(file: &JobFile, message: &str) -> Trouble {
    let said: Vec<&str> =
        message.lines().map(str::trim).filter(|line| !line.is_empty()).take(6).collect();
    let said = said.join("; ");
    let line = file.line_of(message).map_or(String::new(), |line| format!(":{line}"));
    let text = format!("{}{line}: fio says: {said}", file.path.display());
    Trouble::new(
        HarnessFailure::FioJob,
        text,
        "mend the job file; `fio --parse-only FILE` checks it here, too",
    )
}

/// What fio printed when it had ended.
///
/// # Errors
/// fio could not do its work; its words, with the place in the job file.
pub fn report(file: &JobFile, out: &ExecOutput) -> Result<Report, Stop> {
    let json = out.stdout.find('{').map(|at| &out.stdout[at..]);
    let parsed = json.and_then(|text| serde_json::from_str::<serde_json::Value>(text).ok());
    let said = || format!("{}\n{}", out.stderr, out.stdout.split('{').next().unwrap_or_default());
    let Some(jobs) = parsed.as_ref().and_then(|value| value["jobs"].as_array()) else {
        return Err(refused(file, &said()).into());
    };
    let mut report = Report::default();
    let mut failed = None;
    for job in jobs {
        let number = |path: &str| job.pointer(path).and_then(serde_json::Value::as_u64);
        let count = |path: &str| number(path).unwrap_or(0);
        report.read_bytes += count("/read/io_bytes");
        report.write_bytes += count("/write/io_bytes");
        report.trim_bytes += count("/trim/io_bytes");
        report.seconds = report.seconds.max(count("/job_runtime") as f64 / 1000.0);
        let (error, first) = (count("/error"), count("/first_error"));
        let refused = [error, first].iter().all(|&code| code == 0 || code == REFUSED);
        if !refused {
            failed.get_or_insert(error.max(first));
        } else if error != 0 || first != 0 {
            report.verify_errors += count("/total_err").max(1);
        }
    }
    match failed {
        Some(_) => Err(refused(file, &said()).into()),
        None if jobs.is_empty() => Err(refused(file, &said()).into()),
        None => Ok(report),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn file() -> JobFile {
        let text = "[global]\nfilename=/dev/bcache0\nrandseed=1\n[w]\nioengine=libaio\n";
        JobFile::parse(Path::new("workloads/fio/x.fio"), text).unwrap()
    }

    fn output(stdout: &str, stderr: &str, code: i32) -> ExecOutput {
        ExecOutput { code, stdout: stdout.to_owned(), stderr: stderr.to_owned() }
    }

    fn job(error: u64, first: u64, total: u64) -> String {
        format!(
            r#"fio: noise
{{"jobs":[{{"error":{error},"first_error":{first},"total_err":{total},"job_runtime":2500,
"read":{{"io_bytes":4096}},"write":{{"io_bytes":8192}},"trim":{{"io_bytes":0}}}}]}}"#
        )
    }

    fn message(result: Result<Report, Stop>) -> String {
        match result {
            Err(Stop::Trouble(trouble)) => format!("{}: {}", trouble.what, trouble.message),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_report_is_read_whatever_comes_before_it() {
        let report = report(&file(), &output(&job(0, 0, 0), "", 0)).unwrap();
        assert_eq!((report.read_bytes, report.write_bytes), (4096, 8192));
        assert_eq!((report.verify_errors, report.seconds), (0, 2.5));
    }

    #[test]
    fn refused_blocks_are_counted_and_other_errors_are_trouble() {
        assert_eq!(report(&file(), &output(&job(84, 84, 7), "", 1)).unwrap().verify_errors, 7);
        assert_eq!(report(&file(), &output(&job(84, 0, 0), "", 1)).unwrap().verify_errors, 1);
        let eio = report(&file(), &output(&job(5, 5, 1), "fio: Input/output error", 1));
        assert!(message(eio).contains("Input/output error"));
    }

    /// As a fio prints it that was built without libaio.
    #[test]
    fn a_fio_without_the_engine_names_the_line() {
        let text = "fio: engine libaio not loadable\nfio: failed to load engine\n";
        let message = message(report(&file(), &output("", text, 1)));
        assert!(message.contains("workloads/fio/x.fio:5: fio says: fio: engine libaio not"));
    }
}
