//! What is known of the things that alerts are about, from those who watch them.

use std::collections::BTreeMap;

use bellwether_model::Labels;

/// The label of alerts that says which entity they are about: `kind/name`.
pub const ENTITY_LABEL: &str = "entity";
/// The label of alerts that says which probe they are about.
pub const PROBE_LABEL: &str = "probe";

/// The job of the series of probes: it tells their label `probe` from that of a service's own checks.
pub const PROBE_JOB: &str = "probes";

/// Which entities explain others, and what is being worked on. An alert about an entity is inhibited while one fires
/// about an entity that explains it, and while either its entity or its probe is being worked on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Circumstances {
    /// By entity, the entities that explain its state.
    pub causes: BTreeMap<String, Vec<String>>,
    /// By entity, what is being worked on.
    pub entities_in_maintenance: BTreeMap<String, String>,
    /// By probe, what is being worked on.
    pub probes_in_maintenance: BTreeMap<String, String>,
}

impl Circumstances {
    /// What is being worked on, where an alert with these labels is about that.
    pub(crate) fn maintenance(&self, labels: &Labels) -> Option<&str> {
        let entity = labels.get(ENTITY_LABEL);
        if let Some(reason) = entity.and_then(|it| self.entities_in_maintenance.get(it)) {
            return Some(reason);
        }
        // Services have a label of this name for checks of their own.
        let probe = labels
            .get(PROBE_LABEL)
            .filter(|_| labels.get("job") == Some(PROBE_JOB))?;
        self.probes_in_maintenance.get(probe).map(String::as_str)
    }

    /// What explains the entity that an alert with these labels is about.
    pub(crate) fn causes(&self, labels: &Labels) -> &[String] {
        let entity = labels.get(ENTITY_LABEL);
        let causes = entity.and_then(|entity| self.causes.get(entity));
        causes.map_or(&[], Vec::as_slice)
    }
}
