//! Following a template through the page that it makes.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::context::{Context, State};
use crate::error::TemplateError;
use crate::limits::{ESCAPE_STEPS_MAX, RECURSION_MAX};
use crate::quote::quoted;
use crate::set::TemplateSet;
use crate::tree::{Arm, Branch, BranchKind, Call, List, Node, Range, Source, Tree};

/// The templates of a page, for each context that they are called in.
#[derive(Debug)]
pub(crate) struct Escaped {
    trees: FxHashMap<Box<str>, Vec<(Context, Arc<Tree>)>>,
}

impl Escaped {
    /// A template in a context; `None` is the text of a page.
    pub(crate) fn tree(&self, name: &str, context: Option<Context>) -> Option<&Tree> {
        let context = context.unwrap_or_default();
        let trees = self.trees.get(name)?;
        let (_, tree) = trees.iter().find(|(known, _)| *known == context)?;
        Some(tree)
    }
}

/// Finds out how the values of a page are escaped that the template `name` makes.
pub(crate) fn escape(set: &TemplateSet, name: &str) -> Result<Escaped, TemplateError> {
    let mut pass = Pass {
        set,
        known: FxHashMap::default(),
        made: Vec::new(),
        called: FxHashSet::default(),
        loops: Vec::new(),
        source: None,
        recursion: 0,
        steps_left: ESCAPE_STEPS_MAX,
    };
    let context = pass.template(Context::default(), name, 0)?;
    if context.state != State::Text {
        let at = set.tree(name).map(|tree| &tree.source);
        let end = at.map_or(0, |source| source.text.len());
        pass.source = at.cloned();
        return Err(pass.error(end, format!("ends in a non-text context: {context}")));
    }
    let mut trees: FxHashMap<Box<str>, Vec<(Context, Arc<Tree>)>> = FxHashMap::default();
    for (key, known) in pass.known {
        if let Some(tree) = known.tree {
            trees.entry(key.name).or_default().push((key.context, tree));
        }
    }
    Ok(Escaped { trees })
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    name: Box<str>,
    context: Context,
}

/// What is known about a template in a context.
struct Known {
    /// The context behind it: assumed while it is worked on, then found.
    after: Context,
    tree: Option<Arc<Tree>>,
}

/// The contexts in which the passes of a loop are left.
#[derive(Default)]
struct Loop {
    breaks: Vec<Context>,
    continues: Vec<Context>,
}

pub(super) struct Pass<'s> {
    set: &'s TemplateSet,
    known: FxHashMap<Key, Known>,
    /// The keys of `known`, in the order in which they came in: what an assumption that turned out
    /// wrong led to is taken out again.
    made: Vec<Key>,
    /// Templates that were called since the one began that is worked on.
    called: FxHashSet<Key>,
    loops: Vec<Loop>,
    /// The text that is worked on.
    source: Option<Arc<Source>>,
    recursion: usize,
    steps_left: usize,
}

pub(super) type Passed<T> = Result<T, TemplateError>;

impl Pass<'_> {
    pub(super) fn error(&self, at: usize, reason: impl Into<String>) -> TemplateError {
        let nowhere = Source {
            name: Box::default(),
            text: Box::default(),
        };
        TemplateError::Escape {
            at: self.source.as_deref().unwrap_or(&nowhere).position(at),
            reason: reason.into(),
        }
    }

    pub(super) fn spend(&mut self, steps: usize, at: usize) -> Passed<()> {
        match self.steps_left.checked_sub(steps) {
            Some(left) => {
                self.steps_left = left;
                Ok(())
            }
            None => Err(self.error(
                at,
                format!("the page takes more than {ESCAPE_STEPS_MAX} steps to understand"),
            )),
        }
    }

    fn enter(&mut self, at: usize) -> Passed<()> {
        self.recursion += 1;
        if self.recursion > RECURSION_MAX {
            let reason = format!("blocks and templates nest more than {RECURSION_MAX} deep");
            return Err(self.error(at, reason));
        }
        Ok(())
    }

    fn leave(&mut self) {
        self.recursion -= 1;
    }

    /// The context behind a template that is called in a context.
    fn template(&mut self, context: Context, name: &str, at: usize) -> Passed<Context> {
        let key = Key {
            name: name.into(),
            context,
        };
        self.called.insert(key.clone());
        if let Some(known) = self.known.get(&key) {
            return Ok(known.after);
        }
        let set = self.set;
        let Some(tree) = set.tree(name) else {
            return Err(self.error(at, format!("no such template {}", quoted(name))));
        };
        self.enter(at)?;
        let outer = self.source.replace(Arc::clone(&tree.source));
        let loops = std::mem::take(&mut self.loops);
        // A template that calls itself needs to know how it ends: mostly as it began.
        let after = match self.assuming(&key, tree, context)? {
            Ok(after) => after,
            Err(found) => match self.assuming(&key, tree, found) {
                Ok(Ok(after)) => after,
                Ok(Err(_)) | Err(_) => {
                    let reason = format!(
                        "cannot compute output context for template {}",
                        quoted(name)
                    );
                    self.source = Some(Arc::clone(&tree.source));
                    return Err(self.error(0, reason));
                }
            },
        };
        self.loops = loops;
        self.source = outer;
        self.leave();
        Ok(after)
    }

    /// Works on a template under the assumption that it ends in a context. An inner error is the
    /// context that it ends in instead, where that matters.
    fn assuming(
        &mut self,
        key: &Key,
        tree: &Tree,
        assumed: Context,
    ) -> Passed<Result<Context, Context>> {
        let mark = self.made.len();
        let outer_called = std::mem::take(&mut self.called);
        self.made.push(key.clone());
        self.known.insert(
            key.clone(),
            Known {
                after: assumed,
                tree: None,
            },
        );
        let (after, root) = self.list(key.context, &tree.root)?;
        let calls_itself = self.called.contains(key);
        self.called.extend(outer_called);
        if calls_itself && after != assumed {
            for made in self.made.drain(mark..) {
                self.known.remove(&made);
            }
            return Ok(Err(after));
        }
        let tree = Tree {
            name: tree.name.clone(),
            source: Arc::clone(&tree.source),
            root,
            slots: tree.slots,
            predefined: tree.predefined.clone(),
        };
        self.known.insert(
            key.clone(),
            Known {
                after,
                tree: Some(Arc::new(tree)),
            },
        );
        Ok(Ok(after))
    }

    fn list(&mut self, mut context: Context, list: &List) -> Passed<(Context, List)> {
        let mut out = List::with_capacity(list.len());
        for node in list {
            let (next, node) = self.node(context, node)?;
            context = next;
            // Nothing may be left of a text but comments.
            if !matches!(&node, Node::Text(text) if text.text.is_empty()) {
                out.push(node);
            }
            if context.state == State::Dead {
                break;
            }
        }
        Ok((context, out))
    }

    fn optional_list(
        &mut self,
        context: Context,
        list: Option<&List>,
    ) -> Passed<(Context, Option<List>)> {
        match list {
            None => Ok((context, None)),
            Some(list) => {
                let (context, list) = self.list(context, list)?;
                Ok((context, Some(list)))
            }
        }
    }

    fn node(&mut self, context: Context, node: &Node) -> Passed<(Context, Node)> {
        Ok(match node {
            Node::Text(text) => {
                let (context, text) = self.text(context, text)?;
                (context, Node::Text(text))
            }
            Node::Action(action) => {
                self.spend(1, action.at)?;
                let (context, action) = self.action(context, action)?;
                (context, Node::Action(action))
            }
            Node::Branch(branch) => self.branch(context, branch)?,
            Node::Range(range) => self.range(context, range)?,
            Node::Template(call) => {
                self.spend(1, call.at)?;
                let after = self.template(context, &call.name, call.at)?;
                let call = Call {
                    context: Some(context),
                    ..call.clone()
                };
                (after, Node::Template(call))
            }
            Node::Break(at) => {
                if let Some(current) = self.loops.last_mut() {
                    current.breaks.push(context);
                }
                (Context::of(State::Dead), Node::Break(*at))
            }
            Node::Continue(at) => {
                if let Some(current) = self.loops.last_mut() {
                    current.continues.push(context);
                }
                (Context::of(State::Dead), Node::Continue(*at))
            }
        })
    }

    fn joined(&self, a: Context, b: Context, keyword: &str, at: usize) -> Passed<Context> {
        a.joined(b).ok_or_else(|| {
            let reason = format!("{{{{{keyword}}}}} branches end in different contexts: {a}, {b}");
            self.error(at, reason)
        })
    }

    fn branch(&mut self, context: Context, branch: &Branch) -> Passed<(Context, Node)> {
        self.spend(1, branch.at)?;
        self.enter(branch.at)?;
        let keyword = match branch.kind {
            BranchKind::If => "if",
            BranchKind::With => "with",
        };
        let mut ends = Vec::with_capacity(branch.arms.len());
        let mut arms = Vec::with_capacity(branch.arms.len());
        for arm in &branch.arms {
            let (end, list) = self.list(context, &arm.list)?;
            ends.push(end);
            arms.push(Arm {
                pipeline: arm.pipeline.clone(),
                list,
            });
        }
        let (mut after, otherwise) = self.optional_list(context, branch.otherwise.as_ref())?;
        for end in ends.into_iter().rev() {
            after = self.joined(end, after, keyword, branch.at)?;
        }
        self.leave();
        let node = Node::Branch(Branch {
            at: branch.at,
            kind: branch.kind,
            arms,
            otherwise,
        });
        Ok((after, node))
    }

    fn range(&mut self, context: Context, range: &Range) -> Passed<(Context, Node)> {
        self.spend(1, range.at)?;
        self.enter(range.at)?;
        let (mut after, list) = self.pass_of_loop(context, range)?;
        if after != context {
            // What one pass leads to must be what another one leads to again.
            let again = self.pass_of_loop(after, range);
            let again = again.and_then(|(again, _)| self.joined(after, again, "range", range.at));
            after = again.map_err(|error| match error {
                TemplateError::Escape { at, reason } => TemplateError::Escape {
                    at,
                    reason: format!("on range loop re-entry: {reason}"),
                },
                error => error,
            })?;
        }
        let (without, otherwise) = self.optional_list(context, range.otherwise.as_ref())?;
        let after = self.joined(after, without, "range", range.at)?;
        self.leave();
        let node = Node::Range(Range {
            at: range.at,
            pipeline: range.pipeline.clone(),
            list,
            otherwise,
        });
        Ok((after, node))
    }

    /// The context behind one pass of a loop, however it is left.
    fn pass_of_loop(&mut self, context: Context, range: &Range) -> Passed<(Context, List)> {
        self.loops.push(Loop::default());
        let (mut after, list) = self.list(context, &range.list)?;
        let left = self.loops.pop().unwrap_or_default();
        let ways = [(left.breaks, "break"), (left.continues, "continue")];
        for (ends, keyword) in ways {
            for end in ends {
                after = after.joined(end).ok_or_else(|| {
                    let reason = format!(
                        "at range loop {keyword}: {{{{range}}}} branches end in different contexts: {after}, {end}"
                    );
                    self.error(range.at, reason)
                })?;
            }
        }
        Ok((after, list))
    }
}
