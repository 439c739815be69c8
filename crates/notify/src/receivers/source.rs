//! Secrets and texts that stand in the settings or in a file.

use std::path::Path;

use tokio::io::AsyncReadExt as _;

use super::settings::{SecretSource, TextSource};
use crate::runner::AttemptError;

/// Longest such file. Chosen: keys, tokens and URLs have some hundred bytes.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// The secret of a setting. A file is read each time: notifications are rare, and keys change.
pub(super) async fn secret(setting: &str, source: &SecretSource) -> Result<String, AttemptError> {
    match source {
        SecretSource::Inline(secret) => Ok(secret.expose().to_owned()),
        SecretSource::File(path) => file(setting, path).await,
    }
}

/// The text of a setting.
pub(super) async fn text(setting: &str, source: &TextSource) -> Result<String, AttemptError> {
    match source {
        TextSource::Inline(text) => Ok(text.clone()),
        TextSource::File(path) => file(setting, path).await,
    }
}

async fn file(setting: &str, path: &Path) -> Result<String, AttemptError> {
    let read = async {
        let file = tokio::fs::File::open(path).await?;
        let mut bytes = Vec::new();
        file.take(FILE_BYTES_MAX).read_to_end(&mut bytes).await?;
        String::from_utf8(bytes).map_err(std::io::Error::other)
    };
    match read.await {
        Ok(text) => Ok(text.trim().to_owned()),
        // Where secrets are renewed a file is missing for a moment.
        Err(error) => Err(AttemptError::again(format!(
            "{setting}_file {:?}: {error}",
            path.display().to_string()
        ))),
    }
}
