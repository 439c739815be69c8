//! The rules that are evaluated: those of the configuration's files, and those that people edit.
//!
//! ## Model
//! [`RuleEditing::prepare`] takes the groups of a configuration and puts those of the [`RuleFolder`]
//! beside them. A change through the API is read from the namespace's file, made, checked as a whole,
//! written and then evaluated. A namespace stands where the name of a file stands elsewhere: in
//! `/api/v1/rules`, in causes, in errors.
//!
//! ## Invariants
//! Changes and reloads come one after another, so that nobody's change is lost. What cannot be
//! evaluated is not written; what cannot be written is not evaluated. A change goes on to its end when
//! whoever asked for it is gone. Groups of the configuration's files are never changed here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use arc_swap::ArcSwapOption;
use bellwether_config::{
    ConfigErrors, RuleNamespace, RuleOptions, WrittenGroup, load_rules_text, namespaces_yaml,
};
use bellwether_model::short;
use bellwether_rules::{GroupSettings, Manager, Surroundings};
use bellwether_server::{BoxFuture, RuleEditError, RuleEditor};
use tokio::sync::OwnedMutexGuard;

use crate::rule_folder::RuleFolder;
use crate::told;
use crate::transitions::Transitions;

/// What a configuration says of rules.
#[derive(Debug, Clone)]
pub(crate) struct ConfiguredRules {
    /// The groups of its files.
    pub(crate) groups: Vec<GroupSettings>,
    /// How rules are read.
    pub(crate) options: RuleOptions,
    /// What they are evaluated in.
    pub(crate) surroundings: Surroundings,
}

/// See the module's page. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct RuleEditing(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: RuleFolder,
    manager: Manager,
    /// Told which alerts there may be.
    transitions: Transitions,
    /// What is evaluated; nothing until a configuration was applied.
    rules: ArcSwapOption<Rules>,
    /// Held over a whole change or reload: one after another.
    turn: Arc<tokio::sync::Mutex<()>>,
}

/// Rules that were read and can be evaluated, and the turn in which nobody else changes them.
#[derive(Debug)]
pub(crate) struct Prepared {
    rules: Rules,
    groups: Vec<GroupSettings>,
    _turn: OwnedMutexGuard<()>,
}

/// What is evaluated.
#[derive(Debug, Clone)]
struct Rules {
    configured: ConfiguredRules,
    namespaces: BTreeMap<String, Edited>,
}

/// A namespace as it is written and as it is evaluated.
#[derive(Debug, Clone)]
struct Edited {
    written: RuleNamespace,
    groups: Vec<GroupSettings>,
}

impl Edited {
    /// Reads a namespace; `origin` is what errors call its text.
    fn read(
        namespace: &str,
        text: &str,
        origin: &Path,
        options: &RuleOptions,
    ) -> Result<Self, ConfigErrors> {
        let written = RuleNamespace::read(text, origin)?;
        let loaded = load_rules_text(text, origin, options)?;
        for warning in &loaded.warnings {
            tracing::warn!("{warning}");
        }
        let mut groups = loaded.groups;
        for group in &mut groups {
            group.file = PathBuf::from(namespace);
        }
        Ok(Self { written, groups })
    }
}

impl Rules {
    fn all_groups(&self) -> Vec<GroupSettings> {
        let edited = self.namespaces.values().flat_map(|of| &of.groups);
        self.configured
            .groups
            .iter()
            .chain(edited)
            .cloned()
            .collect()
    }

    /// Whether a namespace is a file that the configuration names.
    fn is_configured(&self, namespace: &str) -> bool {
        let mut groups = self.configured.groups.iter();
        groups.any(|group| group.file == Path::new(namespace))
    }
}

impl RuleEditing {
    pub(crate) fn new(folder: RuleFolder, manager: Manager, transitions: Transitions) -> Self {
        Self(Arc::new(Inner {
            folder,
            manager,
            transitions,
            rules: ArcSwapOption::empty(),
            turn: Arc::default(),
        }))
    }

    /// Reads the rules of a configuration and of the folder, to be evaluated from
    /// [`RuleEditing::apply`] on. At the start a namespace that cannot be used any more is left out, said
    /// aloud: one edited file is no reason to watch nothing.
    ///
    /// # Errors
    /// Where they cannot be evaluated; nothing is changed then.
    pub(crate) async fn prepare(&self, configured: ConfiguredRules) -> Result<Prepared> {
        let turn = Arc::clone(&self.0.turn).lock_owned().await;
        let is_start = self.0.rules.load().is_none();
        let (folder, options) = (self.0.folder.clone(), configured.options);
        let namespaces =
            tokio::task::spawn_blocking(move || read_folder(&folder, &options, is_start));
        let mut rules = Rules {
            configured,
            namespaces: namespaces.await??,
        };
        let names = rules.namespaces.keys().cloned();
        let taken: Vec<String> = names.filter(|name| rules.is_configured(name)).collect();
        for namespace in taken {
            let path = self.0.folder.path(&namespace)?;
            let text = format!(
                "{} is a rule file of the configuration, and rules that are edited have this name \
                 too, in {}: rename one of the two",
                short(&namespace),
                path.display()
            );
            if !is_start {
                bail!(text);
            }
            tracing::error!("{text}; those that are edited are left out");
            rules.namespaces.remove(&namespace);
        }
        let (groups, surroundings) = (rules.all_groups(), &rules.configured.surroundings);
        let manager = &self.0.manager;
        manager.check(groups.clone(), surroundings.clone()).await?;
        Ok(Prepared {
            rules,
            groups,
            _turn: turn,
        })
    }

    /// Makes the running rules those that were prepared.
    pub(crate) async fn apply(&self, prepared: Prepared) -> Result<()> {
        let surroundings = prepared.rules.configured.surroundings.clone();
        self.0.transitions.expect(&prepared.groups);
        let manager = &self.0.manager;
        manager.apply(prepared.groups, surroundings).await?;
        self.0.rules.store(Some(Arc::new(prepared.rules)));
        Ok(())
    }

    fn rules(&self) -> Result<Arc<Rules>, RuleEditError> {
        self.0.rules.load_full().ok_or_else(|| {
            RuleEditError::Unavailable("the server is starting: rules are not loaded yet".into())
        })
    }

    /// Changes a namespace. What was changed is durable and in use when it returns.
    async fn change(
        self,
        namespace: String,
        change: impl FnOnce(&mut RuleNamespace, &RuleOptions) -> Result<(), RuleEditError>
        + Send
        + 'static,
    ) -> Result<(), RuleEditError> {
        let _turn = self.0.turn.lock().await;
        let rules = self.rules()?;
        if rules.is_configured(&namespace) {
            return Err(RuleEditError::ReadOnly(format!(
                "{} is a rule file of the configuration, whose rules cannot be edited here: change \
                 the file and reload the configuration, or take another namespace",
                short(&namespace)
            )));
        }
        let name = self.0.folder.path(&namespace);
        name.map_err(|error| RuleEditError::Invalid(told(&error)))?;
        let (folder, options) = (self.0.folder.clone(), rules.configured.options);
        let read_namespace = namespace.clone();
        // The file is read again: somebody may have changed it by hand.
        let changed = blocking(move || {
            let origin = Path::new(&read_namespace);
            let mut written = match folder.read(&read_namespace).map_err(failed)? {
                Some(text) => RuleNamespace::read(&text, origin)
                    .map_err(|errors| failed(anyhow::Error::new(errors)))?,
                None => RuleNamespace::default(),
            };
            change(&mut written, &options)?;
            let text = written.to_yaml();
            let edited = Edited::read(&read_namespace, &text, origin, &options);
            Ok((edited.map_err(invalid)?, text))
        });
        let (edited, text) = changed.await?;
        let mut next = Rules::clone(&rules);
        let is_empty = edited.written.groups().is_empty();
        if is_empty {
            next.namespaces.remove(&namespace);
        } else {
            next.namespaces.insert(namespace.clone(), edited);
        }
        let (groups, surroundings) = (next.all_groups(), &next.configured.surroundings);
        let manager = &self.0.manager;
        let checked = manager.check(groups.clone(), surroundings.clone()).await;
        checked.map_err(|error| RuleEditError::Invalid(error.to_string()))?;
        let (folder, written_namespace) = (self.0.folder.clone(), namespace.clone());
        let kept = blocking(move || {
            let kept = if is_empty {
                folder.remove(&written_namespace)
            } else {
                folder.write(&written_namespace, &text)
            };
            kept.map_err(failed)
        });
        kept.await?;
        self.0.transitions.expect(&groups);
        let applied = manager.apply(groups, surroundings.clone()).await;
        applied.map_err(|error| failed(anyhow::Error::new(error)))?;
        self.0.rules.store(Some(Arc::new(next)));
        tracing::info!(namespace, "rules were edited");
        Ok(())
    }

    /// The same, to its end even where nobody waits for it any more.
    fn changing(
        &self,
        namespace: String,
        change: impl FnOnce(&mut RuleNamespace, &RuleOptions) -> Result<(), RuleEditError>
        + Send
        + 'static,
    ) -> BoxFuture<Result<(), RuleEditError>> {
        let task = tokio::spawn(self.clone().change(namespace, change));
        Box::pin(async move { task.await.unwrap_or_else(|error| Err(failed(error.into()))) })
    }

    /// A namespace for those who look: one that is edited, or a file of the configuration.
    fn look(&self, namespace: &str) -> Result<RuleNamespace, RuleEditError> {
        let rules = self.rules()?;
        if let Some(edited) = rules.namespaces.get(namespace) {
            return Ok(edited.written.clone());
        }
        if rules.is_configured(namespace) {
            let loaded = RuleNamespace::load(Path::new(namespace));
            return loaded.map_err(|errors| failed(anyhow::Error::new(errors)));
        }
        Err(RuleEditError::NoNamespace)
    }
}

impl RuleEditor for RuleEditing {
    fn list(&self, namespace: Option<String>) -> BoxFuture<Result<String, RuleEditError>> {
        let editing = self.clone();
        Box::pin(blocking(move || match namespace {
            Some(namespace) => {
                let found = editing.look(&namespace)?;
                Ok(namespaces_yaml([(namespace.as_str(), &found)]))
            }
            // Files of the configuration are not among these: whoever syncs a list of namespaces
            // would try to remove them.
            None => {
                let rules = editing.rules()?;
                let all = rules.namespaces.iter();
                Ok(namespaces_yaml(
                    all.map(|(name, of)| (name.as_str(), &of.written)),
                ))
            }
        }))
    }

    fn group(&self, namespace: String, group: String) -> BoxFuture<Result<String, RuleEditError>> {
        let editing = self.clone();
        Box::pin(blocking(move || {
            let found = editing.look(&namespace);
            let found = found.map_err(|error| match error {
                RuleEditError::NoNamespace => RuleEditError::NoGroup,
                other => other,
            })?;
            let group = found.get(&group).ok_or(RuleEditError::NoGroup)?;
            Ok(group.to_yaml())
        }))
    }

    fn set(&self, namespace: String, group_yaml: String) -> BoxFuture<Result<(), RuleEditError>> {
        let origin = PathBuf::from(&namespace);
        self.changing(namespace, move |written, options| {
            let group = WrittenGroup::read(&group_yaml, &origin, options).map_err(invalid)?;
            written.set(group);
            Ok(())
        })
    }

    fn remove(
        &self,
        namespace: String,
        group: Option<String>,
    ) -> BoxFuture<Result<(), RuleEditError>> {
        self.changing(namespace, move |written, _| match group {
            Some(group) if written.remove(&group) => Ok(()),
            Some(_) => Err(RuleEditError::NoGroup),
            None if written.groups().is_empty() => Err(RuleEditError::NoNamespace),
            None => {
                *written = RuleNamespace::default();
                Ok(())
            }
        })
    }
}

/// Reads all namespaces; those that cannot be used are an error, or said and left out.
fn read_folder(
    folder: &RuleFolder,
    options: &RuleOptions,
    leaves_out: bool,
) -> Result<BTreeMap<String, Edited>> {
    let mut namespaces = BTreeMap::new();
    for (namespace, text) in folder.read_all()? {
        let path = folder.path(&namespace)?;
        let edited = Edited::read(&namespace, &text, &path, options)
            .context("rules that were edited cannot be used");
        match edited {
            Ok(edited) => drop(namespaces.insert(namespace, edited)),
            Err(error) if leaves_out => tracing::error!("{}; they are left out", told(&error)),
            Err(error) => return Err(error),
        }
    }
    Ok(namespaces)
}

/// Runs work on a blocking thread.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RuleEditError> + Send + 'static,
) -> Result<T, RuleEditError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(failed(error.into())))
}

fn failed(error: anyhow::Error) -> RuleEditError {
    tracing::error!("rules cannot be edited: {}", told(&error));
    RuleEditError::Failed(told(&error))
}

fn invalid(errors: ConfigErrors) -> RuleEditError {
    RuleEditError::Invalid(errors.to_string())
}

#[cfg(test)]
mod tests;
