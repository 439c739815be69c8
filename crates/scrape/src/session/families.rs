//! Metadata of a target's families.

use bellwether_model::{Metadata, MetricType};
use bellwether_storage::WriteBatch;
use rustc_hash::FxHashMap;

use super::SharedMetadata;
use crate::exposition::MetadataPiece;

/// After so many scrapes without a family its metadata is forgotten. As in Prometheus.
const METADATA_PASSES: u32 = 10;

/// Metadata of families, with the bytes that it was read from: what has not changed is not read
/// again.
#[derive(Debug, Default)]
pub(super) struct Families {
    by_name: FxHashMap<Box<[u8]>, Family>,
    pass: u32,
    pub(super) shared: SharedMetadata,
}

#[derive(Debug, Default)]
struct Family {
    metric_type: MetricType,
    help: Box<[u8]>,
    help_is_escaped: bool,
    unit: Box<[u8]>,
    has_changed: bool,
    last_pass: u32,
}

impl Families {
    pub(super) fn begin(&mut self) {
        self.pass = self.pass.wrapping_add(1);
    }

    pub(super) fn set(&mut self, name: &[u8], piece: MetadataPiece<'_>) {
        if !self.by_name.contains_key(name) {
            let family = Family {
                has_changed: true,
                ..Family::default()
            };
            self.by_name.insert(name.into(), family);
        }
        let Some(family) = self.by_name.get_mut(name) else {
            return;
        };
        family.last_pass = self.pass;
        let changed = match piece {
            MetadataPiece::Type(metric_type) => {
                let changed = family.metric_type != metric_type;
                family.metric_type = metric_type;
                changed
            }
            MetadataPiece::Help { text, escaped } => {
                let changed = *family.help != *text;
                if changed {
                    family.help = text.into();
                    family.help_is_escaped = escaped;
                }
                changed
            }
            MetadataPiece::Unit(unit) => {
                let changed = *family.unit != *unit;
                if changed {
                    family.unit = unit.into();
                }
                changed
            }
        };
        family.has_changed |= changed;
    }

    /// Puts what changed into a batch and forgets families that are long gone.
    pub(super) fn changed_into(&mut self, batch: &mut WriteBatch) {
        let pass = self.pass;
        let is_old = |family: &Family| pass.wrapping_sub(family.last_pass) > METADATA_PASSES;
        if !self
            .by_name
            .values()
            .any(|family| family.has_changed || is_old(family))
        {
            return;
        }
        let mut shared = self.shared.lock();
        self.by_name.retain(|name, family| {
            let name = String::from_utf8_lossy(name);
            if is_old(family) {
                shared.remove(name.as_ref());
                return false;
            }
            if family.has_changed {
                family.has_changed = false;
                let help = String::from_utf8_lossy(&family.help);
                let metadata = Metadata {
                    metric_type: family.metric_type,
                    unit: String::from_utf8_lossy(&family.unit).into_owned(),
                    help: if family.help_is_escaped {
                        unescape(&help)
                    } else {
                        help.into_owned()
                    },
                };
                shared.insert(name.clone().into_owned(), metadata.clone());
                batch.metadata.push((name.into_owned(), metadata));
            }
            true
        });
    }
}

/// Takes back what the text formats escape in help texts.
fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            plain.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => plain.push('\n'),
            Some(c @ ('\\' | '"')) => plain.push(c),
            Some(c) => {
                plain.push('\\');
                plain.push(c);
            }
            None => plain.push('\\'),
        }
    }
    plain
}
