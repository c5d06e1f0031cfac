// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a disk behaves in time, as data: the files in `workloads/disks`.

use schemars::JsonSchema;
use serde::Deserialize;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A disk's timing, and how much its cache holds.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// One line for people.
    #[serde(default)]
    pub description: String,
    /// Whether such a disk loses completed writes that were not flushed.
    pub volatile_cache: bool,
    /// MiB that the volatile cache holds; beyond it the oldest completed
    /// writes are written out (and become durable) by themselves.
    #[serde(default = "default_cache")]
    pub cache_mb: u64,
    /// All times are stretched by this.
    #[serde(default = "one")]
    pub time_scale: f64,
    /// Parameters of an SSD.
    pub ssd: Option<Ssd>,
    /// Parameters of a rotating disk.
    pub hdd: Option<Hdd>,
}

/// An SSD: channels that work side by side behind one link.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ssd {
    /// Microseconds of a small read when idle.
    pub read_us: f64,
    /// Microseconds of a small write, trim or write-zeroes when idle.
    pub write_us: f64,
    /// Microseconds of a flush with nothing to write out.
    pub flush_us: f64,
    /// Requests under way at once.
    pub channels: usize,
    /// MB/s (10^6) of the link.
    pub bandwidth_mb_s: f64,
    /// MB/s from the volatile cache to the flash; a flush waits for it.
    pub flash_mb_s: Option<f64>,
}

/// A rotating disk: one arm.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hdd {
    /// Revolutions per minute.
    pub rpm: f64,
    /// Milliseconds to the next track.
    pub track_to_track_ms: f64,
    /// Milliseconds from the first track to the last.
    pub full_stroke_ms: f64,
    /// MB/s (10^6) under the head.
    pub bandwidth_mb_s: f64,
    /// Microseconds that the electronics add to a request.
    pub command_us: f64,
    /// Requests among which the nearest is taken first.
    pub queue: usize,
    /// How many times faster a volatile cache is written out than in the
    /// order of arrival.
    #[serde(default = "one")]
    pub sorting_gain: f64,
}

fn one() -> f64 {
    1.0
}

fn default_cache() -> u64 {
    256
}

/// Why a profile cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// The file cannot be read.
    #[error("cannot read the disk profile {path}: {source}")]
    Io {
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Not TOML, a key that is missing or unknown; says the line.
    #[error("{path}: {source}")]
    Syntax {
        path: PathBuf,
        /// What is wrong, and where.
        source: Box<toml::de::Error>,
    },
    /// A value that makes no sense.
    #[error("{path}: {why}")]
    Value {
        path: PathBuf,
        /// What is wrong and what is allowed.
        why: String,
    },
}

impl Profile {
    /// As fast as the host can; a cache of 256 MiB where it is volatile.
    #[must_use]
    pub fn none() -> Self {
        Self {
            description: String::new(),
            volatile_cache: false,
            cache_mb: default_cache(),
            time_scale: 1.0,
            ssd: None,
            hdd: None,
        }
    }

    /// Reads a profile.
    ///
    /// # Errors
    /// [`ProfileError`], with the file and what is allowed.
    pub fn load(path: &Path) -> Result<Self, ProfileError> {
        let text = fs::read_to_string(path)
            .map_err(|source| ProfileError::Io { path: path.to_owned(), source })?;
        let profile: Self = toml::from_str(&text).map_err(|source| ProfileError::Syntax {
            path: path.to_owned(),
            source: Box::new(source),
        })?;
        profile.check().map_err(|why| ProfileError::Value { path: path.to_owned(), why })?;
        Ok(profile)
    }

    fn check(&self) -> Result<(), String> {
        let positive = |name: &str, value: f64| {
            let fine = value.is_finite() && value > 0.0;
            if fine { Ok(()) } else { Err(format!("{name} = {value} must be greater than 0")) }
        };
        let some = |name: &str, count: usize| {
            let fine = (1..=1024).contains(&count);
            if fine { Ok(()) } else { Err(format!("{name} = {count} must be from 1 to 1024")) }
        };
        positive("time_scale", self.time_scale)?;
        match (&self.ssd, &self.hdd) {
            (Some(_), Some(_)) => Err("a disk is [ssd] or [hdd], not both".to_owned()),
            (Some(ssd), None) => {
                positive("ssd.read_us", ssd.read_us)?;
                positive("ssd.write_us", ssd.write_us)?;
                positive("ssd.flush_us", ssd.flush_us)?;
                positive("ssd.bandwidth_mb_s", ssd.bandwidth_mb_s)?;
                positive("ssd.flash_mb_s", ssd.flash_mb_s.unwrap_or(1.0))?;
                some("ssd.channels", ssd.channels)
            }
            (None, Some(hdd)) => {
                positive("hdd.rpm", hdd.rpm)?;
                positive("hdd.track_to_track_ms", hdd.track_to_track_ms)?;
                positive("hdd.bandwidth_mb_s", hdd.bandwidth_mb_s)?;
                positive("hdd.command_us", hdd.command_us)?;
                positive("hdd.sorting_gain", hdd.sorting_gain)?;
                if hdd.full_stroke_ms.is_nan() || hdd.full_stroke_ms < hdd.track_to_track_ms {
                    return Err("hdd.full_stroke_ms is less than hdd.track_to_track_ms".to_owned());
                }
                some("hdd.queue", hdd.queue)
            }
            (None, None) => Ok(()),
        }
    }

    pub(crate) fn cache_bytes(&self) -> u64 {
        self.cache_mb.saturating_mul(1 << 20)
    }

    pub(crate) fn rotational(&self) -> bool {
        self.hdd.is_some()
    }
}
