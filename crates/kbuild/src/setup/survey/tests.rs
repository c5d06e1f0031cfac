// SPDX-License-Identifier: MIT OR Apache-2.0
use super::*;
use crate::Dirs;

#[test]
fn a_survey_names_each_thing_once_and_tests_want_more() {
    let dir = tempfile::tempdir().unwrap();
    let dirs = Dirs { repo: dir.path().into(), cache: dir.path().into() };
    let run = survey(&dirs, Scope::Run);
    let test = survey(&dirs, Scope::Test);
    assert!(test.items.len() > run.items.len());
    let mut names: Vec<_> = test.items.iter().map(|item| item.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), test.items.len());
    assert!(!run.items.iter().any(|item| item.purpose.is_empty()));
    let clang = survey(&dirs, Scope::Clang);
    assert_eq!(clang.items.len(), run.items.len() + 1);
}

#[test]
fn what_is_missing_leads_to_one_command() {
    let missing = |name, fix| Item { name, purpose: "p", state: State::Missing(fix) };
    let packages = |names: &[&str]| Fix::Packages(names.iter().map(|&n| n.to_owned()).collect());
    let survey = Survey {
        scope: Scope::Run,
        items: vec![
            missing("a", packages(&["flex", "bison"])),
            missing("b", packages(&["flex"])),
            missing("c", Fix::CargoInstall),
        ],
    };
    assert!(!survey.is_complete());
    assert_eq!(survey.packages(), ["bison", "flex"]);
}
