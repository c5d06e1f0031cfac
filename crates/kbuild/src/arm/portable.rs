// SPDX-License-Identifier: MIT OR Apache-2.0
//! An arm as data, for another machine. Reading one back checks all that
//! reading it from files checks; building it runs the kernel's own Makefiles
//! with its patches in them, so whoever builds a stranger's arm trusts it.

use super::error::ArmError;
use super::stack::{Arm, Layer, check_name};
use patch::{Fuzz, Patch, PatchError};
use serde::{Deserialize, Serialize};

/// An [`Arm`] that can be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PortableArm {
    name: String,
    title: String,
    needs_rust: bool,
    options: Vec<String>,
    layers: Vec<PortableLayer>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
enum PortableLayer {
    Patch {
        name: String,
        lenient: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        strip: Option<usize>,
        text: String,
    },
    File {
        to: String,
        text: String,
    },
}

impl Arm {
    /// The arm as data; `None` when a file of it is not text.
    #[must_use]
    pub fn to_portable(&self) -> Option<PortableArm> {
        let layer = |layer: &Layer| match layer {
            Layer::Patch { patch, fuzz } => Some(PortableLayer::Patch {
                name: patch.name.clone(),
                lenient: *fuzz == Fuzz::Lenient,
                strip: patch.strip,
                text: patch.text.clone(),
            }),
            Layer::File { to, data } => {
                let text = String::from_utf8(data.clone()).ok()?;
                Some(PortableLayer::File { to: to.clone(), text })
            }
        };
        Some(PortableArm {
            name: self.name.clone(),
            title: self.title.clone(),
            needs_rust: self.needs_rust,
            options: self.options.iter().map(|(option, _)| option.clone()).collect(),
            layers: self.layers.iter().map(layer).collect::<Option<_>>()?,
        })
    }

    /// The arm that somebody sent.
    ///
    /// # Errors
    /// As [`Arm::from_path`].
    pub fn from_portable(portable: &PortableArm) -> Result<Self, ArmError> {
        check_name(&portable.name)?;
        let place = format!("the bundled arm {}", portable.name);
        let option = |line: &String| {
            // make reads the configuration, too.
            let fine = !line.contains(['\n', '\r', '$', '`']) && crate::config::is_option(line);
            if fine {
                return Ok((line.clone(), place.clone()));
            }
            Err(ArmError::Option { place: place.clone(), line: line.clone() })
        };
        let layer = |layer: &PortableLayer| match layer {
            PortableLayer::Patch { name, lenient, strip, text } => {
                let fuzz = if *lenient { Fuzz::Lenient } else { Fuzz::Strict };
                let mut patch = Patch::parse(name, text)?;
                patch.strip = *strip;
                Ok(Layer::Patch { patch, fuzz })
            }
            PortableLayer::File { to, text } => match patch::check_path(to) {
                Ok(()) => Ok(Layer::File { to: to.clone(), data: text.clone().into_bytes() }),
                Err(why) => {
                    let patch = place.clone();
                    Err(ArmError::from(PatchError::Refused { patch, path: to.clone(), why }))
                }
            },
        };
        Ok(Self {
            name: portable.name.clone(),
            title: portable.title.clone(),
            needs_rust: portable.needs_rust,
            options: portable.options.iter().map(option).collect::<Result<_, _>>()?,
            layers: portable.layers.iter().map(layer).collect::<Result<_, _>>()?,
            ..Self::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dirs;
    use std::path::Path;

    #[test]
    fn every_arm_of_the_lab_survives_the_journey() {
        let dirs = Dirs::new(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."));
        for name in Arm::list(&dirs) {
            let arm = Arm::load(&dirs, &name).unwrap();
            let sent = serde_json::to_string(&arm.to_portable().unwrap()).unwrap();
            let read: PortableArm = serde_json::from_str(&sent).unwrap();
            let again = Arm::from_portable(&read).unwrap();
            assert_eq!((&again.name, &again.layers), (&arm.name, &arm.layers));
            let options =
                |arm: &Arm| arm.options.iter().map(|(o, _)| o.clone()).collect::<Vec<_>>();
            assert_eq!(options(&again), options(&arm));
        }
    }

    #[test]
    fn a_file_outside_the_tree_and_a_line_that_is_no_option_are_refused() {
        let arm = |to: &str, option: &str, name: &str| PortableArm {
            name: name.into(),
            title: String::new(),
            needs_rust: false,
            options: vec![option.into()],
            layers: vec![PortableLayer::File { to: to.into(), text: "x".into() }],
        };
        let read = |arm: PortableArm| Arm::from_portable(&arm);
        assert!(read(arm("drivers/md/bcache/x.c", "CONFIG_A=y", "a")).is_ok());
        assert!(read(arm("../../etc/passwd", "CONFIG_A=y", "a")).is_err());
        assert!(read(arm("/etc/passwd", "CONFIG_A=y", "a")).is_err());
        assert!(read(arm("x", "CONFIG_A=\"$(touch /tmp/x)\"", "a")).is_err());
        assert!(read(arm("x", "$(reboot)", "a")).is_err());
        assert!(read(arm("x", "CONFIG_A=y", "../a")).is_err());
    }
}
