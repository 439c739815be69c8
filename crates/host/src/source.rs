//! Files below a root folder, read whole and bounded.

use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;

use crate::HostError;

/// Chosen: several times the largest `/proc` file that is read here.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// A folder that holds `proc`, `sys` and `etc`.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    root: PathBuf,
}

impl Source {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// The text of a file; bytes that are not UTF-8 are replaced.
    pub(crate) fn read(&self, path: &str) -> Result<String, HostError> {
        let fail = |source| HostError::Read {
            path: path.to_owned(),
            source,
        };
        let file = File::open(self.root.join(path)).map_err(fail)?;
        let mut bytes = Vec::with_capacity(4096);
        file.take(FILE_BYTES_MAX)
            .read_to_end(&mut bytes)
            .map_err(fail)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The number that a file consists of.
    pub(crate) fn read_number(&self, path: &str) -> Result<f64, HostError> {
        let malformed = || HostError::Malformed {
            path: path.to_owned(),
            wanted: "number",
        };
        self.read(path)?.trim().parse().map_err(|_| malformed())
    }

    /// Names of the entries of a folder, sorted.
    pub(crate) fn list(&self, path: &str) -> Result<Vec<String>, HostError> {
        let fail = |source| HostError::Read {
            path: path.to_owned(),
            source,
        };
        let mut names = Vec::new();
        for entry in std::fs::read_dir(self.root.join(path)).map_err(fail)? {
            names.push(
                entry
                    .map_err(fail)?
                    .file_name()
                    .to_string_lossy()
                    .into_owned(),
            );
        }
        names.sort();
        Ok(names)
    }
}

/// `Ok` with what was found, or the error that says what is missing.
pub(crate) fn found<T>(
    items: Vec<T>,
    path: &str,
    wanted: &'static str,
) -> Result<Vec<T>, HostError> {
    if items.is_empty() {
        return Err(HostError::Malformed {
            path: path.to_owned(),
            wanted,
        });
    }
    Ok(items)
}
