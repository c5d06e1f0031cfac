// SPDX-License-Identifier: MIT OR Apache-2.0
//! A wrong scenario for each check.

use super::*;

fn arms() -> BTreeSet<String> {
    ["base", "rust", "ordered"].map(str::to_owned).into()
}

/// What is found in the template with one thing replaced: line and message.
fn found(old: &str, new: &str) -> Vec<(usize, String)> {
    let text = template("U1", "mine");
    assert!(text.contains(old), "no {old:?}");
    found_in(&text.replacen(old, new, 1))
}

fn found_in(text: &str) -> Vec<(usize, String)> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mine.toml");
    std::fs::write(&path, text).unwrap();
    let lines = check(&[path], &[], &arms()).into_iter().map(|error| match error {
        ScenarioError::Syntax { line, message, .. } => (line, message),
        other => panic!("{other}"),
    });
    lines.collect()
}

/// One thing is found, in the line that has `at`, and it says all of `parts`.
fn one(old: &str, new: &str, at: &str, parts: &[&str]) {
    let text = template("U1", "mine").replacen(old, new, 1);
    let found = found(old, new);
    let [(line, message)] = &found[..] else { panic!("{found:?}") };
    assert!(text.lines().nth(line - 1).unwrap().contains(at), "{line}: {message}");
    assert!(parts.iter().all(|part| message.contains(part)), "{message}");
}

const RELEASE: &str = "[[step]]\ndo = \"release\"\nname = \"B\"\n\n";

#[test]
fn the_template_passes() {
    assert_eq!(found("A", "A"), []);
}

#[test]
fn ids_and_names_are_given_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str, text: String| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let first = path("first.toml", template("U1", "mine"));
    let same = path("same.toml", template("u1", "mine"));
    let messages = |files: &[PathBuf], beside: &[PathBuf]| -> Vec<String> {
        check(files, beside, &arms()).iter().map(ToString::to_string).collect()
    };
    for found in [messages(&[first.clone(), same.clone()], &[]), messages(&[same], &[first])] {
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("same.toml:4: id \"u1\"") && found[0].contains("first.toml"));
        assert!(found[1].contains("same.toml:5: name \"mine\""), "{found:?}");
    }
}

#[test]
fn holds() {
    let (old, new) = ("do = \"await-held\"\nname = \"B\"", "do = \"await-held\"\nname = \"C\"");
    one(old, new, "[[step]]", &["step 6", "no hold \"C\"", "B is"]);
    let (old, new) = ("do = \"release\"\nname = \"B\"", "do = \"release\"\nname = \"C\"");
    let found = found(old, new);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].1.contains("no hold \"C\"") && found[1].1.contains("never released"));
    one(RELEASE, "", "[[step]]", &["hold \"B\" is never released"]);
    let twice = "[[step]]\ndo = \"hold-priorities\"\nname = \"B\"\n\n[[step]]\ndo = \"await-held\"";
    one("[[step]]\ndo = \"await-held\"", twice, "[[step]]", &["armed already, in line"]);
}

#[test]
fn writes_and_reads_on_their_way() {
    one(
        "do = \"join\"\nvalue = \"B\"",
        "do = \"join\"\nvalue = \"A\"",
        "[[step]]",
        &["no write \"A\""],
    );
    let read = "[[step]]\ndo = \"join-read\"\nname = \"R\"\n\n[[step]]\ndo = \"release\"";
    one("[[step]]\ndo = \"release\"", read, "[[step]]", &["no read \"R\" is on its way"]);
    let again =
        "[[step]]\ndo = \"write\"\nat = \"target\"\nvalue = \"A\"\n\n[[step]]\ndo = \"flush\"";
    one("[[step]]\ndo = \"flush\"", again, "[[step]]", &["version \"A\" is that of line"]);
}

#[test]
fn versions() {
    one("returns = \"A\"", "returns = \"C\"", "[[step]]", &["no version \"C\"", "A, B is"]);
    let early =
        "[[step]]\ndo = \"uncached\"\nvalue = \"A\"\nproves = \"x\"\n\n[[step]]\ndo = \"write\"";
    one("[[step]]\ndo = \"write\"", early, "[[step]]", &["no version \"A\"", "nothing is"]);
    let discard = "do = \"discard\"\nat = \"target\"\nvalue = \"A\"";
    let write = "do = \"write\"\nat = \"target\"\nvalue = \"A\"";
    one(write, discard, "[[step]]", &["a discard leaves zeroes"]);
    let elsewhere = write.replace("target", "primer");
    one(write, &elsewhere, "[[step]]", &["no read of \"target\"", "\"primer\" (16384 to 24576)"]);
}

#[test]
fn the_same_sectors_of_another_device_are_others() {
    let hdd = "hdd = { mib = 128, volatile_cache = true }\n";
    let text = template("U1", "mine")
        .replace(hdd, &format!("{hdd}hdd2 = {{ mib = 128, volatile_cache = true }}\n"))
        .replace("[blocks]\n", "[blocks]\ntwin = { sector = 65536, sectors = 8, on = \"hdd2\" }\n")
        .replacen("at = \"target\"\nvalue = \"A\"", "at = \"twin\"\nvalue = \"A\"", 1);
    let found = found_in(&text);
    let [(_, message)] = &found[..] else { panic!("{found:?}") };
    let parts = ["no read of \"target\" (65536 to 65544)", "\"twin\" (65536 to 65544 of hdd2)"];
    assert!(parts.iter().all(|part| message.contains(part)), "{message}");
}

#[test]
fn a_flash_only_volume_has_no_cache_mode() {
    for step in [
        "do = \"cache-mode\"\nto = \"none\"",
        "do = \"set\"\nsetting = \"cache_mode\"\nvalue = \"none\"",
    ] {
        let step = format!("[[step]]\n{step}\nof = \"flash\"\n\n[[step]]\ndo = \"flush\"");
        let found = found("[[step]]\ndo = \"flush\"", &step);
        let refused =
            |(_, message): &(usize, String)| message.contains("no backing device to come");
        assert!(found.iter().any(refused), "{found:?}");
    }
}

#[test]
fn arms_of_the_project() {
    one(
        "base = \"stale\"",
        "bass = \"stale\"",
        "bass",
        &["no arm \"bass\"", "base, ordered, rust"],
    );
}

#[test]
fn blocks() {
    one("sectors = 8192", "sectors = 8190", "[[step]]", &["\"primer\"", "multiple of 8 long"]);
    one(
        "sector = 16384",
        "sector = 16385",
        "[[step]]",
        &["\"primer\"", "begin at a multiple of 8"],
    );
    let beyond = ["\"target\"", "end before sector 262128"];
    one("sector = 65536", "sector = 262128", "target = ", &beyond);
    one("in = \"primer\"", "in = \"prime\"", "[[step]]", &["no block \"prime\"", "primer, target"]);
}

#[test]
fn opportunities() {
    let held = "proves = \"the bypass write was held before the media\"\n";
    one(held, "", "[[step]]", &["step 6", "`proves` says in words what"]);
    let flush = "do = \"flush\"\nproves = \"it was flushed\"";
    one("do = \"flush\"", flush, "[[step]]", &["shows nothing"]);
    one(held, "proves = \" \"\n", "[[step]]", &["in words"]);
}

#[test]
fn the_machine() {
    let cut = "[[step]]\ndo = \"cut\"\nkind = \"power\"\n\n[[step]]\ndo = \"judge\"";
    one("[[step]]\ndo = \"judge\"", cut, "[[step]]", &["down since line", "`boot` comes first"]);
    let boot = "[[step]]\ndo = \"boot\"\n\n[[step]]\ndo = \"judge\"";
    one("[[step]]\ndo = \"judge\"", boot, "[[step]]", &["a machine is running"]);
}

#[test]
fn the_shipped_scenarios_pass() {
    let repo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let toml = |folder: &str| -> Vec<PathBuf> {
        let listing = std::fs::read_dir(repo.join(folder)).unwrap();
        let paths = listing.map(|entry| entry.unwrap().path());
        paths.filter(|path| path.extension().is_some_and(|ext| ext == "toml")).collect()
    };
    let name = |path: PathBuf| path.file_stem().unwrap().to_string_lossy().into_owned();
    let arms: BTreeSet<String> = toml("kernel/arms").into_iter().map(name).collect();
    let mut files = toml("workloads/scenarios");
    files.extend(toml("workloads/explorations"));
    assert!(files.len() > 40, "{files:?}");
    let found: Vec<String> = check(&files, &[], &arms).iter().map(ToString::to_string).collect();
    assert_eq!(found, Vec::<String>::new());
}

/// A superblock is no block of the bcache device.
#[test]
fn a_place_is_a_block_or_sectors_of_the_disk() {
    let fail =
        |at: &str| format!("[[step]]\ndo = \"fail\"\ndisk = \"hdd\"\nat = {at}\n\n{RELEASE}");
    assert_eq!(found(RELEASE, &fail("{ sector = 8, sectors = 8 }")), []);
    assert_eq!(found(RELEASE, &fail("\"target\"")), []);
    one(RELEASE, &fail("\"nowhere\""), "[[step]]", &["nowhere"]);
    one(RELEASE, &fail("{ sector = 8, sectors = 0 }"), "[[step]]", &["a block's name, or {"]);
}

#[test]
fn a_write_in_the_background_may_not_fail() {
    let write = "[[step]]\ndo = \"write\"\nat = \"target\"\nvalue = \"X\"\nmay_fail = true\n";
    assert_eq!(found(RELEASE, &format!("{RELEASE}{write}\n")), []);
    let both = format!("{write}background = true\n\n");
    one(RELEASE, &format!("{RELEASE}{both}"), "[[step]]", &["leave out `background`"]);
}

/// Of a load: what fio runs for, and where that would say nothing.
#[test]
fn seconds_of_a_load_replace_those_of_its_job() {
    let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../workloads/scenarios");
    let with = |name: &str, old: &str, new: &str| {
        let path = scenarios.join(name);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(old), "{text}");
        parse(&path, &text.replacen(old, new, 1))
    };
    let longer = |seconds| format!("seconds = {seconds}\n\n[disks]");
    let load = with("l1-fio-race.toml", "\n[disks]", &longer(70)).unwrap().load.unwrap();
    assert_eq!((load.seconds, load.about_s), (Some(70), 80));
    let said = |name, seconds| with(name, "\n[disks]", &longer(seconds)).unwrap_err().to_string();
    assert!(said("l2-fio-race-cut.toml", 70).contains("a cut ends the job"));
}
