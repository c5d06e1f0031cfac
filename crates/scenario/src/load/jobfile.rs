// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the lab has to know of a fio job file: its sections, its lines, and
//! where in it an error of fio's is. Everything else is fio's business.

use std::path::{Path, PathBuf};

/// The device that every job file of the lab uses.
const DEVICE: &str = "/dev/bcache0";

/// A job file, line by line.
#[derive(Clone, Debug)]
pub struct JobFile {
    /// Where it is, for messages.
    pub path: PathBuf,
    /// As it is in the repository.
    pub text: String,
    options: Vec<JobOption>,
}

/// One `key=value` line.
#[derive(Clone, Debug)]
struct JobOption {
    /// 1-based.
    line: usize,
    section: String,
    key: String,
    value: String,
}

/// What is wrong, and on which line (1-based).
pub type Wrong = (usize, String);

impl JobFile {
    /// Splits the text and checks what the lab depends on.
    ///
    /// # Errors
    /// The line and what is wrong there.
    pub fn parse(path: &Path, text: &str) -> Result<Self, Wrong> {
        let mut options: Vec<JobOption> = Vec::new();
        let mut section = None;
        let mut jobs = 0;
        for (line, text) in (1..).zip(text.lines().map(str::trim)) {
            if text.is_empty() || text.starts_with(['#', ';']) {
                continue;
            }
            if let Some(rest) = text.strip_prefix('[') {
                let name = rest.strip_suffix(']').map(str::trim).filter(|name| !name.is_empty());
                let name = name.ok_or((line, format!("not a section: {text}")))?;
                jobs += usize::from(name != "global");
                section = Some(name.to_owned());
                continue;
            }
            let section = section.clone().ok_or((line, format!("before any section: {text}")))?;
            let (key, value) = text.split_once('=').unwrap_or((text, ""));
            let (key, value) = (key.trim().to_owned(), value.trim().to_owned());
            options.push(JobOption { line, section, key, value });
        }
        let file = Self { path: path.to_owned(), text: text.to_owned(), options };
        if jobs == 0 {
            return Err((1, "no job: a section beside [global] is needed".to_owned()));
        }
        let seeds = file.options.iter().filter(|o| o.key == "randseed").count();
        if seeds != 1 {
            let why = "there must be one line randseed=N, in [global]: the lab puts its seed there";
            return Err((1, why.to_owned()));
        }
        match file.options.iter().find(|o| o.key == "filename") {
            Some(option) if option.value == DEVICE => Ok(file),
            Some(option) => Err((option.line, format!("filename must be {DEVICE}"))),
            None => Err((1, format!("no line filename={DEVICE}"))),
        }
    }

    /// The text with another seed and, where it has one, another runtime in
    /// seconds; lines stay where they are.
    #[must_use]
    pub fn instance(&self, seed: u64, runtime_s: Option<u64>) -> String {
        let mut lines: Vec<String> = self.text.lines().map(str::to_owned).collect();
        for option in &self.options {
            let value = match option.key.as_str() {
                "randseed" => Some(seed),
                "runtime" => runtime_s,
                _ => None,
            };
            if let Some(value) = value {
                lines[option.line - 1] = format!("{}={value}", option.key);
            }
        }
        lines.join("\n") + "\n"
    }

    /// The nearest byte that a job touches: the least `offset`.
    #[must_use]
    pub fn nearest(&self) -> u64 {
        let offsets = self.options.iter().filter(|o| o.key == "offset");
        offsets.filter_map(|o| bytes(&o.value)).min().unwrap_or(0)
    }

    /// The line that a message of fio's is about: the longest option that it
    /// quotes, whole or by its value.
    #[must_use]
    pub fn line_of(&self, message: &str) -> Option<usize> {
        let whole = |o: &JobOption| format!("{}={}", o.key, o.value);
        let named = self.options.iter().find(|option| message.contains(&whole(option)));
        let by_value = || {
            let long = |o: &&JobOption| o.value.len() > 2 && !o.value.starts_with('/');
            self.options.iter().filter(long).find(|option| {
                let quoted = format!(" {} ", option.value);
                message.replace([':', '\n', ','], " ").contains(&quoted)
            })
        };
        let by_key =
            || self.options.iter().find(|o| message.split_whitespace().any(|word| word == o.key));
        named.or_else(by_value).or_else(by_key).map(|option| option.line)
    }

    /// The farthest byte that a job touches, and the line that says so;
    /// `None` where sizes are not given in bytes.
    #[must_use]
    pub fn farthest(&self) -> Option<(u64, usize)> {
        let global = |key: &str| self.option("global", key);
        let sections = self.options.iter().map(|o| o.section.as_str());
        sections
            .filter_map(|section| {
                let find = |key| self.option(section, key).or_else(|| global(key));
                let size = find("size")?;
                let offset = find("offset").and_then(|o| bytes(&o.value)).unwrap_or(0);
                let step = find("offset_increment").and_then(|o| bytes(&o.value)).unwrap_or(0);
                let jobs = find("numjobs").and_then(|o| o.value.parse().ok()).unwrap_or(1_u64);
                let last = step.saturating_mul(jobs.saturating_sub(1));
                Some((bytes(&size.value)?.saturating_add(offset).saturating_add(last), size.line))
            })
            .max()
    }

    /// Seconds of the longest `runtime=`.
    #[must_use]
    pub fn runtime_s(&self) -> Option<u64> {
        let of = |o: &JobOption| o.value.trim_end_matches('s').parse().ok();
        self.options.iter().filter(|o| o.key == "runtime").filter_map(of).max()
    }

    fn option(&self, section: &str, key: &str) -> Option<&JobOption> {
        self.options.iter().find(|o| o.section == section && o.key == key)
    }
}

/// fio's numbers: bytes with k, m or g, powers of 1024.
fn bytes(text: &str) -> Option<u64> {
    let text = text.to_ascii_lowercase();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" => 1,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1 << 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "\
# comment
[global]
filename=/dev/bcache0
randseed=1
size=2m
[writer]
rw=randwrite
offset=32m
ioengine=libaio
";

    fn parse(text: &str) -> Result<JobFile, Wrong> {
        JobFile::parse(Path::new("x.fio"), text)
    }

    #[test]
    fn seed_and_runtime_are_replaced_in_their_lines() {
        let file = parse(GOOD).unwrap();
        assert_eq!(file.instance(77, Some(3)), GOOD.replace("randseed=1", "randseed=77"));
        let text = GOOD.replace("size=2m", "runtime=10");
        let expected = text.replace("randseed=1", "randseed=77").replace("time=10", "time=3");
        assert_eq!(parse(&text).unwrap().instance(77, Some(3)), expected);
    }

    #[test]
    fn errors_name_the_line() {
        let (line, why) = parse(&GOOD.replace("[writer]", "[writer")).unwrap_err();
        assert_eq!(line, 6, "{why}");
        let (line, why) = parse(&GOOD.replace("/dev/bcache0", "/dev/sda")).unwrap_err();
        assert_eq!((line, why.contains("/dev/bcache0")), (3, true));
        assert!(parse(&GOOD.replace("randseed=1", "")).unwrap_err().1.contains("randseed"));
        assert!(parse("[global]\nrandseed=1\n").unwrap_err().1.contains("no job"));
        assert_eq!(parse("rw=read\n").unwrap_err().0, 1);
    }

    /// The messages are those that fio 3.33 prints.
    #[test]
    fn the_line_of_fios_messages_is_found() {
        let file = parse(&GOOD.replace("offset=32m", "bz=4k")).unwrap();
        assert_eq!(file.line_of("Bad option <bz=4k>\nDid you mean bs?\nfio: job dropped"), Some(8));
        let file = parse(&GOOD.replace("randwrite", "randwrit")).unwrap();
        assert_eq!(file.line_of("fio: failed parsing rw=randwrit\n"), Some(7));
        let file = parse(GOOD).unwrap();
        let message = "fio: engine libaio not loadable\nfio: failed to load engine\n";
        assert_eq!(file.line_of(message), Some(9));
        assert_eq!(file.line_of("something else"), None);
    }

    #[test]
    fn the_farthest_byte_is_offset_and_size_of_the_last_job() {
        let file = parse(GOOD).unwrap();
        assert_eq!(file.farthest(), Some((34 << 20, 5)));
        let four = GOOD.replace("offset=32m", "offset=32m\nnumjobs=4\noffset_increment=2m");
        assert_eq!(parse(&four).unwrap().farthest(), Some((40 << 20, 5)));
    }
}
