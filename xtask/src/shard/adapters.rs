// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a foreign scheduler is told to run shards. It only has to call
//! `shard run DIR NUMBER`; no scheduler is known beyond this file.

use anyhow::{Context, Result};
use std::path::Path;

/// A path as one word of a POSIX shell.
pub fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,=:@".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text;
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A job array with one task per shard. Slurm may start a task again on
/// another node (`--requeue`): a shard goes on where it stopped.
///
/// # Errors
/// When the current folder or this program's path cannot be found.
pub fn sbatch(dir: &Path, shards: usize) -> Result<String> {
    let dir = std::path::absolute(dir).context("cannot find the current folder")?;
    let tool = std::env::current_exe().context("cannot find this program")?;
    Ok(format!(
        "#!/bin/sh\n\
         # SPDX-License-Identifier: MIT OR Apache-2.0\n\
         # Written by `cargo xtask shard plan --slurm`. The plan's folder, the checkout and\n\
         # this program must be seen under the same paths on every node. A single shard:\n\
         # sbatch --array=3 shards.sbatch\n\
         #SBATCH --job-name=bcache-lab\n\
         #SBATCH --array=1-{shards}\n\
         #SBATCH --ntasks=1\n\
         #SBATCH --requeue\n\
         exec {tool} shard run {dir} \"$SLURM_ARRAY_TASK_ID\" --no-install \\\n    \
         --jobs \"${{SLURM_CPUS_PER_TASK:-1}}\"\n",
        tool = quoted(&tool),
        dir = quoted(&dir),
    ))
}

/// `strategy.matrix` of a GitHub workflow, on one line.
pub fn github(shards: usize) -> String {
    let include: Vec<serde_json::Value> = (1..=shards)
        .map(|shard| serde_json::json!({ "shard": shard, "name": format!("{shard} of {shards}") }))
        .collect();
    serde_json::json!({ "include": include }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_one_word_whatever_is_in_it() {
        assert_eq!(quoted(Path::new("farm/a-1")), "farm/a-1");
        assert_eq!(quoted(Path::new("a b")), "'a b'");
        let evil = "a'; touch owned; '$(id)`id`";
        let script = format!("printf %s {}", quoted(Path::new(evil)));
        let out = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
        assert_eq!(String::from_utf8(out.stdout).unwrap(), evil);
    }

    #[test]
    fn the_job_array_has_a_task_per_shard() {
        let script = sbatch(Path::new("/far m"), 7).unwrap();
        assert!(script.starts_with("#!/bin/sh\n"), "{script}");
        assert!(script.contains("\n#SBATCH --array=1-7\n"), "{script}");
        assert!(script.contains(" shard run '/far m' \"$SLURM_ARRAY_TASK_ID\""), "{script}");
    }

    #[test]
    fn the_matrix_names_every_shard() {
        let matrix: serde_json::Value = serde_json::from_str(&github(3)).unwrap();
        assert_eq!(matrix["include"][2]["shard"], 3);
        assert_eq!(matrix["include"].as_array().unwrap().len(), 3);
        assert!(!github(3).contains('\n'));
    }
}
