// SPDX-License-Identifier: MIT OR Apache-2.0
//! One message per line of JSON: a capture of the link can be read as it is.

use serde::{Serialize, de::DeserializeOwned};

/// Longest line either end accepts, in bytes; longer means a broken peer.
pub const MAX_LINE: usize = 16 << 20;

/// A line that is not a message.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// Not the JSON of the expected type.
    #[error("bad message {line:?}: {source}")]
    Syntax {
        /// The beginning of the line.
        line: String,
        source: serde_json::Error,
    },
    /// Longer than [`MAX_LINE`].
    #[error("message of {0} bytes, {MAX_LINE} allowed")]
    TooLong(usize),
}

/// The message as one line, newline included.
///
/// # Panics
/// Never for the types of this crate: they hold no map with non-string keys.
pub fn encode<T: Serialize>(message: &T) -> Vec<u8> {
    let mut line = serde_json::to_vec(message).expect("wire types always serialise");
    line.push(b'\n');
    line
}

/// Parses one line, with or without its newline.
///
/// # Errors
/// [`CodecError`] when the line is too long or not a message of this type.
pub fn decode<T: DeserializeOwned>(line: &[u8]) -> Result<T, CodecError> {
    if line.len() > MAX_LINE {
        return Err(CodecError::TooLong(line.len()));
    }
    serde_json::from_slice(line).map_err(|source| CodecError::Syntax {
        line: String::from_utf8_lossy(&line[..line.len().min(120)]).into_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{FromGuest, Op, Request};

    #[test]
    fn a_request_survives_the_trip_as_one_line() {
        let request =
            Request { id: 4, op: Op::WriteFile { path: "/sys/x".into(), text: "a\nb".into() } };
        let line = encode(&request);
        assert_eq!(line.iter().filter(|&&b| b == b'\n').count(), 1);
        assert_eq!(decode::<Request>(&line).unwrap(), request);
    }

    #[test]
    fn rubbish_is_quoted_in_the_error() {
        let error = decode::<FromGuest>(b"Kernel panic").unwrap_err();
        assert!(error.to_string().contains("Kernel panic"), "{error}");
    }
}
