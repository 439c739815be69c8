//! `cargo xtask conformance --grafana DIR`: imports every `*.json` of a folder and writes a file of lines of JSON, each a
//! name with its dashboard and report, for a comparison with what Grafana shows.
#![expect(clippy::print_stdout, reason = "it is a program")]

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use bellwether_dashboards::{import_json, report_json, to_json};
use serde_json::json;

fn lines(folder: &str) -> std::io::Result<String> {
    let entries = fs::read_dir(folder)?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|it| it == "json"));
    paths.sort();
    let mut lines = String::new();
    for path in paths {
        let Ok(imported) = import_json(&fs::read(&path)?) else {
            continue;
        };
        if imported.is_foreign {
            let line = json!({
                "file": path.file_name().unwrap_or_default().to_string_lossy(),
                "dashboard": to_json(&imported.dashboard),
                "report": report_json(&imported.report),
            });
            lines.push_str(&line.to_string());
            lines.push('\n');
        }
    }
    Ok(lines)
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, out] = arguments.as_slice() else {
        println!("want a folder of dashboards, and the file to write");
        return ExitCode::from(2);
    };
    match lines(folder).and_then(|lines| fs::write(out, lines)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{folder}: {error}");
            ExitCode::FAILURE
        }
    }
}
