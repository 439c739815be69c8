//! Small files that are read again when they change.
//!
//! ## Limits
//! A change is seen by modification time and length. Reading blocks the calling task for the time
//! of a `stat`, and of a read after a change: files are small and local.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use parking_lot::Mutex;

use crate::error::OutboundError;

/// What tells one state of a file from another.
pub(crate) type Stamp = Option<(SystemTime, u64)>;

/// The state of a file now; `None` where it cannot be seen.
pub(crate) fn stamp(path: &Path) -> Stamp {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

/// Reads a file that the setting `what` names.
pub(crate) fn read(what: &str, path: &Path) -> Result<Vec<u8>, OutboundError> {
    std::fs::read(path).map_err(|source| OutboundError::File {
        what: what.to_owned(),
        path: path.display().to_string(),
        source,
    })
}

/// The trimmed text of a file.
#[derive(Debug)]
pub(crate) struct TextFile {
    /// The setting that names the file.
    what: String,
    path: PathBuf,
    /// The text and the state of the file when it was read. Held for one read of the file.
    cached: Mutex<Option<(Stamp, String)>>,
}

impl TextFile {
    pub(crate) fn new(what: &str, path: &Path) -> Self {
        Self {
            what: what.to_owned(),
            path: path.to_owned(),
            cached: Mutex::new(None),
        }
    }

    pub(crate) fn text(&self) -> Result<String, OutboundError> {
        let now = stamp(&self.path);
        let mut cached = self.cached.lock();
        if let Some((then, text)) = cached.as_ref()
            && now.is_some()
            && *then == now
        {
            return Ok(text.clone());
        }
        let bytes = read(&self.what, &self.path)?;
        let text = String::from_utf8(bytes)
            .map_err(|_| {
                let reason = format!("{:?} is not UTF-8", self.path);
                OutboundError::settings(self.what.as_str(), reason)
            })?
            .trim()
            .to_owned();
        *cached = Some((now, text.clone()));
        Ok(text)
    }
}
