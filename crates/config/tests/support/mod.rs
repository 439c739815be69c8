//! What the tests of this crate share.

use std::path::Path;

/// Compares a text with a file of the repository, or writes the file.
pub(crate) fn expect_file(path: &Path, got: &str) {
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(path, got).unwrap();
        return;
    }
    let want = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        want == got,
        "{} is stale; UPDATE_EXPECT=1 writes it anew. It should be:\n{got}",
        path.display()
    );
}
