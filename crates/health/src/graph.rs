//! Who depends on whom, and what of several bad states explains the others.

use std::collections::{BTreeMap, BTreeSet};

use crate::HealthState;

/// Names that an error lists. Chosen.
const NAMES_SHOWN: usize = 10;

/// Why dependencies make no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// Two have one name.
    #[error("{name:?} is there twice: each needs a name of its own")]
    Duplicate {
        /// The name.
        name: String,
    },
    /// Something depends on what is not there.
    #[error("{name:?} depends on {dependency:?}, which is not there: want {known}")]
    Unknown {
        /// Who depends.
        name: String,
        /// On what.
        dependency: String,
        /// What there is, at most ten names; empty: nothing else.
        known: String,
    },
    /// They depend on one another in a circle.
    #[error("{name:?}: the dependencies are circular: {circle}")]
    Circular {
        /// One of them.
        name: String,
        /// The one that it depends on and that leads back to it.
        next: String,
        /// The way around, from it to it.
        circle: String,
    },
}

/// Who depends on whom, by index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Graph {
    /// What each depends on.
    dependencies: Vec<Vec<usize>>,
    /// All of them, each after what it depends on.
    order: Vec<usize>,
}

impl Graph {
    /// Reads names and what each of them depends on.
    ///
    /// # Errors
    /// Where a name is there twice or not at all, or where there is a circle.
    pub fn new<'a>(
        nodes: impl IntoIterator<Item = (&'a str, &'a [String])>,
    ) -> Result<Self, GraphError> {
        let nodes: Vec<(&str, &[String])> = nodes.into_iter().collect();
        let mut indices = BTreeMap::new();
        for (index, (name, _)) in nodes.iter().enumerate() {
            if indices.insert(*name, index).is_some() {
                let name = (*name).to_owned();
                return Err(GraphError::Duplicate { name });
            }
        }
        let mut dependencies = Vec::with_capacity(nodes.len());
        for (own, depends_on) in &nodes {
            let mut of_this = Vec::new();
            for name in *depends_on {
                let Some(index) = indices.get(name.as_str()) else {
                    let others = indices.keys().copied().filter(|it| it != own);
                    return Err(GraphError::Unknown {
                        name: (*own).to_owned(),
                        dependency: name.clone(),
                        known: listed(others),
                    });
                };
                of_this.push(*index);
            }
            of_this.sort_unstable();
            of_this.dedup();
            dependencies.push(of_this);
        }
        let order = order_of(&dependencies);
        if order.len() < nodes.len() {
            return Err(circle(&nodes, &dependencies, &order));
        }
        Ok(Self {
            dependencies,
            order,
        })
    }

    /// What each depends on, by index.
    #[must_use]
    pub fn dependencies(&self) -> &[Vec<usize>] {
        &self.dependencies
    }

    /// All of them, each after what it depends on.
    #[must_use]
    pub fn order(&self) -> &[usize] {
        &self.order
    }

    /// For each the ones that explain it, by index. A dependency explains what is no worse than
    /// itself, and is explained in turn by what it depends on; one that is up explains nothing.
    #[must_use]
    pub fn causes(&self, states: &[HealthState]) -> Vec<BTreeSet<usize>> {
        let mut causes = vec![BTreeSet::new(); states.len()];
        for index in &self.order {
            let badness = states[*index].badness();
            if badness == 0 {
                continue;
            }
            let mut of_this = BTreeSet::new();
            for dependency in &self.dependencies[*index] {
                if states[*dependency].badness() < badness {
                    continue;
                }
                match causes[*dependency].is_empty() {
                    true => {
                        of_this.insert(*dependency);
                    }
                    false => of_this.extend(&causes[*dependency]),
                }
            }
            causes[*index] = of_this;
        }
        causes
    }
}

fn listed<'a>(mut names: impl Iterator<Item = &'a str>) -> String {
    let shown: Vec<&str> = names.by_ref().take(NAMES_SHOWN).collect();
    match (shown.is_empty(), names.count()) {
        (true, _) => String::new(),
        (false, 0) => shown.join(", "),
        (false, more) => format!("{} or one of {more} more", shown.join(", ")),
    }
}

/// Kahn's algorithm: takes what depends on nothing that was not taken. Circles are left out, and so
/// is what depends on them.
fn order_of(dependencies: &[Vec<usize>]) -> Vec<usize> {
    let mut dependents = vec![Vec::new(); dependencies.len()];
    let mut open: Vec<usize> = dependencies.iter().map(Vec::len).collect();
    for (index, of_this) in dependencies.iter().enumerate() {
        for dependency in of_this {
            dependents[*dependency].push(index);
        }
    }
    let mut order: Vec<usize> = (0..open.len()).filter(|index| open[*index] == 0).collect();
    let mut next = 0;
    while let Some(taken) = order.get(next) {
        for dependent in &dependents[*taken] {
            open[*dependent] -= 1;
            if open[*dependent] == 0 {
                order.push(*dependent);
            }
        }
        next += 1;
    }
    order
}

/// Names a circle among what is not in the order. Each of those depends on another of them, so that
/// following the first such dependency comes back to where it was.
fn circle(nodes: &[(&str, &[String])], dependencies: &[Vec<usize>], order: &[usize]) -> GraphError {
    let mut is_ordered = vec![false; nodes.len()];
    for index in order {
        is_ordered[*index] = true;
    }
    let mut path: Vec<usize> = Vec::new();
    let mut at = is_ordered.iter().position(|it| !it);
    while let Some(index) = at {
        if let Some(begin) = path.iter().position(|it| *it == index) {
            path.drain(..begin);
            path.push(index);
            break;
        }
        path.push(index);
        at = dependencies[index]
            .iter()
            .copied()
            .find(|it| !is_ordered[*it]);
    }
    let mut names: Vec<&str> = path.iter().map(|it| nodes[*it].0).collect();
    let name = names.first().copied().unwrap_or_default().to_owned();
    let next = names.get(1).copied().unwrap_or_default().to_owned();
    if names.len() > NAMES_SHOWN {
        // Its end is its beginning.
        names.splice(NAMES_SHOWN - 1..names.len() - 1, ["…"]);
    }
    let circle = names.join(" -> ");
    GraphError::Circular { name, next, circle }
}

#[cfg(test)]
mod tests {
    use super::HealthState::{Degraded, Down, Unknown, Up};
    use super::*;

    #[test]
    fn causes_are_where_nothing_behind_them_is_as_bad() {
        // 3 -> 2 -> 1 -> 0, and 3 -> 4.
        let graph = Graph {
            dependencies: vec![vec![], vec![0], vec![1], vec![2, 4], vec![]],
            order: vec![0, 4, 1, 2, 3],
        };
        let causes_of = |states: [HealthState; 5]| {
            let causes = graph.causes(&states);
            let lists = causes.into_iter().map(|it| it.into_iter().collect());
            lists.collect::<Vec<Vec<usize>>>()
        };
        let none = || vec![];
        assert_eq!(
            causes_of([Down, Down, Down, Down, Down]),
            [none(), vec![0], vec![0], vec![0, 4], none()]
        );
        // What works stops the search; what is milder explains nothing that is worse.
        assert_eq!(
            causes_of([Down, Up, Down, Down, Degraded]),
            [none(), none(), none(), vec![2], none()]
        );
        assert_eq!(
            causes_of([Down, Degraded, Unknown, Degraded, Degraded]),
            [none(), vec![0], none(), vec![4], none()]
        );
    }
}
