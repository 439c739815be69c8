//! From a text to trees of nodes.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use base64::Engine as _;
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Tag};

use super::{Entry, Hex, Node, NodePath, NodeValue, Position, Scalar};

/// Most bytes of one file.
pub const SOURCE_BYTES_MAX: usize = 16 << 20;
/// Deepest nesting of lists and mappings.
pub const DEPTH_MAX: usize = 64;
/// Most nodes of one file after aliases are expanded.
pub const NODES_MAX: usize = 600_000;
/// Longest key.
pub const KEY_BYTES_MAX: usize = 4096;

/// Why a text is not YAML that we read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct YamlError {
    /// Where.
    pub position: Position,
    /// The way there, as far as it is known.
    pub path: NodePath,
    /// What.
    pub message: String,
}

/// What [`read`] gives back.
#[derive(Debug, Clone)]
pub struct Document {
    /// The tree; an empty file gives an empty scalar.
    pub root: Node,
    /// Where a second document begins, which is not read.
    pub second_document: Option<Position>,
}

/// Reads the first document of a text.
///
/// # Errors
/// Where the text is not YAML, breaks a limit, or has a key twice in one mapping (one error for
/// each).
pub fn read(source: &str) -> Result<Document, Vec<YamlError>> {
    let mut stream = read_stream(source, Which::First)?;
    Ok(Document {
        root: stream.roots.swap_remove(0),
        second_document: stream.second_document,
    })
}

/// Reads all documents of a text, at least one: that of a text without any is an empty scalar.
///
/// # Errors
/// As [`read`], for the first document that cannot be read.
pub fn read_all(source: &str) -> Result<Vec<Node>, Vec<YamlError>> {
    Ok(read_stream(source, Which::All)?.roots)
}

/// Which documents of a text are read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    First,
    All,
}

/// What was read of a text.
struct Stream {
    /// At least one.
    roots: Vec<Node>,
    /// Where one begins that is not read.
    second_document: Option<Position>,
}

fn read_stream(source: &str, which: Which) -> Result<Stream, Vec<YamlError>> {
    let fail = |position: Position, message: String| {
        vec![YamlError {
            position,
            path: NodePath::default(),
            message,
        }]
    };
    if source.len() > SOURCE_BYTES_MAX {
        let message = format!(
            "file of {} bytes: at most {SOURCE_BYTES_MAX} are read",
            source.len()
        );
        return Err(fail(Position { line: 1, column: 1 }, message));
    }
    let mut text = Cow::Borrowed(source.strip_prefix('\u{feff}').unwrap_or(source));
    let mut budget_bytes = RELAXED_BYTES_MAX;
    let mut shifts = Shifts::default();
    loop {
        match read_once(&text, which, &shifts) {
            Ok(stream) => return Ok(stream),
            Err(Fault::Yaml(errors)) => return Err(errors),
            Err(Fault::Scan(error)) => {
                let relaxed = if budget_bytes < text.len() {
                    None
                } else {
                    match error.info() {
                        UNINDENTED_QUOTE => indent_quoted(&text, error.marker(), &mut shifts),
                        info if UNINDENTED_FLOW.contains(&info) => {
                            Some(indent_flow(&text, error.marker(), &mut shifts))
                        }
                        _ => None,
                    }
                };
                let Some(relaxed) = relaxed else {
                    let message = format!("not valid YAML: {}", error.info());
                    return Err(fail(shifts.position(*error.marker()), message));
                };
                budget_bytes -= text.len();
                text = Cow::Owned(relaxed);
            }
        }
    }
}

/// What the parser says of a quoted text whose further lines are not indented, and of a list in
/// brackets whose lines are not. YAML forbids both, Prometheus' reader takes them, and many files
/// have them.
const UNINDENTED_QUOTE: &str = "invalid indentation in quoted scalar";
const UNINDENTED_FLOW: [&str; 2] = [
    "invalid indentation",
    "invalid indentation in flow construct",
];

/// Most bytes that are parsed again after such lines are indented: chosen, 200 of them in the
/// largest rule file that we know.
const RELAXED_BYTES_MAX: usize = 64 << 20;

/// How far lines were indented, so that places are told as they stand in the file.
#[derive(Default)]
struct Shifts(HashMap<usize, usize>);

impl Shifts {
    fn position(&self, marker: Marker) -> Position {
        let mut position = Position::of(marker);
        if let Some(shift) = self.0.get(&position.line) {
            position.column = position.column.saturating_sub(*shift).max(1);
        }
        position
    }
}

impl Position {
    fn of(marker: Marker) -> Self {
        Self {
            line: marker.line(),
            column: marker.col() + 1,
        }
    }
}

enum Fault {
    Scan(ScanError),
    Yaml(Vec<YamlError>),
}

fn read_once(source: &str, which: Which, shifts: &Shifts) -> Result<Stream, Fault> {
    let mut builder = Builder {
        reads_all: which == Which::All,
        ..Builder::default()
    };
    for event in Parser::new_from_str(source) {
        let (event, span) = event.map_err(Fault::Scan)?;
        let position = shifts.position(span.start);
        match builder.on_event(event, position) {
            Ok(Progress::More) => {}
            Ok(Progress::Done) => break,
            Err(message) => {
                return Err(Fault::Yaml(vec![YamlError {
                    position,
                    path: NodePath::default(),
                    message,
                }]));
            }
        }
    }
    if !builder.duplicates.is_empty() {
        return Err(Fault::Yaml(builder.duplicates));
    }
    let mut roots = builder.earlier;
    roots.extend(builder.root);
    if roots.is_empty() {
        let start = Position { line: 1, column: 1 };
        roots.push(Node::new(Node::plain("").value, start));
    }
    for root in &mut roots {
        root.assign_paths(NodePath::default());
    }
    Ok(Stream {
        roots,
        second_document: builder.second_document,
    })
}

/// Indents the further lines of the quoted text that begins at a mark, which changes nothing of
/// its meaning: white space at the beginning of such lines is dropped. None where no quote is.
fn indent_quoted(source: &str, start: &Marker, shifts: &mut Shifts) -> Option<String> {
    let mut line = start.line();
    let shift = start.col() + 1;
    let mut chars = source.chars();
    let mut out: String = chars.by_ref().take(start.index()).collect();
    let quote = chars.next().filter(|c| matches!(c, '"' | '\''))?;
    out.push(quote);
    while let Some(c) = chars.next() {
        out.push(c);
        match c {
            '\n' => {
                line += 1;
                *shifts.0.entry(line).or_default() += shift;
                out.extend(std::iter::repeat_n(' ', shift));
            }
            '\\' if quote == '"' && !chars.as_str().starts_with('\n') => out.extend(chars.next()),
            c if c == quote && quote == '\'' && chars.as_str().starts_with('\'') => {
                out.extend(chars.next());
            }
            c if c == quote => break,
            _ => {}
        }
    }
    out.push_str(chars.as_str());
    Some(out)
}

/// Indents the line inside of brackets that has its first text at a mark; white space means
/// nothing there.
fn indent_flow(source: &str, start: &Marker, shifts: &mut Shifts) -> String {
    // Deeper than any block around it is: nesting is bounded, and people indent by two to four.
    const SHIFT: usize = 4 * DEPTH_MAX;
    *shifts.0.entry(start.line()).or_default() += SHIFT;
    let mut chars = source.chars();
    let mut out: String = chars.by_ref().take(start.index()).collect();
    out.extend(std::iter::repeat_n(' ', SHIFT));
    out.push_str(chars.as_str());
    out
}

#[derive(PartialEq, Eq)]
enum Progress {
    More,
    Done,
}

/// An anchored node with what it costs to repeat it.
struct Anchored {
    node: Node,
    node_count: usize,
    height: usize,
}

enum Frame {
    List {
        position: Position,
        anchor: usize,
        items: Vec<Node>,
        size: Size,
    },
    Mapping {
        position: Position,
        anchor: usize,
        entries: Vec<Entry>,
        seen: HashSet<Arc<str>>,
        merged: Vec<Node>,
        key: Option<(Key, Position)>,
        size: Size,
    },
}

enum Key {
    Name(Arc<str>),
    Merge,
}

/// Nodes in a subtree, and how deep it goes.
#[derive(Clone, Copy, Default)]
struct Size {
    node_count: usize,
    height: usize,
}

impl Size {
    fn with(&mut self, child: Self) {
        self.node_count += child.node_count;
        self.height = self.height.max(child.height + 1);
    }
}

#[derive(Default)]
struct Builder {
    reads_all: bool,
    frames: Vec<Frame>,
    anchors: HashMap<usize, Anchored>,
    node_count: usize,
    /// Documents before the one that is being read.
    earlier: Vec<Node>,
    root: Option<Node>,
    second_document: Option<Position>,
    duplicates: Vec<YamlError>,
}

impl Builder {
    fn on_event(&mut self, event: Event<'_>, position: Position) -> Result<Progress, String> {
        match event {
            Event::Nothing | Event::StreamStart | Event::DocumentEnd => {}
            Event::StreamEnd => return Ok(Progress::Done),
            Event::DocumentStart(_) => {
                if self.root.is_some() && !self.reads_all {
                    self.second_document = Some(position);
                    return Ok(Progress::Done);
                }
                self.earlier.extend(self.root.take());
                self.anchors.clear();
            }
            Event::Alias(anchor) => self.alias(anchor, position)?,
            Event::Scalar(text, style, anchor, tag) => {
                let scalar = scalar(&text, style, tag.as_deref())?;
                let is_merge = scalar.is_plain && &*scalar.text == "<<";
                let node = Node::new(NodeValue::Scalar(scalar), position);
                let size = Size {
                    node_count: 1,
                    height: 0,
                };
                self.count(1)?;
                self.anchor(anchor, &node, size)?;
                self.add(node, size, is_merge)?;
            }
            Event::SequenceStart(anchor, _) => self.push(Frame::List {
                position,
                anchor,
                items: Vec::new(),
                size: Size::default(),
            })?,
            Event::MappingStart(anchor, _) => self.push(Frame::Mapping {
                position,
                anchor,
                entries: Vec::new(),
                seen: HashSet::new(),
                merged: Vec::new(),
                key: None,
                size: Size::default(),
            })?,
            Event::SequenceEnd | Event::MappingEnd => self.pop()?,
        }
        Ok(Progress::More)
    }

    fn count(&mut self, more: usize) -> Result<(), String> {
        self.node_count += more;
        if self.node_count > NODES_MAX {
            return Err(format!(
                "more than {NODES_MAX} values after aliases are expanded"
            ));
        }
        Ok(())
    }

    fn push(&mut self, frame: Frame) -> Result<(), String> {
        self.count(1)?;
        if self.frames.len() >= DEPTH_MAX {
            return Err(format!("lists and mappings nest deeper than {DEPTH_MAX}"));
        }
        self.frames.push(frame);
        Ok(())
    }

    fn pop(&mut self) -> Result<(), String> {
        let (node, anchor, mut size) = match self.frames.pop() {
            Some(Frame::List {
                position,
                anchor,
                items,
                size,
            }) => (Node::new(NodeValue::List(items), position), anchor, size),
            Some(Frame::Mapping {
                position,
                anchor,
                mut entries,
                mut seen,
                merged,
                size,
                ..
            }) => {
                for source in merged {
                    merge(source, &mut entries, &mut seen)?;
                }
                let node = Node::new(NodeValue::Mapping(entries), position);
                (node, anchor, size)
            }
            None => return Ok(()),
        };
        size.node_count += 1;
        self.anchor(anchor, &node, size)?;
        self.add(node, size, false)
    }

    fn anchor(&mut self, anchor: usize, node: &Node, size: Size) -> Result<(), String> {
        if anchor == 0 {
            return Ok(());
        }
        self.count(size.node_count)?;
        self.anchors.insert(
            anchor,
            Anchored {
                node: node.clone(),
                node_count: size.node_count,
                height: size.height,
            },
        );
        Ok(())
    }

    fn alias(&mut self, anchor: usize, position: Position) -> Result<(), String> {
        let Some(anchored) = self.anchors.get(&anchor) else {
            return Err("an alias stands inside of the value that it names".to_owned());
        };
        let size = Size {
            node_count: anchored.node_count,
            height: anchored.height,
        };
        let mut node = anchored.node.clone();
        // An error is of more use where the alias stands than where the anchor does.
        node.position = position;
        if self.frames.len() + size.height > DEPTH_MAX {
            return Err(format!("lists and mappings nest deeper than {DEPTH_MAX}"));
        }
        self.count(size.node_count)?;
        self.add(node, size, false)
    }

    fn add(&mut self, node: Node, size: Size, is_merge: bool) -> Result<(), String> {
        match self.frames.last_mut() {
            None => self.root = Some(node),
            Some(Frame::List {
                items, size: total, ..
            }) => {
                total.with(size);
                items.push(node);
            }
            Some(Frame::Mapping {
                entries,
                seen,
                merged,
                key,
                size: total,
                ..
            }) => {
                total.with(size);
                match key.take() {
                    None => *key = Some(read_key(node, is_merge)?),
                    Some((Key::Merge, _)) => merged.push(node),
                    Some((Key::Name(name), position)) => {
                        if seen.insert(Arc::clone(&name)) {
                            entries.push(Entry {
                                key: name,
                                position,
                                value: node,
                            });
                        } else {
                            self.duplicates.push(YamlError {
                                position,
                                path: NodePath::default().key(name),
                                message: "key is there twice in this mapping; keep one".to_owned(),
                            });
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

fn read_key(node: Node, is_merge: bool) -> Result<(Key, Position), String> {
    let position = node.position;
    match node.value {
        NodeValue::Scalar(_) if is_merge => Ok((Key::Merge, position)),
        NodeValue::Scalar(scalar) if scalar.text.len() > KEY_BYTES_MAX => Err(format!(
            "key of {} bytes: at most {KEY_BYTES_MAX} are allowed",
            scalar.text.len()
        )),
        NodeValue::Scalar(Scalar {
            bytes: Some(bytes), ..
        }) => Err(format!("key {:?} is not valid UTF-8", Hex(&bytes))),
        NodeValue::Scalar(scalar) => Ok((Key::Name(scalar.text), position)),
        NodeValue::List(_) | NodeValue::Mapping(_) => {
            Err("a key must be a text, not a list or a mapping; a template placeholder such as {{ x }} needs quotes".to_owned())
        }
    }
}

fn merge(
    source: Node,
    entries: &mut Vec<Entry>,
    seen: &mut HashSet<Arc<str>>,
) -> Result<(), String> {
    match source.value {
        NodeValue::Mapping(merged) => {
            for entry in merged {
                if seen.insert(Arc::clone(&entry.key)) {
                    entries.push(entry);
                }
            }
            Ok(())
        }
        NodeValue::List(items) => items
            .into_iter()
            .try_for_each(|item| merge(item, entries, seen)),
        NodeValue::Scalar(_) => {
            Err("a merge key (<<) takes a mapping or a list of mappings".to_owned())
        }
    }
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Scalar, String> {
    let core = tag
        .filter(|tag| tag.is_yaml_core_schema())
        .map(|tag| tag.suffix.as_str());
    if core == Some("binary") {
        let compact: String = text.split_whitespace().collect();
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(compact)
            .map_err(|_| "!!binary value is not valid base64".to_owned())?;
        return Ok(match String::from_utf8(bytes) {
            Ok(text) => Scalar {
                text: text.into(),
                is_plain: false,
                bytes: None,
            },
            Err(error) => Scalar {
                text: String::from_utf8_lossy(error.as_bytes()).into(),
                is_plain: false,
                bytes: Some(error.into_bytes().into()),
            },
        });
    }
    Ok(Scalar {
        text: text.into(),
        is_plain: style == ScalarStyle::Plain && core != Some("str"),
        bytes: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(source: &str) -> Node {
        read(source).unwrap().root
    }

    fn scalar_at<'a>(node: &'a Node, keys: &[&str]) -> &'a str {
        let node = keys.iter().fold(node, |node, key| node.get(key).unwrap());
        match &node.value {
            NodeValue::Scalar(scalar) => &scalar.text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn all_documents_are_read_where_asked() {
        let source = "---\n# nothing\n---\na: &x 1\n---\nb: 2\n...\n---\nc: 3\n";
        let roots = read_all(source).unwrap();
        assert_eq!(roots.len(), 4);
        assert!(roots[0].is_null());
        assert_eq!(scalar_at(&roots[1], &["a"]), "1");
        let last = roots[3].get("c").unwrap();
        assert_eq!(
            (last.position.line, last.path.to_string().as_str()),
            (9, "c")
        );
        assert!(read_all("").unwrap()[0].is_null());
        let one = read(source).unwrap();
        assert!(one.root.is_null());
        assert_eq!(one.second_document, Some(Position { line: 3, column: 1 }));
        // Anchors end with their document.
        assert!(read_all("a: &x 1\n---\nb: *x\n").is_err());
    }

    #[test]
    fn merge_keys_give_way_to_written_ones() {
        let tree = root(
            "base: &base {x: 1, y: 2}\nother: &other {y: 3, z: 4}\none:\n  <<: *base\n  x: 9\nmany:\n  <<: [*base, *other]\n",
        );
        assert_eq!(scalar_at(&tree, &["one", "x"]), "9");
        assert_eq!(scalar_at(&tree, &["one", "y"]), "2");
        assert_eq!(scalar_at(&tree, &["many", "y"]), "2");
        assert_eq!(scalar_at(&tree, &["many", "z"]), "4");
    }

    #[test]
    fn keys_that_are_there_twice_are_all_reported() {
        let errors = read("a: 1\nb: {c: 1, c: 2}\na: 2\n").unwrap_err();
        let places: Vec<_> = errors
            .iter()
            .map(|e| (e.position.line, e.path.to_string()))
            .collect();
        assert_eq!(places, [(2, "c".to_owned()), (3, "a".to_owned())]);
    }

    #[test]
    fn aliases_of_aliases_are_bounded() {
        let mut source = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            let before = format!("*a{}", level - 1);
            let items = vec![before; 10].join(", ");
            source.push_str(&format!("a{level}: &a{level} [{items}]\n"));
        }
        let errors = read(&source).unwrap_err();
        assert!(errors[0].message.contains("more than"), "{errors:?}");
    }

    #[test]
    fn nesting_is_bounded() {
        let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
        let errors = read(&deep).unwrap_err();
        assert!(errors[0].message.contains("deeper"), "{errors:?}");
        let deeper = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(read(&deeper).is_err());
        let mut chained = String::from("a0: &a0 [x]\n");
        for level in 1..100 {
            chained.push_str(&format!("a{level}: &a{level} [*a{}]\n", level - 1));
        }
        let errors = read(&chained).unwrap_err();
        assert!(errors[0].message.contains("deeper"), "{errors:?}");
    }

    #[test]
    fn an_alias_of_its_own_parent_is_refused() {
        assert!(read("a: &a [*a]\n").is_err());
    }

    #[test]
    fn only_the_first_document_is_read() {
        let document = read("a: 1\n---\nb: 2\n").unwrap();
        assert!(document.root.get("a").is_some() && document.root.get("b").is_none());
        assert_eq!(document.second_document.map(|p| p.line), Some(2));
    }

    #[test]
    fn further_lines_of_quoted_texts_need_no_indent() {
        let tree = root(
            "a:\n  b:\n    c: \"one \\\" two\n  three\\\n  four\n\n  five\"\n    d: 'it''s\nme'\n    e: x\n",
        );
        assert_eq!(
            scalar_at(&tree, &["a", "b", "c"]),
            "one \" two threefour\nfive"
        );
        assert_eq!(scalar_at(&tree, &["a", "b", "d"]), "it's me");
        assert_eq!(scalar_at(&tree, &["a", "b", "e"]), "x");
        assert!(read("a:\n  b:\n    c: \"one\n two").is_err());
    }

    #[test]
    fn what_people_write_is_read() {
        let list = |source: &str| {
            let tree = root(source);
            match &tree.get("a").unwrap().get("b").unwrap().value {
                NodeValue::List(items) => items.len(),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(list("a:\n  b: [\n    'x',\n    'y',\n  ]\n"), 2);
        assert_eq!(list("a:\n  b: [\n'x',\n'y'\n]\n"), 2);
        assert_eq!(list("a:\r\n  b:\r\n  - x\r\n  - y\r\n"), 2);
        assert_eq!(
            list("---\na:\n  b:   # why\n  - x#1\n  - 'y: z'\t# tab\n...\n"),
            2
        );
        assert_eq!(list("a: {b: [x, y], c: {}}\n"), 2);
        assert_eq!(list("a: {\"b\":[\"x\",\"y\"]}\n"), 2);
    }

    #[test]
    fn empty_files_are_null() {
        assert!(root("").is_null());
        assert!(root("# nothing\n").is_null());
        assert!(root("\u{feff}").is_null());
    }
}
