// SPDX-License-Identifier: MIT OR Apache-2.0
//! Serves two disks until standard input ends: for trying clients by hand and
//! for measuring. `cargo run -p vdisk --example serve -- DIR MIB [LOG|-] [PROFILE]`

use std::error::Error;
use std::io::Read;
use std::path::Path;
use vdisk::{DiskSpec, Profile, Rig};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [dir, mib, rest @ ..] = &args[..] else {
        return Err("usage: serve DIR MIB [LOG|-] [PROFILE]".into());
    };
    let profile = rest.get(1).map_or(Ok(Profile::none()), |path| Profile::load(path.as_ref()))?;
    let sectors = mib.parse::<u64>()? * 2048;
    let spec = |name: &str| DiskSpec {
        name: name.to_owned(),
        sectors,
        volatile_cache: name == "ssd" || profile.volatile_cache,
        profile: profile.clone(),
    };
    let rig = Rig::new(Path::new(dir), vec![spec("ssd"), spec("hdd")])?;
    if let Some(log) = rest.first().filter(|log| *log != "-") {
        rig.log_to(Path::new(log))?;
    }
    println!("{}", rig.socket("ssd").display());
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
