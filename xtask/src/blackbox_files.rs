//! `conformance --blackbox DIR`: the files of a checkout of prometheus/blackbox_exporter as `probe_modules`.
//!
//! What its own tests expect to be refused is named `invalid-…` or `…-bad….yml`; everything else must be taken.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// Checks every file with the binary; fails where a verdict is another than upstream's.
pub(crate) fn run(folder: &Path, binary: &Path) -> Result<()> {
    let mut files: Vec<PathBuf> = Vec::new();
    for folder in [folder.to_owned(), folder.join("config/testdata")] {
        let entries = std::fs::read_dir(&folder)
            .with_context(|| format!("{} cannot be read", folder.display()))?;
        files.extend(
            entries
                .flatten()
                .map(|entry| entry.path())
                .filter(|path| path.extension().is_some_and(|ending| ending == "yml")),
        );
    }
    files.sort();
    let scratch = tempfile::tempdir()?;
    let (mut wrong, mut count) = (0, 0);
    for file in &files {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        // Hidden files are settings of tools, and one of these two describes the repository.
        if name.starts_with('.') || !std::fs::read_to_string(file)?.contains("modules:") {
            continue;
        }
        let config = scratch.path().join("bellwether.yml");
        let path = std::path::absolute(file)?.display().to_string();
        std::fs::write(&config, format!("probe_modules: {path:?}\n"))?;
        let output = Command::new(binary)
            .args(["check", "config"])
            .arg(&config)
            .output()?;
        let is_taken = output.status.success();
        let wants_refusal = name.starts_with("invalid-") || name.contains("-bad");
        count += 1;
        let verdict = if is_taken { "taken" } else { "refused" };
        println!("{verdict:8} {name}");
        if is_taken == wants_refusal {
            wrong += 1;
            let text = String::from_utf8_lossy(&output.stderr);
            println!("         WRONG: {}", text.trim());
        }
    }
    println!("{count} files, {wrong} with another verdict than upstream's");
    ensure!(count > 0, "no file with modules in {}", folder.display());
    ensure!(wrong == 0, "{wrong} verdicts are wrong");
    Ok(())
}
