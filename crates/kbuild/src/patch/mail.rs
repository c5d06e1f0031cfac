// SPDX-License-Identifier: MIT OR Apache-2.0
//! Mails with patches: one, or an mbox of several.

use super::{Patch, PatchError};

/// Splits an mbox (or a single mail, or a plain diff) into its patches, in
/// the order of their `[PATCH n/m]` numbers; mails without a diff (cover
/// letters, replies) are passed over.
///
/// # Errors
/// [`PatchError::Malformed`] when nothing in it is a patch, or one is damaged.
pub fn split_mbox(name: &str, text: &str) -> Result<Vec<Patch>, PatchError> {
    let mails = split(text);
    if mails.len() == 1 && !text.starts_with("From ") && header(text, "Subject").is_none() {
        return Ok(vec![Patch::parse(name, text)?]);
    }
    let mut patches: Vec<(u32, Patch)> = Vec::new();
    for mail in &mails {
        let subject = header(mail, "Subject").unwrap_or_default();
        let body = body(mail);
        let is_reply = subject.to_ascii_lowercase().starts_with("re:");
        if is_reply || !has_diff(&body) {
            continue;
        }
        let number = number(&subject).unwrap_or(0);
        patches.push((number, Patch::parse(&format!("{name} ({subject})"), &body)?));
    }
    if patches.is_empty() {
        return Err(PatchError::Malformed {
            patch: name.into(),
            line: 1,
            why: format!("no patch in its {} mail(s)", mails.len()),
        });
    }
    // Stable: mails without a number stay in the order of the file.
    patches.sort_by_key(|(number, _)| *number);
    Ok(patches.into_iter().map(|(_, patch)| patch).collect())
}

/// At each `From ` line that starts a mail: at the top or after an empty line,
/// and followed by a header.
fn split(text: &str) -> Vec<&str> {
    let mut starts = vec![0];
    let mut at = 0;
    let mut empty_before = true;
    for line in text.split_inclusive('\n') {
        let next = text[at + line.len()..].lines().next().unwrap_or_default();
        let is_header = next
            .split_once(':')
            .is_some_and(|(key, _)| !key.is_empty() && !key.contains(char::is_whitespace));
        if at > 0 && empty_before && line.starts_with("From ") && is_header {
            starts.push(at);
        }
        empty_before = line.trim_end().is_empty();
        at += line.len();
    }
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    starts.iter().zip(ends).map(|(&start, end)| &text[start..end]).collect()
}

/// A header's value, unfolded.
fn header(mail: &str, name: &str) -> Option<String> {
    let mut value: Option<String> = None;
    for line in mail.lines().take_while(|line| !line.is_empty()) {
        match &mut value {
            Some(value) if line.starts_with([' ', '\t']) => {
                value.push(' ');
                value.push_str(line.trim());
            }
            Some(_) => break,
            None => {
                if let Some((key, rest)) = line.split_once(':')
                    && key.eq_ignore_ascii_case(name)
                {
                    value = Some(rest.trim().to_owned());
                }
            }
        }
    }
    value
}

/// What follows the headers, decoded.
fn body(mail: &str) -> String {
    let unix = mail.replace("\r\n", "\n");
    let raw = unix.split_once("\n\n").map_or("", |(_, body)| body);
    match header(mail, "Content-Transfer-Encoding")
        .unwrap_or_default()
        .to_ascii_lowercase()
        .as_str()
    {
        "quoted-printable" => quoted_printable(raw),
        "base64" => base64(raw),
        // mboxrd quotes such lines of the body.
        _ => raw.replace("\n>From ", "\nFrom "),
    }
}

fn has_diff(body: &str) -> bool {
    body.lines().any(|line| line.starts_with("diff --git ") || line.starts_with("+++ "))
}

/// The n of `[PATCH v2 n/m]`.
fn number(subject: &str) -> Option<u32> {
    let inside = subject.strip_prefix('[')?.split(']').next()?;
    inside.split_whitespace().find_map(|word| word.split_once('/')?.0.parse().ok())
}

fn quoted_printable(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let hex = |at: usize| tail.get(at).and_then(|&digit| char::from(digit).to_digit(16));
        match (byte, tail.first(), hex(0), hex(1)) {
            (b'=', Some(b'\n'), ..) => rest = &tail[1..],
            (b'=', _, Some(high), Some(low)) => {
                bytes.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                rest = &tail[2..];
            }
            _ => {
                bytes.push(byte);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn base64(text: &str) -> String {
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for byte in text.bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => continue,
        };
        bits = bits << 6 | u32::from(six);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff) as u8);
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(subject: &str, extra: &str, body: &str) -> String {
        format!(
            "From 1234 Mon Sep 17 00:00:00 2001\nFrom: A <a@b>\nSubject: {subject}\n{extra}\n\
             {body}\n"
        )
    }

    fn diff(file: &str) -> String {
        format!("why\n---\n--- a/{file}\n+++ b/{file}\n@@ -1 +1 @@\n-a\n+b\n-- \n2.47\n")
    }

    fn files(patches: &[Patch]) -> Vec<&str> {
        patches.iter().map(|patch| patch.files[0].new.as_deref().unwrap()).collect()
    }

    #[test]
    fn mails_are_ordered_by_number_and_covers_left_out() {
        let mbox = [
            mail("[PATCH v3 2/2] two", "", &diff("two")),
            mail("[PATCH v3 0/2] cover", "", "From here on it is easy\n x | 1 +"),
            mail("[PATCH v3\n 1/2] one", "", &diff("one")),
            mail("Re: [PATCH v3 1/2] one", "", &diff("reply")),
        ]
        .join("\n");
        let patches = split_mbox("series.mbox", &mbox).unwrap();
        assert_eq!(files(&patches), ["b/one", "b/two"]);
        assert!(patches[0].name.contains("[PATCH v3 1/2] one"), "{}", patches[0].name);
    }

    #[test]
    fn encoded_bodies_are_decoded() {
        let quoted = diff("q").replace('=', "=3D").replace("why", "w=\nhy");
        let mbox = mail("[PATCH] q", "Content-Transfer-Encoding: quoted-printable\n", &quoted);
        assert_eq!(files(&split_mbox("m", &mbox).unwrap()), ["b/q"]);
        // The base64 of a one-line diff of the file "f".
        let encoded = "LS0tIGEvZgorKysgYi9mCkBAIC0xICsxIEBACi1hCitiCg==";
        let mbox = mail("[PATCH] b", "Content-Transfer-Encoding: base64\n", encoded);
        assert_eq!(files(&split_mbox("m", &mbox).unwrap()), ["b/f"]);
    }

    #[test]
    fn a_plain_diff_is_one_patch_and_prose_is_none() {
        assert_eq!(files(&split_mbox("d", &diff("x")).unwrap()), ["b/x"]);
        let cover = mail("[PATCH 0/1] cover", "", "words");
        assert!(split_mbox("m", &cover).unwrap_err().to_string().contains("no patch"));
    }
}
