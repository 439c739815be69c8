//! `conformance --grafana DIR`: what Grafana shows of real dashboards, against what is shown here.
//!
//! ## Model
//! `DIR` lies outside of this repository. It has `dashboards/*.json` and, in `node_modules`, Grafana's own packages from
//! npm, which are the measure: what they make of the same answers is compared with what the importer, the model and the
//! pages make of them, by `tests/clients/grafana`. Nothing of Grafana is kept here.

use std::path::Path;

use anyhow::{Result, bail, ensure};

use crate::shell::{Step, cargo, root, target_dir};

/// What is taken of npm, in the versions that the figures in ADR 0016 are of.
const PACKAGES: [(&str, &str); 6] = [
    ("@grafana/data", "13.2.3"),
    ("@grafana/prometheus", "13.2.3"),
    ("@grafana/ui", "13.2.3"),
    ("@grafana/scenes", "9.2.2"),
    ("react", "18"),
    ("react-dom", "18"),
];

/// Compares every dashboard of a folder; fails where fewer than nine of ten panels are the same.
pub(crate) fn run(folder: &str, more: &[String]) -> Result<()> {
    let folder = std::path::absolute(folder)?;
    check(&folder)?;
    let imported = target_dir()?.join("imported-dashboards.jsonl");
    let mut import = cargo(&["run", "--release", "--quiet"]);
    import.args(["--package", "bellwether-dashboards"]);
    import.args(["--example", "imported_dashboards", "--"]);
    import.args([folder.join("dashboards"), imported.clone()]);
    import.step("import of the dashboards")?;
    let mut compare = Step::new("node");
    compare.args([root()?.join("tests/clients/grafana/run.mjs")]);
    compare.args([folder, imported]);
    compare.args(more);
    compare.step("comparison with Grafana's own code")
}

/// Says what is missing, and how it comes there.
fn check(folder: &Path) -> Result<()> {
    ensure!(
        folder.join("dashboards").is_dir(),
        "{} has no folder dashboards: put exports of Grafana (*.json) there",
        folder.display()
    );
    let modules = folder.join("node_modules");
    if let Some((name, _)) = PACKAGES.iter().find(|it| !modules.join(it.0).is_dir()) {
        let all: Vec<String> = PACKAGES
            .iter()
            .map(|(name, version)| format!("{name}@{version}"))
            .collect();
        bail!(
            "{} has no {name}: run\n  npm install --prefix {} --ignore-scripts --legacy-peer-deps {}",
            modules.display(),
            folder.display(),
            all.join(" ")
        );
    }
    let ui = root()?.join("ui");
    ensure!(
        ui.join("node_modules/vite").is_dir(),
        "ui/node_modules is not there: run npm ci --ignore-scripts in {}",
        ui.display()
    );
    Ok(())
}
