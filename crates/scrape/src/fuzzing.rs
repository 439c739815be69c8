//! What the fuzz targets reach inside of this crate.

use crate::discovery;

/// Reads the groups of a target file, which may be damaged; gives how many there are.
#[must_use]
pub fn target_group_count(text: &str, is_json: bool) -> usize {
    discovery::groups_of_text(text, is_json).map_or(0, |groups| groups.len())
}
