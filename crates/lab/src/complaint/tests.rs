// SPDX-License-Identifier: MIT OR Apache-2.0
use super::*;
use evidence::HarnessFailure;
use judge::kernel_report::said;

fn judged(end: Result<(), Stop>, logs: &Path) -> Result<Option<KernelReport>, Stop> {
    judge(end, logs, &[], &mut Vec::new())
}

fn kind(console: &str) -> Option<&'static str> {
    match said(console, &[], &mut Vec::new()) {
        Said::Report(report) => Some(report.kind),
        _ => None,
    }
}

/// First lines as the kernel prints them, each with the function that does.
#[test]
fn every_kind_of_report_is_told() {
    for (line, expected) in [
        // mm/kasan/report.c, print_error_description()
        ("BUG: KASAN: slab-out-of-bounds in register_bcache+0x1/0x2", "KASAN"),
        // kernel/kcsan/report.c, print_report()
        ("BUG: KCSAN: data-race in bch_inflight_check / bch_inflight_record", "KCSAN"),
        // lib/ubsan.c, ubsan_prologue()
        ("UBSAN: array-index-out-of-bounds in drivers/md/bcache/a.c:1:2", "UBSAN"),
        // lib/refcount.c, refcount_warn_saturate()
        ("refcount_t: underflow; use-after-free.", "refcount"),
        // kernel/hung_task.c, check_hung_task()
        ("INFO: task kworker/0:1:12 blocked for more than 40 seconds.", "hung task"),
        // kernel/locking/lockdep.c
        ("WARNING: possible circular locking dependency detected", "lockdep"),
        ("WARNING: possible recursive locking detected", "lockdep"),
        ("WARNING: inconsistent lock state", "lockdep"),
        ("WARNING: HARDIRQ-safe -> HARDIRQ-unsafe lock order detected", "lockdep"),
        ("[ BUG: Invalid wait context ]", "lockdep"),
        // kernel/sched/core.c, __might_resched()
        ("BUG: sleeping function called from invalid context at mm/slab.h:1", "sleep in atomic"),
        // kernel/panic.c, __warn()
        ("WARNING: CPU: 0 PID: 7 at drivers/md/bcache/btree.c:1", "warning"),
        ("WARNING: drivers/md/bcache/btree.c:1 at f+0x1/0x2, CPU#0: sh/7", "warning"),
        ("list_add corruption. next->prev should be prev (1), but was 2.", "list"),
        ("BUG: something new", "bug"),
    ] {
        assert_eq!(kind(&format!("[    0.1] fine\n[    1.234567] {line}\n")), Some(expected));
        assert_eq!(kind(&format!("sh: {line}\n")), None, "a program may print it");
    }
    let calm = "[    0.1] bcache: register_bdev() registered backing device vdb\n";
    assert_eq!(said(calm, &[], &mut Vec::new()), Said::Nothing);
}

fn logs(boots: &[(&str, &str)]) -> tempfile::TempDir {
    let logs = tempfile::tempdir().unwrap();
    for (boot, console) in boots {
        std::fs::create_dir(logs.path().join(boot)).unwrap();
        std::fs::write(logs.path().join(boot).join("console.log"), console).unwrap();
    }
    logs
}

const SPLAT: &str = "[ 1.0] WARNING: possible circular locking dependency detected\n[ 1.1] more\n";

#[test]
fn a_report_outweighs_a_clean_read_back_and_a_closed_window() {
    let logs = logs(&[("boot-1", "[ 0.1] fine\n"), ("boot-2", SPLAT)]);
    for end in [Ok(()), Err(Stop::Closed("no".into()))] {
        let report = judged(end, logs.path()).unwrap().expect("a report");
        assert_eq!((report.kind, report.text.len()), ("lockdep", 2));
        assert!(report.lines()[0].text().contains("possible circular"), "{:?}", report.lines());
    }
    let stopped = Trouble::new(HarnessFailure::Hung, "m", "n").into();
    assert!(judged(Err(stopped), logs.path()).unwrap().is_some());
}

#[test]
fn an_oops_keeps_its_name_and_no_report_changes_nothing() {
    let oops = logs(&[("boot-1", "[ 1.0] BUG: kernel NULL pointer dereference, address: 8\n")]);
    let end: Stop = Trouble::new(HarnessFailure::Oops, "m", "n").into();
    let Err(Stop::Trouble(trouble)) = judged(Err(end), oops.path()) else { panic!() };
    assert_eq!(trouble.what, HarnessFailure::Oops);
    let calm = logs(&[("boot-1", "[ 1.0] calm\n")]);
    assert!(judged(Ok(()), calm.path()).unwrap().is_none());
    assert!(matches!(judged(Err(Stop::Closed("w".into())), calm.path()), Err(Stop::Closed(_))));
}

/// The code under test has failed: that is a verdict, wherever else an oops is trouble.
#[test]
fn what_bcache_dies_of_is_a_report() {
    for (line, place, bcache) in [
        (
            "kernel BUG at bch_prio_write+0x3f3/0x400 [verbose debug info unavailable]",
            "bch_prio_write+0x3f3/0x400",
            true,
        ),
        ("kernel BUG at mm/slub.c:1!", "kfree+0x1/0x2", false),
        ("BUG: kernel NULL pointer dereference, address: 8", "bch_journal+0x90/0x390", true),
        ("BUG: kernel NULL pointer dereference, address: 8", "up_read+0x9/0x39", false),
    ] {
        let console = format!(
            "[ 1.0] {line}\n[ 1.1] Oops: invalid opcode: 0000 [#1] SMP\n[ 1.2] RIP: 0010:{place}\n\
             [ 1.3]  bch_allocator_thread+0xb8e/0xbd0\n"
        );
        let oops = logs(&[("boot-1", &console)]);
        let end: Stop = Trouble::new(HarnessFailure::Oops, "m", "n").into();
        match judged(Err(end), oops.path()) {
            Ok(Some(report)) => assert!(bcache && report.kind == "bug", "{line} {place}"),
            Err(Stop::Trouble(trouble)) => {
                assert!(!bcache && trouble.what == HarnessFailure::Oops, "{line} {place}");
            }
            other => panic!("{other:?}"),
        }
    }
}

/// A stall may be the host's: trouble, not a verdict; a report beside it is one.
#[test]
fn a_stall_is_trouble() {
    let stall = "[ 9.0] rcu: INFO: rcu_sched detected stalls on CPUs/tasks:\n[ 9.1] rcu: 1-...\n";
    let stalled = logs(&[("boot-1", stall)]);
    let Err(Stop::Trouble(trouble)) = judged(Ok(()), stalled.path()) else { panic!() };
    assert_eq!(trouble.what, HarnessFailure::KernelStall);
    assert!(trouble.console_tail.contains("detected stalls"));
    let both = logs(&[("boot-1", stall), ("boot-2", SPLAT)]);
    assert_eq!(judged(Ok(()), both.path()).unwrap().unwrap().kind, "lockdep");
}

/// What was dropped may have been a report: nothing is clean then.
#[test]
fn a_console_with_lines_missing_is_trouble() {
    let dropped = "[ 9.0] fine\n** 141 printk messages dropped **\n[ 9.1] fine\n";
    let lossy = logs(&[("boot-1", dropped)]);
    let Err(Stop::Trouble(trouble)) = judged(Ok(()), lossy.path()) else { panic!() };
    assert_eq!(trouble.what, HarnessFailure::ConsoleDropped);
    assert!(matches!(judged(Err(Stop::Closed("w".into())), lossy.path()), Err(Stop::Closed(_))));
    let both = logs(&[("boot-1", dropped), ("boot-2", SPLAT)]);
    assert_eq!(judged(Ok(()), both.path()).unwrap().unwrap().kind, "lockdep");
    let quoted = logs(&[("boot-1", "[ 9.0] ** 141 printk messages dropped **\n")]);
    assert!(judged(Ok(()), quoted.path()).unwrap().is_none());
}

/// A known report does not hide the next one, nor one that only looks like it.
#[test]
fn a_known_report_is_named_and_no_verdict() {
    let race = |pair: &str| format!("[ 2.0] BUG: KCSAN: data-race in {pair}\n[ 2.1] trace\n");
    let known =
        KnownReport { kind: "KCSAN".into(), at: "data-race in mod_timer / run_timer".into() };
    let judge = |console: &str| {
        let logs = logs(&[("boot-1", console)]);
        let mut notes = Vec::new();
        let report = judge(Ok(()), logs.path(), std::slice::from_ref(&known), &mut notes).unwrap();
        (report.map(|report| report.text[0].clone()), notes)
    };
    let theirs = race("mod_timer / run_timer").repeat(2);
    let (report, notes) = judge(&theirs);
    assert_eq!((report, notes.len()), (None, 1));
    assert!(known.is_named_in(&notes[0]), "{notes:?}");
    let (report, notes) = judge(&(theirs + &race("bch_inflight_check / record_part")));
    assert!(report.unwrap().contains("bch_inflight_check"));
    assert_eq!(notes.len(), 1);
    let other = race("bch_inflight_check / mod_timer / run_timers");
    assert!(judge(&other).0.is_some());
    let kasan = "[ 2.0] BUG: KASAN: data-race in mod_timer / run_timer\n";
    assert!(judge(kasan).0.is_some());
}
