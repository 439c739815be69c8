//! Which data sources answer PromQL.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::object::{Object, text_of};

/// What a dashboard says of its data sources.
#[derive(Debug, Default)]
pub(super) struct Sources {
    /// Plugins by the names of inputs and of variables.
    plugins: HashMap<String, String>,
    /// Variables that have no values here.
    pub(super) lost_variables: HashSet<String>,
}

/// What a data source is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// One that answers PromQL.
    Prometheus,
    /// That of each query.
    Mixed,
    /// The answer of another panel.
    OtherPanel,
    /// Expressions over other answers.
    Expression,
    /// Something else, by name.
    Foreign(String),
}

impl Sources {
    pub(super) fn note(&mut self, name: String, plugin: String) {
        self.plugins.insert(name, plugin);
    }

    /// What a `datasource` means: a name, an object with type and uid, or nothing.
    pub(super) fn of(&self, value: Option<&Value>) -> Source {
        let Some(value) = value else {
            return Source::Prometheus;
        };
        if let Some(text) = text_of(value) {
            return self.by_name(&text);
        }
        let of = Object::of(Some(value));
        let uid = of.string("uid");
        let special = self.by_name(&uid);
        match of.text("type").as_deref() {
            None | Some("" | "datasource" | "grafana") => special,
            Some("__expr__") => Source::Expression,
            Some("mixed") => Source::Mixed,
            Some(plugin) => of_plugin(plugin),
        }
    }

    fn by_name(&self, name: &str) -> Source {
        match name {
            "-- Mixed --" => return Source::Mixed,
            "-- Dashboard --" => return Source::OtherPanel,
            "-- Grafana --" | "grafana" => return Source::Foreign("Grafana itself".to_owned()),
            "__expr__" => return Source::Expression,
            _ => {}
        }
        let variable = crate::macros::references(name);
        match variable.first().and_then(|it| self.plugins.get(it.name)) {
            Some(plugin) => of_plugin(plugin),
            // A name says nothing about what it names; queries that are no PromQL will say it.
            None => Source::Prometheus,
        }
    }
}

fn of_plugin(plugin: &str) -> Source {
    match plugin {
        "prometheus"
        | "grafana-amazonprometheus-datasource"
        | "grafana-azureprometheus-datasource"
        | "victoriametrics-datasource"
        | "victoriametrics-metrics-datasource"
        | "" => Source::Prometheus,
        other => Source::Foreign(other.to_owned()),
    }
}
