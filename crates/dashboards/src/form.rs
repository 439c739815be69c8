//! How values of the model are read from a tree and written into one, each key once for YAML and JSON.
//!
//! ## Model
//! A [`Form`] is read and written. `record!` makes a structure with its keys, `words!` a closed set of words,
//! `variants!` a choice of records that a key `kind` tells apart. Keys are `snake_case` in YAML and `camelCase` in JSON.
//!
//! ## Invariants
//! Reading never fails and never stops at the first problem: what is wrong is noted with path and place and reads as its
//! default. Unknown keys are refused. In YAML what has its default is not written; in JSON everything is, but what is
//! `None`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use bellwether_model::short;

use crate::node::{Node, NodeValue, Place};

/// Most bytes of a text. Chosen: the longest text of a panel that we have seen has 40 KiB.
pub const TEXT_BYTES_MAX: usize = 256 << 10;
/// Most items of a list. Chosen: a dashboard of 2,000 panels is of no use to anybody.
pub const ITEMS_MAX: usize = 2_000;
/// Most problems that are told of one dashboard.
pub const PROBLEMS_MAX: usize = 100;

/// In which notation keys are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// `camelCase`, everything written.
    Json,
    /// `snake_case`, short.
    Yaml,
}

impl Style {
    /// A key in this notation.
    #[must_use]
    pub fn key(self, snake: &'static str) -> Cow<'static, str> {
        if self == Self::Yaml || !snake.contains('_') {
            return Cow::Borrowed(snake);
        }
        let mut key = String::with_capacity(snake.len());
        for (index, word) in snake.split('_').enumerate() {
            let mut letters = word.chars();
            match letters.next() {
                Some(first) if index > 0 => key.push(first.to_ascii_uppercase()),
                Some(first) => key.push(first),
                None => {}
            }
            key.push_str(letters.as_str());
        }
        Cow::Owned(key)
    }
}

/// What is wrong with a dashboard.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where, in the text; line 0 where it is not known.
    pub place: Place,
    /// The way to it, such as `rows[0].panels[2].unit`.
    pub path: String,
    /// What is wrong, the value, what is allowed.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.place.line > 0 {
            write!(f, "{}:{}: ", self.place.line, self.place.column)?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

/// Walks down a tree and notes what is wrong.
#[derive(Debug)]
pub struct Reader {
    /// The notation of the tree.
    pub style: Style,
    path: Vec<String>,
    /// What was wrong so far.
    pub problems: Vec<Problem>,
}

impl Reader {
    /// A reader at the root.
    #[must_use]
    pub fn new(style: Style) -> Self {
        Self {
            style,
            path: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// Notes a problem at a node.
    pub fn refuse(&mut self, node: &Node, message: impl Into<String>) {
        self.note(node.place, message.into());
    }

    fn note(&mut self, place: Place, message: String) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(Problem {
                place,
                path: self.path.concat(),
                message,
            });
        }
    }

    /// Goes down to a key while `read` runs.
    pub fn at_key<T>(&mut self, key: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        let dot = if self.path.is_empty() { "" } else { "." };
        self.path.push(format!("{dot}{}", short(key)));
        let value = read(self);
        self.path.pop();
        value
    }

    /// Goes down to an item while `read` runs.
    pub fn at_index<T>(&mut self, index: usize, read: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(format!("[{index}]"));
        let value = read(self);
        self.path.pop();
        value
    }

    /// The entries of a mapping.
    pub fn mapping<'a>(&mut self, node: &'a Node) -> Option<&'a [(String, Node)]> {
        if let NodeValue::Mapping(entries) = &node.value {
            return Some(entries);
        }
        self.refuse(node, format!("{} given: want a mapping", node.describe()));
        None
    }

    /// Refuses keys that are none of these.
    pub fn only(&mut self, entries: &[(String, Node)], keys: &[&'static str]) {
        let style = self.style;
        for (key, value) in entries {
            if keys.iter().any(|known| style.key(known) == key.as_str()) {
                continue;
            }
            let known: Vec<Cow<'static, str>> = keys.iter().map(|known| style.key(known)).collect();
            let near = known
                .iter()
                .map(|known| {
                    (
                        strsim::damerau_levenshtein(known, &short(key).to_string()),
                        known,
                    )
                })
                .min()
                .filter(|(distance, _)| *distance <= 2)
                .map_or_else(String::new, |(_, known)| format!("; did you mean {known}?"));
            let message = format!("is no key here: want one of {}{near}", known.join(", "));
            self.at_key(key, |reader| reader.note(value.place, message));
        }
    }

    /// The text of a scalar.
    pub fn scalar<'a>(&mut self, node: &'a Node, want: &str) -> Option<&'a str> {
        if let NodeValue::Scalar { text, .. } = &node.value {
            return Some(text);
        }
        self.refuse(node, format!("{} given: want {want}", node.describe()));
        None
    }

    /// Reads what stands without quotes.
    fn parsed<T>(
        &mut self,
        node: &Node,
        want: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        if let NodeValue::Scalar { text, is_plain } = &node.value {
            if let Some(value) = parse(text).filter(|_| *is_plain) {
                return Some(value);
            }
            let quotes = if *is_plain || parse(text).is_none() {
                ""
            } else {
                ", without quotes"
            };
            self.refuse(
                node,
                format!("{} given: want {want}{quotes}", node.describe()),
            );
            return None;
        }
        self.refuse(node, format!("{} given: want {want}", node.describe()));
        None
    }
}

/// Types of the JSON as TypeScript has them: name to definition.
pub type Types = BTreeMap<&'static str, String>;

/// What is read from a tree and written into one.
pub trait Form: Sized + Default {
    /// Reads a value; what is wrong is noted.
    fn read(node: &Node, reader: &mut Reader) -> Self;

    /// Writes a value; `None` where there is nothing to be written.
    fn write(&self, style: Style) -> Option<Node>;

    /// What it is called in TypeScript; defines what it is made of.
    fn describe(types: &mut Types) -> String;

    /// Whether its key may be missing from what is written as JSON.
    const IS_OPTIONAL: bool = false;
}

impl Form for String {
    fn read(node: &Node, reader: &mut Reader) -> Self {
        let Some(text) = reader.scalar(node, "a text") else {
            return Self::new();
        };
        if text.len() > TEXT_BYTES_MAX {
            let message = format!(
                "{} bytes given: want a text of at most {TEXT_BYTES_MAX}",
                text.len()
            );
            reader.refuse(node, message);
            return Self::new();
        }
        text.to_owned()
    }

    fn write(&self, _style: Style) -> Option<Node> {
        Some(Node::text(self.as_str()))
    }

    fn describe(_types: &mut Types) -> String {
        "string".to_owned()
    }
}

impl Form for bool {
    fn read(node: &Node, reader: &mut Reader) -> Self {
        let is = |text: &str| match text {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        };
        reader.parsed(node, "true or false", is).unwrap_or_default()
    }

    fn write(&self, _style: Style) -> Option<Node> {
        Some(Node::plain(self.to_string()))
    }

    fn describe(_types: &mut Types) -> String {
        "boolean".to_owned()
    }
}

impl Form for u32 {
    fn read(node: &Node, reader: &mut Reader) -> Self {
        let parse = |text: &str| text.parse().ok();
        let want = "a whole number, at least 0";
        reader.parsed(node, want, parse).unwrap_or_default()
    }

    fn write(&self, _style: Style) -> Option<Node> {
        Some(Node::plain(self.to_string()))
    }

    fn describe(_types: &mut Types) -> String {
        "number".to_owned()
    }
}

impl Form for f64 {
    fn read(node: &Node, reader: &mut Reader) -> Self {
        let parse = |text: &str| text.parse().ok().filter(|number: &Self| number.is_finite());
        reader.parsed(node, "a number", parse).unwrap_or_default()
    }

    fn write(&self, _style: Style) -> Option<Node> {
        let text = format!("{self:?}");
        Some(Node::plain(text.strip_suffix(".0").unwrap_or(&text)))
    }

    fn describe(_types: &mut Types) -> String {
        "number".to_owned()
    }
}

impl<T: Form> Form for Option<T> {
    fn read(node: &Node, reader: &mut Reader) -> Self {
        (!node.is_null()).then(|| T::read(node, reader))
    }

    fn write(&self, style: Style) -> Option<Node> {
        self.as_ref().and_then(|value| value.write(style))
    }

    fn describe(types: &mut Types) -> String {
        T::describe(types)
    }

    const IS_OPTIONAL: bool = true;
}

impl<T: Form> Form for Vec<T> {
    fn read(node: &Node, reader: &mut Reader) -> Self {
        let NodeValue::List(items) = &node.value else {
            reader.refuse(node, format!("{} given: want a list", node.describe()));
            return Self::new();
        };
        if items.len() > ITEMS_MAX {
            let message = format!("{} items given: want at most {ITEMS_MAX}", items.len());
            reader.refuse(node, message);
            return Self::new();
        }
        let items = items.iter().enumerate();
        items
            .map(|(index, item)| reader.at_index(index, |reader| T::read(item, reader)))
            .collect()
    }

    fn write(&self, style: Style) -> Option<Node> {
        let items = self.iter().filter_map(|item| item.write(style));
        Some(Node::new(NodeValue::List(items.collect())))
    }

    fn describe(types: &mut Types) -> String {
        format!("{}[]", T::describe(types))
    }
}

/// Names and texts, by name: objects of JSON have no order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pairs(pub Vec<(String, String)>);

impl Pairs {
    /// These pairs; of those with one name the first counts.
    #[must_use]
    pub fn of(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut pairs: Vec<(String, String)> = pairs.into_iter().collect();
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        pairs.dedup_by(|a, b| a.0 == b.0);
        Self(pairs)
    }
}

impl Form for Pairs {
    fn read(node: &Node, reader: &mut Reader) -> Self {
        let Some(entries) = reader.mapping(node) else {
            return Self::default();
        };
        if entries.len() > ITEMS_MAX {
            let message = format!("{} entries given: want at most {ITEMS_MAX}", entries.len());
            reader.refuse(node, message);
            return Self::default();
        }
        let pairs = entries.iter().map(|(key, value)| {
            let text = reader.at_key(key, |reader| String::read(value, reader));
            (key.clone(), text)
        });
        Self::of(pairs)
    }

    fn write(&self, _style: Style) -> Option<Node> {
        let entries = self.0.iter();
        let entries = entries.map(|(key, value)| (key.clone(), Node::text(value)));
        Some(Node::new(NodeValue::Mapping(entries.collect())))
    }

    fn describe(_types: &mut Types) -> String {
        "Record<string, string>".to_owned()
    }
}

/// A structure, its keys and what they are where nothing is said.
macro_rules! record {
    (
        $(#[doc = $doc:literal])*
        $name:ident $(($($option:ident = $hook:path),*))? $(also $also:expr)? => {
            $($(#[doc = $field_doc:literal])* $field:ident: $type:ty = $default:expr,)*
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {
            $($(#[doc = $field_doc])* pub $field: $type,)*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        impl $name {
            /// Its keys.
            pub const KEYS: &'static [&'static str] = &[$(stringify!($field)),*];
        }

        impl $crate::form::Form for $name {
            fn read(node: &$crate::node::Node, reader: &mut $crate::form::Reader) -> Self {
                let node = std::borrow::Cow::Borrowed(node);
                $($(let node = $crate::form::hook!($option, $hook, node, reader);)*)?
                let Some(entries) = reader.mapping(&node) else {
                    return Self::default();
                };
                let also: &[&'static str] = $crate::form::also!($($also)?);
                if also.is_empty() {
                    reader.only(entries, Self::KEYS);
                } else {
                    let keys: Vec<&'static str> = Self::KEYS.iter().chain(also).copied().collect();
                    reader.only(entries, &keys);
                }
                Self {
                    $($field: {
                        let key = reader.style.key(stringify!($field));
                        match node.get(&key) {
                            Some(value) => reader.at_key(&key, |reader| {
                                <$type as $crate::form::Form>::read(value, reader)
                            }),
                            None => $default,
                        }
                    },)*
                }
            }

            fn write(&self, style: $crate::form::Style) -> Option<$crate::node::Node> {
                let mut entries = Vec::new();
                let blank = Self::default();
                $(if style == $crate::form::Style::Json || self.$field != blank.$field {
                    if let Some(value) = $crate::form::Form::write(&self.$field, style) {
                        entries.push((style.key(stringify!($field)).into_owned(), value));
                    }
                })*
                let node = $crate::node::Node::new($crate::node::NodeValue::Mapping(entries));
                $($(let node = $crate::form::finish!($option, $hook, node, self, style);)*)?
                Some(node)
            }

            fn describe(types: &mut $crate::form::Types) -> String {
                if !types.contains_key(stringify!($name)) {
                    types.insert(stringify!($name), String::new());
                    let mut text = String::from("{\n");
                    $({
                        let of = <$type as $crate::form::Form>::describe(types);
                        let is_optional = <$type as $crate::form::Form>::IS_OPTIONAL;
                        let key = $crate::form::Style::Json.key(stringify!($field));
                        let doc: &[&str] = &[$($field_doc),*];
                        $crate::form::describe_field(&mut text, doc, &key, is_optional, &of);
                    })*
                    text.push('}');
                    types.insert(stringify!($name), text);
                }
                stringify!($name).to_owned()
            }
        }
    };
}

/// Keys that a record has beside its own.
macro_rules! also {
    () => {
        &[]
    };
    ($keys:expr) => {
        $keys
    };
}

/// What a record does with its node before it is read.
macro_rules! hook {
    (prepare, $hook:path, $node:ident, $reader:ident) => {
        $hook($node, $reader)
    };
    (finish, $hook:path, $node:ident, $reader:ident) => {
        $node
    };
}

/// What a record does with its node after it was written.
macro_rules! finish {
    (prepare, $hook:path, $node:ident, $self:ident, $style:ident) => {
        $node
    };
    (finish, $hook:path, $node:ident, $self:ident, $style:ident) => {
        $hook($self, $node, $style)
    };
}

/// A closed set of words; the first is the one where nothing is said.
macro_rules! words {
    (
        $(#[doc = $doc:literal])*
        $name:ident => {
            $(#[doc = $first_doc:literal])* $first:ident = $first_word:literal,
            $($(#[doc = $word_doc:literal])* $variant:ident = $word:literal,)*
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub enum $name {
            $(#[doc = $first_doc])* #[default] $first,
            $($(#[doc = $word_doc])* $variant,)*
        }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[Self::$first, $(Self::$variant),*];

            /// Its word.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    Self::$first => $first_word,
                    $(Self::$variant => $word,)*
                }
            }
        }

        impl $crate::form::Form for $name {
            fn read(node: &$crate::node::Node, reader: &mut $crate::form::Reader) -> Self {
                let words: Vec<&str> = Self::ALL.iter().map(|it| it.as_str()).collect();
                let want = format!("one of {}", words.join(", "));
                let Some(text) = reader.scalar(node, &want) else {
                    return Self::default();
                };
                let found = Self::ALL.iter().find(|it| it.as_str() == text);
                if found.is_none() {
                    reader.refuse(node, format!("{} given: want {want}", node.describe()));
                }
                found.copied().unwrap_or_default()
            }

            fn write(&self, _style: $crate::form::Style) -> Option<$crate::node::Node> {
                Some($crate::node::Node::text(self.as_str()))
            }

            fn describe(types: &mut $crate::form::Types) -> String {
                let words: Vec<String> = Self::ALL.iter().map(|it| format!("{:?}", it.as_str())).collect();
                types.insert(stringify!($name), words.join(" | "));
                stringify!($name).to_owned()
            }
        }
    };
}

/// A choice of records that the key `kind` tells apart.
macro_rules! variants {
    (
        $(#[doc = $doc:literal])*
        $name:ident => { $($(#[doc = $variant_doc:literal])* $variant:ident($record:ident) = $word:literal,)* }
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub enum $name {
            $($(#[doc = $variant_doc])* $variant($record),)*
        }

        impl $name {
            /// The words that tell them apart.
            pub const KINDS: &'static [&'static str] = &[$($word),*];

            /// Its word.
            #[must_use]
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $word,)*
                }
            }
        }

        impl $crate::form::Form for $name {
            fn read(node: &$crate::node::Node, reader: &mut $crate::form::Reader) -> Self {
                let Some((kind, rest)) = $crate::form::kind_of(node, reader, Self::KINDS) else {
                    return Self::default();
                };
                match kind.as_str() {
                    $($word => Self::$variant(<$record as $crate::form::Form>::read(&rest, reader)),)*
                    _ => Self::default(),
                }
            }

            fn write(&self, style: $crate::form::Style) -> Option<$crate::node::Node> {
                let mut node = match self {
                    $(Self::$variant(of) => $crate::form::Form::write(of, style),)*
                }?;
                if let $crate::node::NodeValue::Mapping(entries) = &mut node.value {
                    entries.insert(0, ("kind".to_owned(), $crate::node::Node::text(self.kind())));
                }
                Some(node)
            }

            fn describe(types: &mut $crate::form::Types) -> String {
                let all = [$({
                    let of = <$record as $crate::form::Form>::describe(types);
                    format!("({{ kind: {:?} }} & {of})", $word)
                }),*];
                types.insert(stringify!($name), all.join("\n  | "));
                stringify!($name).to_owned()
            }
        }
    };
}

pub(crate) use {also, finish, hook, record, variants, words};

/// Writes a key of an interface.
pub(crate) fn describe_field(
    text: &mut String,
    doc: &[&str],
    key: &str,
    is_optional: bool,
    of: &str,
) {
    for line in doc {
        text.push_str("  //");
        text.push_str(line);
        text.push('\n');
    }
    let mark = if is_optional { "?" } else { "" };
    text.push_str(&format!("  {key}{mark}: {of};\n"));
}

/// The kind of a choice, and what stands beside it.
pub(crate) fn kind_of(node: &Node, reader: &mut Reader, kinds: &[&str]) -> Option<(String, Node)> {
    let entries = reader.mapping(node)?;
    let want = format!("one of {}", kinds.join(", "));
    let Some(kind) = node.get("kind") else {
        reader.refuse(node, format!("has no kind: want {want}"));
        return None;
    };
    let text = reader.at_key("kind", |reader| {
        let text = reader.scalar(kind, &want)?;
        if !kinds.contains(&text) {
            reader.refuse(kind, format!("{} given: want {want}", kind.describe()));
            return None;
        }
        Some(text.to_owned())
    })?;
    let rest = entries.iter().filter(|(key, _)| key != "kind").cloned();
    let rest = Node {
        value: NodeValue::Mapping(rest.collect()),
        place: node.place,
    };
    Some((text, rest))
}
