//! What a configuration says of notifications, and the loading of an `alertmanager.yml`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bellwether_notify::receivers::settings::{ReceiverSettings, TemplateFile};
use bellwether_notify::{Plan, RouteSettings};

use crate::config::{errors_of, origin_of, parse, read_file};
use crate::problem::{ConfigErrors, NamedFile, Problem, Problems};
use crate::sections::notifications::{NOTIFICATIONS, NamedFiles, decode_notifications};
use crate::view::{Origin, View};

/// Who is told of which alerts, and when.
#[derive(Debug, Clone, PartialEq)]
pub struct NotificationConfig {
    /// Routes, inhibition, time intervals, and the integrations of every receiver.
    pub plan: Plan,
    /// The routing tree as it is written: nodes in the order of those of `plan.routes`, parents
    /// before their children.
    pub root_route: RouteSettings,
    /// The receivers in the order of the file, with what they take from `global` filled in.
    pub receivers: Vec<ReceiverSettings>,
    /// Labels to find receivers by, by the name of the receiver; sorted, the name among them.
    pub receiver_labels: BTreeMap<String, Vec<(String, String)>>,
    /// The files with templates, in the order in which they are to be parsed.
    pub templates: Vec<TemplateFile>,
    /// The patterns that name these files, joined with the configuration's folder.
    pub template_patterns: Vec<PathBuf>,
    /// Time after which an alert has ended whose sender neither repeats it nor gives an end, ms.
    pub resolve_timeout_ms: i64,
    /// The configuration in effect, defaults included, secrets as `<secret>`; for
    /// `/api/v2/status`.
    pub redacted_yaml: String,
}

/// What a successful load gives.
#[derive(Debug, Clone)]
pub struct LoadedNotifications {
    /// The configuration.
    pub config: NotificationConfig,
    /// What is worth knowing: routes that no alert reaches, receivers that cannot be sent to.
    pub warnings: Vec<Problem>,
    /// Files that the configuration needs: those with secrets and certificates.
    pub files: Vec<NamedFile>,
}

/// Loads an `alertmanager.yml` with the templates that it names. Files with secrets are not looked
/// at.
///
/// # Errors
/// Every reason why the file cannot be used.
pub fn load_alertmanager(path: &Path) -> Result<LoadedNotifications, ConfigErrors> {
    let source = read_file(path).map_err(|problem| ConfigErrors {
        errors: vec![problem],
        is_unreadable: true,
    })?;
    finished(|problems| read(&source, &origin_of(path), NamedFiles::Read, problems))
}

/// The same for a text that is already here. `origin` says what it is called, and where relative
/// paths start. Templates are not read.
///
/// # Errors
/// See [`load_alertmanager`].
pub fn load_alertmanager_text(
    source: &str,
    origin: &Origin,
) -> Result<LoadedNotifications, ConfigErrors> {
    finished(|problems| read(source, origin, NamedFiles::Leave, problems))
}

fn finished(
    read: impl FnOnce(&mut Problems) -> Option<NotificationConfig>,
) -> Result<LoadedNotifications, ConfigErrors> {
    let mut problems = Problems::default();
    match read(&mut problems) {
        Some(config) if problems.errors.is_empty() => Ok(LoadedNotifications {
            config,
            warnings: problems.warnings,
            files: problems.files,
        }),
        _ => Err(errors_of(problems)),
    }
}

fn read(
    source: &str,
    origin: &Origin,
    files: NamedFiles,
    problems: &mut Problems,
) -> Option<NotificationConfig> {
    let root = parse(source, origin, &NOTIFICATIONS, problems)?;
    let view = View::new(Some(&root), &NOTIFICATIONS, origin);
    if root.is_null() {
        view.error(
            problems,
            "the file is empty: want at least route and receivers",
        );
        return None;
    }
    Some(decode_notifications(&view, files, problems))
}

/// What stands at `notifications` of a configuration: the section, or the path of a file.
pub(crate) fn decode_at(
    root: &View<'_>,
    files: NamedFiles,
    problems: &mut Problems,
) -> Option<NotificationConfig> {
    if let Some(view) = root.optional_section("notifications") {
        return Some(decode_notifications(&view, files, problems));
    }
    let path = root.path_of("notifications")?;
    match read_file(&path) {
        Ok(source) => read(&source, &origin_of(&path), files, problems),
        Err(problem) => {
            let message = format!("{:?} {}", problem.file, problem.message);
            root.error_at(problems, "notifications", message);
            None
        }
    }
}
