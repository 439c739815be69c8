//! The one configuration file: from YAML to the plain settings of every service.
//!
//! ## Model
//! A file is read into a tree of nodes that know where they stand ([`yaml`]), checked against
//! tables of settings ([`schema`]) and decoded into a [`Config`], whose parts are the settings
//! types of the services. A valid `prometheus.yml` is a valid file; our own sections stand beside
//! those of Prometheus. [`check`] says what is wrong, what has no effect, and which files are
//! missing, without a running server.
//!
//! ## Invariants
//! Unknown keys are refused. Every error of a file is reported, each with place, path, the value
//! given and what is allowed. What is understood but has no effect is said, never silent. Secrets
//! appear in no error, no `Debug` form and not in [`Loaded::redacted_yaml`].
//!
//! ## Limits
//! See [`yaml`] for the bounds on a file; [`FILES_MAX`] bounds what a glob may name.
//!
//! ## See also
//! `docs/user/configuration.md`, which is generated from the tables.

mod check;
mod config;
mod dashboards;
mod effective;
mod glob;
mod notifications;
mod objectives;
mod probes;
mod problem;
mod reference;
mod route_tests;
mod rule_namespace;
mod rule_tests;
mod rules;
mod scaling_tests;
pub mod schema;
mod sections;
mod size;
mod validate;
mod values;
mod view;
pub mod yaml;

pub use check::{
    CheckOptions, CheckReport, NotificationCounts, NotificationsReport, RuleLints, RulesReport,
    check, check_notifications, check_rules, check_rules_text, check_syntax,
};
pub use config::{Config, LoadOptions, Loaded, load, load_text, load_web};
pub use dashboards::{
    DashboardFile, LoadedDashboards, dashboard_of_yaml, load_dashboard_text, load_dashboards,
};
pub use glob::{FILES_MAX, glob};
pub use notifications::{
    LoadedNotifications, NotificationConfig, load_alertmanager, load_alertmanager_text,
};
pub use objectives::{
    LoadedObjectives, ObjectiveOptions, load_objectives, load_objectives_text, short_form,
};
pub use probes::{LoadedProbeModules, ProbeModules, load_probe_modules};
pub use problem::{ConfigErrors, NamedFile, Problem, Problems};
pub use reference::{example, reference};
pub use route_tests::{RouteTest, RouteTests, load_route_tests};
pub use rule_namespace::{RuleNamespace, WrittenGroup, namespaces_yaml};
pub use rule_tests::{RuleTests, load_rule_tests};
pub use rules::{
    LoadedRules, RuleOptions, alerts_without_runbook, duplicate_rules, load_rules, load_rules_text,
};
pub use scaling_tests::{
    ScalingExpectation, ScalingTest, ScalingTests, TestedLoad, TestedPolicy, load_scaling_policy,
    load_scaling_tests,
};
pub use sections::alerting::{AlertingSettings, AlertmanagerSettings};
pub use sections::global::GlobalSettings;
pub use sections::remote::RemoteReadSettings;
pub use sections::scaling::policy::ScalingPolicy;
pub use sections::scaling::{ScalerConfig, ScalingWebhook};
pub use sections::scrape::JobPlace;
pub use sections::server::{FrontProxySettings, ServerSettings, TokenSettings, parse_address};
pub use sections::storage::{StorageLimits, StorageSettings, WalFsync};
pub use sections::tracing::TracingSettings;
pub use sections::web::{ClientAuth, TlsServerSettings, WebSettings};
pub use size::{SizeError, parse_size, size_text};
pub use view::{Origin, View};
