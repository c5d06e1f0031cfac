// SPDX-License-Identifier: MIT OR Apache-2.0
//! Mails with patches: one, an mbox, a folder of them, compressed or not, taken
//! apart by `git mailsplit` and `git mailinfo`.

use super::pick::{Mail, Mailed, pick};
use super::{Patch, PatchError};
use crate::git::deaf;
use proc::{Cancel, Scratch, ask, ask_about, shell};
use std::fs;
use std::path::{Path, PathBuf};
use xshell::cmd;

/// The patches in `files` (name and content): plain diffs and mails. Of several
/// revisions the newest is taken, in the order of the `[PATCH n/m]` numbers;
/// mails without a diff (cover letters), replies and reviews are passed over.
///
/// # Errors
/// [`PatchError::Malformed`] when nothing in them is a patch, one is damaged, or
/// it cannot be told which ones are meant.
pub fn read(files: &[(String, Vec<u8>)]) -> Result<Mailed, PatchError> {
    let mut mails = Vec::new();
    for (name, data) in files {
        let work = Scratch::new("bclab-").map_err(PatchError::io(name))?;
        let unpacked = if data.starts_with(&[0x1f, 0x8b]) {
            Some(gunzip(name, data, work.path())?)
        } else {
            None
        };
        let data = unpacked.as_ref().unwrap_or(data);
        let text = String::from_utf8_lossy(data);
        if is_mail(&text) {
            split(name, data, work.path(), &mut mails)?;
        } else {
            mails.push(Mail { subject: None, patch: Patch::parse(name, &text)? });
        }
    }
    let what = match files {
        [(name, _)] => name.clone(),
        _ => format!("{} files", files.len()),
    };
    pick(&what, mails)
}

fn is_mail(text: &str) -> bool {
    let mut head = text.lines().take_while(|line| !line.trim_end().is_empty());
    let subject = |line: &str| line.get(..8).is_some_and(|s| s.eq_ignore_ascii_case("subject:"));
    text.starts_with("From ") || head.any(subject)
}

fn gunzip(name: &str, data: &[u8], work: &Path) -> Result<Vec<u8>, PatchError> {
    let packed = work.join("mbox.gz");
    fs::write(&packed, data).map_err(PatchError::io(name))?;
    let sh = shell().map_err(PatchError::io(name))?;
    let said = ask(cmd!(sh, "gzip --decompress {packed}"), &Cancel::new());
    let said = said.map_err(PatchError::run(name))?;
    if !said.success {
        return Err(PatchError::malformed(name, said.text()));
    }
    fs::read(work.join("mbox")).map_err(PatchError::io(name))
}

/// Adds every mail of an mbox that has a diff.
fn split(name: &str, mbox: &[u8], work: &Path, into: &mut Vec<Mail>) -> Result<(), PatchError> {
    let (io, run) = (PatchError::io(name), PatchError::run(name));
    let sh = shell().map_err(&io)?;
    sh.change_dir(work);
    let mails = work.join("mails");
    fs::create_dir(&mails).and_then(|()| fs::write(work.join("all"), mbox)).map_err(&io)?;
    let said = ask(deaf(cmd!(sh, "git mailsplit -b --mboxrd -omails all")), &Cancel::new());
    let said = said.map_err(&run)?;
    if !said.success {
        return Err(PatchError::malformed(name, said.text()));
    }
    let entries = fs::read_dir(&mails).map_err(&io)?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    for file in files {
        // -k: the words in brackets stay.
        let info = cmd!(sh, "git mailinfo -k --encoding=UTF-8 --quoted-cr=strip message diff");
        let mail = fs::File::open(&file).map_err(&io)?;
        let said = ask_about(deaf(info), mail, &Cancel::new()).map_err(&run)?;
        if !said.success {
            return Err(PatchError::malformed(name, said.text()));
        }
        let subject = said.out.lines().find_map(|line| line.strip_prefix("Subject: "));
        let subject = subject.unwrap_or_default().to_owned();
        let diff = fs::read(work.join("diff")).map_err(&io)?;
        let called = format!("{name} ({subject})");
        match Patch::parse(&called, &String::from_utf8_lossy(&diff)) {
            Ok(patch) => into.push(Mail { subject: Some(subject), patch }),
            // A cover letter, or words.
            Err(PatchError::Malformed { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(subject: &str, extra: &str, body: &str) -> String {
        format!(
            "From 1234567890123456789012345678901234567890 Mon Sep 17 00:00:00 2001\n\
             From: A <a@b.example>\nSubject: {subject}\n{extra}\n{body}\n"
        )
    }

    fn diff(file: &str) -> String {
        format!("why\n---\n--- a/{file}\n+++ b/{file}\n@@ -1 +1 @@\n-a\n+b\n-- \n2.47\n")
    }

    fn read_one(name: &str, data: impl Into<Vec<u8>>) -> Result<Mailed, PatchError> {
        read(&[(name.to_owned(), data.into())])
    }

    fn files(mailed: &Mailed) -> Vec<String> {
        mailed.patches.iter().map(|patch| patch.paths().next().unwrap().to_owned()).collect()
    }

    #[test]
    fn mails_are_ordered_by_number_and_covers_replies_and_reviews_left_out() {
        let mbox = [
            mail("[PATCH v6,2/2] two", "", &diff("two")),
            mail("[PATCH v6 0/2] cover", "", "From here on it is easy\n x | 1 +\n\nbase-commit: 1"),
            mail("[PATCH\n v6,1/2] =?UTF-8?q?=C3=B6ne?=", "", &diff("one")),
            mail("Re: [PATCH v6 1/2] one", "", &diff("reply")),
            mail("Re: [PATCH v6 2/2] two", "", "> --- a/two\n> +++ b/two\nReviewed-by: R"),
            mail("one more idea", "In-Reply-To: <x@y>\n", &diff("idea")),
        ]
        .join("\n");
        let mailed = read_one("t.mbox", mbox.clone()).unwrap();
        assert_eq!(files(&mailed), ["one", "two"]);
        assert_eq!(mailed.patches[0].name, "t.mbox ([PATCH v6,1/2] \u{f6}ne)");
        assert!(mailed.notes.iter().any(|note| note.contains("one more idea")), "{mailed:?}");
        let windows = read_one("t.mbox", mbox.replace('\n', "\r\n")).unwrap();
        assert_eq!(files(&windows), ["one", "two"]);
        assert!(!windows.patches[0].text.contains('\r'));
    }

    #[test]
    fn a_packed_mbox_is_unpacked_and_damage_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.mbox");
        fs::write(&path, mail("[PATCH] x", "", &diff("x"))).unwrap();
        let sh = shell().unwrap();
        assert!(ask(cmd!(sh, "gzip {path}"), &Cancel::new()).unwrap().success);
        let packed = fs::read(dir.path().join("t.mbox.gz")).unwrap();
        assert_eq!(files(&read_one("t.mbox.gz", packed.clone()).unwrap()), ["x"]);
        let error = read_one("t.mbox.gz", &packed[..packed.len() / 2]).unwrap_err().to_string();
        assert!(error.contains("t.mbox.gz") && error.contains("unexpected end"), "{error}");
    }

    #[test]
    fn encoded_bodies_parts_and_attachments_are_decoded() {
        let quoted = diff("q").replace('=', "=3D").replace("why", "w=\nhy");
        let mbox = mail("[PATCH] q", "Content-Transfer-Encoding: quoted-printable\n", &quoted);
        assert_eq!(files(&read_one("m", mbox).unwrap()), ["q"]);
        // The base64 of a one-line diff of the file "f".
        let encoded = "LS0tIGEvZgorKysgYi9mCkBAIC0xICsxIEBACi1hCitiCg==";
        let mbox = mail("[PATCH] b", "Content-Transfer-Encoding: base64\n", encoded);
        assert_eq!(files(&read_one("m", mbox).unwrap()), ["f"]);
        let parts = format!(
            "--B\nContent-Type: text/plain\n\nSee the attachment.\n--B\n\
             Content-Type: application/octet-stream; name=\"x.patch\"\n\
             Content-Transfer-Encoding: base64\nContent-Disposition: attachment\n\n{encoded}\n\
             --B\nContent-Type: text/plain\n\n-- \nthe list\n--B--\n"
        );
        let kind = "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"B\"\n";
        assert_eq!(files(&read_one("m", mail("[PATCH] m", kind, &parts)).unwrap()), ["f"]);
        // As a mail program saves a single one, without a `From ` line.
        let saved = mail("[PATCH] s", "", &diff("s"));
        let (_, saved) = saved.split_once('\n').unwrap();
        assert_eq!(files(&read_one("s.eml", saved).unwrap()), ["s"]);
    }

    #[test]
    fn a_plain_diff_is_one_patch_and_prose_is_none() {
        assert_eq!(files(&read_one("d", diff("x")).unwrap()), ["x"]);
        let cover = mail("[PATCH 0/1] cover", "", "words");
        let error = read_one("m", cover).unwrap_err().to_string();
        assert!(error.contains("m: no patch in it"), "{error}");
        let mbox = mail("[PATCH] x", "", &diff("x").replace("b/x", "b/../x"));
        assert!(matches!(read_one("m", mbox), Err(PatchError::Refused { .. })));
    }
}
