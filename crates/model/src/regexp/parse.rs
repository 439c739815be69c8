//! Reads a pattern by the rules of Go's `regexp/syntax`, Perl flavour.

use std::borrow::Cow;

use super::class;

/// Levels of groups and repetitions. Measured: an unoptimised build compiles 190 on a stack of 2 MiB.
pub(super) const DEPTH_MAX: u32 = 100;
/// Copies of one element that repetitions make, alone or multiplied.
const COPIES_MAX: u32 = 1_000;

/// Any character, as printed.
pub(super) const ANY: &str = "(?s:.)";

/// A part of a pattern. Flags are resolved: nothing in it depends on what stands around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    /// The text itself, not empty; with `fold` in any case.
    Literal { text: String, fold: bool },
    /// A class or an assertion, printed already.
    Leaf(Cow<'static, str>),
    /// A group in brackets.
    Group { captures: bool, inner: Box<Node> },
    /// From `min` to `max` times.
    Repeat {
        inner: Box<Node>,
        min: u32,
        max: Option<u32>,
        greedy: bool,
    },
    /// One after the other; may be empty.
    Concat(Vec<Node>),
    /// One of them, the first that leads to a match.
    Alternate(Vec<Node>),
}

/// A pattern that was read.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) node: Node,
    /// Names of the groups by number, empty where there is none.
    pub(super) names: Vec<String>,
}

/// What `(?imsU)` sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Flags {
    pub(super) fold: bool,
    multi_line: bool,
    dot_all: bool,
    swap_greed: bool,
}

/// A node and what limits need to know of it.
#[derive(Debug)]
struct Item {
    node: Node,
    depth: u32,
    copies: u32,
}

/// A group that is open, or the pattern as a whole.
#[derive(Debug)]
struct Frame {
    captures: bool,
    /// Flags to return to at the end.
    outer_flags: Flags,
    /// Byte at which the group opened.
    opened_at: usize,
    choices: Vec<Node>,
    sequence: Vec<Item>,
    depth: u32,
    copies: u32,
}

/// An error at a byte of the pattern.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) at: usize,
    pub(super) reason: String,
}

impl Fault {
    pub(super) fn new(at: usize, reason: impl Into<String>) -> Self {
        Self {
            at,
            reason: reason.into(),
        }
    }
}

/// Reads a pattern; `dot_all`: `.` matches line ends unless it says otherwise. An error names the
/// character, counted from 1.
pub(super) fn parse(pattern: &str, dot_all: bool) -> Result<Parsed, String> {
    let flags = Flags {
        fold: false,
        multi_line: false,
        dot_all,
        swap_greed: false,
    };
    let mut parser = Parser {
        input: Input { pattern, at: 0 },
        flags,
        names: vec![String::new()],
        outer: Vec::new(),
        frame: Frame::new(false, flags, 0),
        repeated_at: None,
    };
    let node = parser.run().map_err(|fault| {
        let before = pattern.get(..fault.at).unwrap_or(pattern);
        format!(
            "{} (character {})",
            fault.reason,
            before.chars().count() + 1
        )
    })?;
    Ok(Parsed {
        node,
        names: parser.names,
    })
}

/// A pattern, and how far it is read.
#[derive(Debug)]
pub(super) struct Input<'p> {
    pattern: &'p str,
    pub(super) at: usize,
}

impl<'p> Input<'p> {
    pub(super) fn rest(&self) -> &'p str {
        self.pattern.get(self.at..).unwrap_or_default()
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    /// Goes on behind `text` if it comes next.
    pub(super) fn take(&mut self, text: &str) -> bool {
        let is_next = self.rest().starts_with(text);
        if is_next {
            self.at += text.len();
        }
        is_next
    }

    /// What was read since `from`.
    pub(super) fn since(&self, from: usize) -> &'p str {
        self.pattern.get(from..self.at).unwrap_or_default()
    }
}

struct Parser<'p> {
    input: Input<'p>,
    flags: Flags,
    names: Vec<String>,
    outer: Vec<Frame>,
    frame: Frame,
    /// Where the repetition operator began that was read last, with nothing behind it yet.
    repeated_at: Option<usize>,
}

impl Frame {
    fn new(captures: bool, outer_flags: Flags, opened_at: usize) -> Self {
        Self {
            captures,
            outer_flags,
            opened_at,
            choices: Vec::new(),
            sequence: Vec::new(),
            depth: 0,
            copies: 1,
        }
    }

    /// Ends one choice of an alternation.
    fn end_choice(&mut self) {
        let mut parts = Vec::with_capacity(self.sequence.len());
        for item in self.sequence.drain(..) {
            self.depth = self.depth.max(item.depth);
            self.copies = self.copies.max(item.copies);
            parts.push(item.node);
        }
        let choice = match (parts.pop(), parts.is_empty()) {
            (Some(only), true) => only,
            (last, _) => {
                parts.extend(last);
                Node::Concat(parts)
            }
        };
        self.choices.push(choice);
    }

    fn into_node(mut self) -> Node {
        match (self.choices.pop(), self.choices.is_empty()) {
            (Some(only), true) => only,
            (last, _) => {
                self.choices.extend(last);
                Node::Alternate(self.choices)
            }
        }
    }
}

impl Parser<'_> {
    fn run(&mut self) -> Result<Node, Fault> {
        loop {
            let start = self.input.at;
            let Some(c) = self.input.next() else { break };
            let last_repeated_at = self.repeated_at.take();
            match c {
                '(' => self.open(start)?,
                '|' => self.frame.end_choice(),
                ')' => self.close(start)?,
                '^' if self.flags.multi_line => self.leaf("(?m:^)"),
                '^' => self.leaf(r"\A"),
                '$' if self.flags.multi_line => self.leaf("(?m:$)"),
                '$' => self.leaf(r"\z"),
                '.' if self.flags.dot_all => self.leaf(ANY),
                '.' => self.leaf(r"[^\n]"),
                '[' => {
                    let text = class::bracketed(&mut self.input, self.flags.fold)?;
                    self.leaf(text);
                }
                '*' => self.repeat(start, last_repeated_at, 0, None)?,
                '+' => self.repeat(start, last_repeated_at, 1, None)?,
                '?' => self.repeat(start, last_repeated_at, 0, Some(1))?,
                '{' => match counts(&mut self.input) {
                    Some((min, max)) => {
                        let largest = max.unwrap_or(min).max(min);
                        if largest > COPIES_MAX || max.is_some_and(|max| max < min) {
                            return Err(Fault::new(
                                start,
                                format!(
                                    "repeat count {:?} is not allowed: want at most {COPIES_MAX}, the smaller number first",
                                    self.input.since(start)
                                ),
                            ));
                        }
                        self.repeat(start, last_repeated_at, min, max)?;
                    }
                    // A brace that begins no repetition stands for itself.
                    None => self.literal('{'),
                },
                '\\' => self.escape(start)?,
                c => self.literal(c),
            }
        }
        if !self.outer.is_empty() {
            return Err(Fault::new(self.frame.opened_at, "missing ) for the group"));
        }
        self.frame.end_choice();
        let whole = Frame::new(false, self.flags, 0);
        Ok(std::mem::replace(&mut self.frame, whole).into_node())
    }

    fn push(&mut self, node: Node, depth: u32, copies: u32) {
        self.frame.sequence.push(Item {
            node,
            depth,
            copies,
        });
    }

    fn leaf(&mut self, text: impl Into<Cow<'static, str>>) {
        self.push(Node::Leaf(text.into()), 1, 1);
    }

    fn literal(&mut self, c: char) {
        // Folding costs; what has no case needs none.
        let fold = self.flags.fold && (!c.is_ascii() || c.is_ascii_alphabetic());
        if let Some(Item {
            node:
                Node::Literal {
                    text,
                    fold: last_fold,
                },
            ..
        }) = self.frame.sequence.last_mut()
            && *last_fold == fold
        {
            text.push(c);
            return;
        }
        let text = c.to_string();
        self.push(Node::Literal { text, fold }, 1, 1);
    }

    /// Repeats the element read last. `start` is where the operator began.
    fn repeat(
        &mut self,
        start: usize,
        last_repeated_at: Option<usize>,
        min: u32,
        max: Option<u32>,
    ) -> Result<(), Fault> {
        let greedy = self.input.take("?") == self.flags.swap_greed;
        if let Some(at) = last_repeated_at {
            return Err(Fault::new(
                at,
                format!(
                    "a repetition cannot be repeated by {:?}",
                    self.input.since(at)
                ),
            ));
        }
        let Some(item) = self.last_element() else {
            return Err(Fault::new(
                start,
                format!("nothing to repeat before {:?}", self.input.since(start)),
            ));
        };
        let depth = item.depth + 1;
        if depth > DEPTH_MAX {
            return Err(too_deep(start));
        }
        // What is taken no times at all makes no copies, whatever is inside of it.
        let copies = match max {
            Some(0) => 1,
            max => item.copies.saturating_mul(max.unwrap_or(min).max(1)),
        };
        if copies > COPIES_MAX {
            return Err(Fault::new(
                start,
                format!(
                    "repeat count {:?} is not allowed: with those inside it makes {copies} copies, want at most {COPIES_MAX}",
                    self.input.since(start)
                ),
            ));
        }
        let inner = Box::new(item.node);
        let node = Node::Repeat {
            inner,
            min,
            max,
            greedy,
        };
        self.push(node, depth, copies);
        self.repeated_at = Some(start);
        Ok(())
    }

    /// Takes the element read last; of a literal only its last character.
    fn last_element(&mut self) -> Option<Item> {
        let mut item = self.frame.sequence.pop()?;
        if let Node::Literal { text, fold } = &mut item.node {
            let (fold, last) = (*fold, text.pop()?);
            if !text.is_empty() {
                self.frame.sequence.push(item);
            }
            let text = last.to_string();
            item = Item {
                node: Node::Literal { text, fold },
                depth: 1,
                copies: 1,
            };
        }
        Some(item)
    }

    fn escape(&mut self, start: usize) -> Result<(), Fault> {
        match self.input.peek() {
            Some('A') => self.leaf(r"\A"),
            Some('z') => self.leaf(r"\z"),
            Some('b') => self.leaf(r"(?-u:\b)"),
            Some('B') => self.leaf(r"(?-u:\B)"),
            Some('Q') => {
                let rest = self.input.rest().strip_prefix('Q').unwrap_or_default();
                let quoted = rest.split(r"\E").next().unwrap_or_default();
                self.input.at += 1 + quoted.len();
                self.input.take(r"\E");
                quoted.chars().for_each(|c| self.literal(c));
                return Ok(());
            }
            _ => {
                self.input.at = start;
                if let Some(text) = class::escaped(&mut self.input, self.flags.fold)? {
                    self.leaf(text);
                } else {
                    let code = class::character(&mut self.input)?;
                    match char::from_u32(code) {
                        Some(c) => self.literal(c),
                        None => self.leaf(class::NEVER),
                    }
                }
                return Ok(());
            }
        }
        self.input.next();
        Ok(())
    }

    fn open(&mut self, start: usize) -> Result<(), Fault> {
        if !self.input.take("?") {
            self.names.push(String::new());
            return self.enter(true, self.flags, start);
        }
        if self.input.take("P<") || self.input.take("<") {
            let from = self.input.at;
            let Some((name, _)) = self.input.rest().split_once('>') else {
                return Err(Fault::new(start, "missing > behind the group's name"));
            };
            let is_word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
            if name.is_empty() || !name.bytes().all(is_word) {
                return Err(Fault::new(
                    from,
                    format!(
                        "{name:?} cannot name a group: want ASCII letters, digits and underscores"
                    ),
                ));
            }
            self.input.at += name.len() + 1;
            self.names.push(name.to_owned());
            return self.enter(true, self.flags, start);
        }
        let (flags, opens) = self.read_flags(start)?;
        if opens {
            self.enter(false, flags, start)
        } else {
            self.flags = flags;
            Ok(())
        }
    }

    /// Reads `i-s:` or `i-s)`. Says whether a group opens.
    fn read_flags(&mut self, start: usize) -> Result<(Flags, bool), Fault> {
        let mut flags = self.flags;
        let mut value = true;
        // A minus must be followed by a flag.
        let mut is_complete = true;
        while let Some(c) = self.input.next() {
            match c {
                'i' => flags.fold = value,
                'm' => flags.multi_line = value,
                's' => flags.dot_all = value,
                'U' => flags.swap_greed = value,
                '-' if value => {
                    value = false;
                    is_complete = false;
                    continue;
                }
                ':' | ')' if is_complete => return Ok((flags, c == ':')),
                _ => break,
            }
            is_complete = true;
        }
        Err(Fault::new(
            start,
            format!(
                "{:?} begins no group: want (?:, (?P<name>, (?<name> or flags of i, m, s and U",
                self.input.since(start)
            ),
        ))
    }

    fn enter(&mut self, captures: bool, flags: Flags, start: usize) -> Result<(), Fault> {
        if self.outer.len() as u32 + 1 >= DEPTH_MAX {
            return Err(too_deep(start));
        }
        let frame = Frame::new(captures, self.flags, start);
        self.outer.push(std::mem::replace(&mut self.frame, frame));
        self.flags = flags;
        Ok(())
    }

    fn close(&mut self, start: usize) -> Result<(), Fault> {
        let Some(outer) = self.outer.pop() else {
            return Err(Fault::new(start, "unexpected )"));
        };
        self.frame.end_choice();
        let group = std::mem::replace(&mut self.frame, outer);
        self.flags = group.outer_flags;
        let (depth, copies, captures) = (group.depth + 1, group.copies, group.captures);
        if depth > DEPTH_MAX {
            return Err(too_deep(group.opened_at));
        }
        let inner = Box::new(group.into_node());
        self.push(Node::Group { captures, inner }, depth, copies);
        Ok(())
    }
}

fn too_deep(at: usize) -> Fault {
    Fault::new(
        at,
        format!("groups and repetitions nest more than {DEPTH_MAX} levels deep"),
    )
}

/// Reads `2}`, `2,}` or `2,3}` behind a brace, or nothing where it is none of these. Numbers have
/// no leading zeros; those too large for the type are as large as it can be.
fn counts(input: &mut Input<'_>) -> Option<(u32, Option<u32>)> {
    let (inner, _) = input.rest().split_once('}')?;
    let counts = match inner.split_once(',') {
        None => {
            let count = number(inner)?;
            (count, Some(count))
        }
        Some((min, "")) => (number(min)?, None),
        Some((min, max)) => (number(min)?, Some(number(max)?)),
    };
    input.at += inner.len() + 1;
    Some(counts)
}

fn number(digits: &str) -> Option<u32> {
    let is_number = !digits.is_empty()
        && digits.bytes().all(|b| b.is_ascii_digit())
        && (digits.len() == 1 || !digits.starts_with('0'));
    is_number.then(|| digits.parse().unwrap_or(u32::MAX))
}
