//! The web UI's own part of the gate: types, lints, unit tests, and types of the API that are those of the server.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::shell::{Step, cargo, root};

/// Checks the UI; with `write`, makes the types of the API anew.
pub(crate) fn run(write: bool) -> Result<()> {
    let ui = root()?.join("ui");
    // The crate's build installs what package-lock.json says.
    cargo(&["build", "--quiet", "--package", "bellwether-ui"]).step("build of the web UI")?;
    types(&ui, write)?;
    program(&ui, "typescript/bin/tsc", &["--noEmit"]).step("types of the web UI")?;
    program(&ui, "eslint/bin/eslint.js", &[".", "--max-warnings", "0"])
        .step("lints of the web UI")?;
    program(&ui, "vitest/vitest.mjs", &["run"]).step("unit tests of the web UI")
}

/// A program of the UI's packages.
fn program(ui: &Path, script: &str, arguments: &[&str]) -> Step {
    let mut step = Step::new("node");
    step.args([ui.join("node_modules").join(script)]);
    step.args(arguments).directory(ui);
    step
}

/// `schema.d.ts` follows from `openapi.json`.
fn types(ui: &Path, write: bool) -> Result<()> {
    let kept = ui.join("src/api/schema.d.ts");
    let fresh = match write {
        true => kept.clone(),
        false => ui.join("node_modules/.schema.d.ts"),
    };
    let fresh_text = fresh.to_str().context("the path is not UTF-8")?;
    program(
        ui,
        "openapi-typescript/bin/cli.js",
        &["openapi.json", "--output", fresh_text],
    )
    .step("types of the API")?;
    let read = |path: &Path| {
        std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))
    };
    if read(&kept)? != read(&fresh)? {
        bail!(
            "ui/src/api/schema.d.ts is not that of ui/openapi.json: run `cargo xtask ui --write`"
        );
    }
    Ok(())
}
