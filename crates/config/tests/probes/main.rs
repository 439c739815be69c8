//! Probe modules and probes of `testdata/blackbox` and `testdata/probes`: what is refused and with
//! which words, what is taken and with which meaning. `UPDATE_EXPECT=1` writes the expected files anew.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests stand outside of the test functions"
)]

mod modules;
mod own;
mod scheduled;

#[path = "../support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};

use bellwether_config::{ConfigErrors, LoadOptions, Loaded, Origin, load_text};

use support::expect_file;

fn testdata(path: &str) -> PathBuf {
    Path::new("testdata").join(path)
}

/// The YAML files of a folder, sorted.
fn files(folder: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(testdata(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "yml"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no files in {folder}");
    files
}

/// The blocks of YAML of a page.
fn blocks(page: &str) -> Vec<String> {
    page.split("```yaml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap().to_owned())
        .collect()
}

#[test]
fn what_the_page_shows_is_taken() {
    let page = std::fs::read_to_string("../../docs/user/probes.md").unwrap();
    let blocks = blocks(&page);
    assert!(blocks.len() > 4, "{}", blocks.len());
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    write("blackbox.yml", "modules: {http_2xx: {prober: http}}");
    for block in blocks {
        let path = write("bellwether.yml", &block);
        let loaded = bellwether_config::load(&path, &LoadOptions::default());
        let loaded = loaded.unwrap_or_else(|errors| panic!("{errors}\n{block}"));
        assert!(loaded.warnings.is_empty(), "{:?}\n{block}", loaded.warnings);
    }
}

fn load(source: &str) -> Result<Loaded, ConfigErrors> {
    let origin = Origin {
        file: "bellwether.yml".to_owned(),
        folder: PathBuf::from("/etc/bellwether"),
    };
    load_text(source, &origin, &LoadOptions::default())
}
