//! Builds the UI: `npm ci` where `package-lock.json` is another one than last time, then Vite, then each file compressed.
//!
//! ## Failure
//! Without Node.js or npm the build ends with an error that says which are needed.
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a build script stops where something is missing"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the pages are made of.
const INPUTS: [&str; 9] = [
    "crate/build.rs",
    "crate/compress.mjs",
    "index.html",
    "package-lock.json",
    "plugins",
    "public",
    "src",
    "tsconfig.json",
    "vite.config.ts",
];

fn main() {
    for input in INPUTS {
        println!("cargo::rerun-if-changed={input}");
    }
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").unwrap());
    let out = PathBuf::from(std::env::var("OUT_DIR").unwrap());
    install(&root);
    let dist = out.join("dist");
    let vite = root.join("node_modules/vite/bin/vite.js");
    run(
        &root,
        Command::new("node")
            .arg(vite)
            .args(["build", "--logLevel", "warn", "--emptyOutDir", "--outDir"])
            .arg(&dist)
            .env("NODE_ENV", "production"),
    );
    run(
        &root,
        Command::new("node")
            .arg(root.join("crate/compress.mjs"))
            .arg(&dist),
    );
    fs::write(out.join("files.rs"), table(&dist)).unwrap();
}

/// Packages as the lock file says. Builds of several target folders share them: one installs, the others wait.
fn install(root: &Path) {
    let lock_file = fs::read(root.join("package-lock.json")).unwrap();
    let stamp = root.join("node_modules/.installed-lock.json");
    let gate = fs::File::create(root.join(".install.lock")).unwrap();
    gate.lock().unwrap();
    if fs::read(&stamp).is_ok_and(|installed| installed == lock_file) {
        return;
    }
    run(
        root,
        Command::new("npm").args([
            "ci",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
        ]),
    );
    fs::write(stamp, lock_file).unwrap();
}

fn run(root: &Path, command: &mut Command) {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.current_dir(root).output().unwrap_or_else(|error| {
        panic!(
            "cannot run {name} ({error}): the web UI is built with Node.js 20.19 or newer and its npm; \
             install them (Debian: apt-get install nodejs npm, or https://nodejs.org) and try again"
        )
    });
    if !output.status.success() {
        panic!(
            "{name} ended with {}:\n{}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

/// The table of files as Rust.
fn table(dist: &Path) -> String {
    let mut files = Vec::new();
    walk(dist, &mut files);
    files.sort();
    let mut text = String::from("/// The document, with places to fill in.\n");
    let index = dist.join("index.html");
    text.push_str(&format!(
        "pub const DOCUMENT: &str = include_str!({index:?});\n\n"
    ));
    text.push_str("/// All other files, by path.\npub const FILES: &[File] = &[\n");
    for file in &files {
        let name = file.strip_prefix(dist).unwrap().to_str().unwrap();
        if name == "index.html" || name.ends_with(".br") || name.ends_with(".gz") {
            continue;
        }
        let mut bodies = String::new();
        for (suffix, encoding) in [("br", "br"), ("gz", "gzip")] {
            let encoded = PathBuf::from(format!("{}.{suffix}", file.display()));
            if encoded.is_file() {
                bodies.push_str(&format!(
                    "Body {{ encoding: {encoding:?}, bytes: include_bytes!({encoded:?}) }}, "
                ));
            }
        }
        // The smaller ones are kept as they are too; of the others, those who take no encoding get gzip unpacked.
        if bodies.is_empty() {
            bodies = format!("Body {{ encoding: \"\", bytes: include_bytes!({file:?}) }}");
        }
        let is_immutable = name.starts_with("assets/");
        text.push_str(&format!(
            "    File {{ path: \"/{name}\", content_type: {:?}, bodies: &[{bodies}], is_immutable: {is_immutable} }},\n",
            content_type(name)
        ));
    }
    text.push_str("];\n");
    text
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, files);
        } else {
            files.push(path);
        }
    }
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("woff2") => "font/woff2",
        Some("json" | "webmanifest") => "application/json",
        other => panic!("{name}: no media type is known for {other:?}"),
    }
}
