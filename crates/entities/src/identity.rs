//! What a scraped process is: a host, a daemon, or some other service.
//!
//! ## Invariants
//! What a process is does not change when it stops answering, although its series end then: what was learned stays for as
//! long as it is a target. After a start the last hour is asked, so that a host that is down is a host.

use std::collections::{BTreeMap, BTreeSet};

use bellwether_health::{EntityId, EntityKind};

use crate::ask::{Ask, Unanswered, process_name};

/// A host says its name with this.
const HOSTS: &str = "node_uname_info";
/// Who shows one of these is a daemon.
const DAEMONS: &str = r#"{__name__=~"health_state|worker_pool_workers|gen_ai_client_calls_in_flight|gen_ai_client_operation_duration_seconds|gen_ai_client_operation_duration_seconds_count|mcp_server_operation_duration_seconds|mcp_server_operation_duration_seconds_count"}"#;
/// What is asked after a start, as PromQL writes it.
const PAST: &str = "1h";

/// What processes are, by their names.
#[derive(Debug, Default)]
pub(crate) struct Identities {
    known: BTreeMap<String, EntityId>,
    knows_the_past: bool,
}

impl Identities {
    /// Learns what these processes are, as far as they show it, and forgets all others.
    pub(crate) fn learn(
        &mut self,
        processes: &BTreeSet<String>,
        ask: &mut Ask<'_>,
    ) -> Result<(), Unanswered> {
        self.known.retain(|name, _| processes.contains(name));
        if processes.is_empty() {
            return Ok(());
        }
        let of = |selector: &str| match self.knows_the_past {
            true => selector.to_owned(),
            false => format!("last_over_time({selector}[{PAST}])"),
        };
        let hosts = ask.vector(&of(HOSTS))?;
        let daemons = ask.vector(&format!("group by (job, instance) ({})", of(DAEMONS)))?;
        self.knows_the_past = true;
        for (labels, _) in hosts {
            let host = labels.get("nodename").filter(|it| !it.is_empty());
            if let Some(host) = host {
                let id = EntityId::new(EntityKind::Host, host);
                self.known.insert(process_name(&labels), id);
            }
        }
        for (labels, _) in daemons {
            let name = process_name(&labels);
            let id = EntityId::new(EntityKind::Daemon, name.clone());
            self.known.insert(name, id);
        }
        self.known.retain(|name, _| processes.contains(name));
        Ok(())
    }

    /// What a process is.
    pub(crate) fn of(&self, process: &str) -> EntityId {
        let known = self.known.get(process).cloned();
        known.unwrap_or_else(|| EntityId::new(EntityKind::Service, process))
    }
}
