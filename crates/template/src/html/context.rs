//! Where in a page a parser would be.

use std::fmt;

/// Where in a page something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Context {
    pub(super) state: State,
    /// What ends the value of the attribute.
    pub(super) delimiter: Delimiter,
    pub(super) url_part: UrlPart,
    pub(super) slash: Slash,
    pub(super) attribute: Attribute,
    pub(super) element: Element,
    pub(super) braces: Braces,
}

/// What the parser is reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) enum State {
    #[default]
    Text,
    /// Before an attribute or the end of a tag.
    Tag,
    AttributeName,
    AfterName,
    BeforeValue,
    HtmlComment,
    /// The text of a `textarea` or `title`.
    RcData,
    /// The value of an attribute that is plain text.
    AttributeValue,
    Url,
    SrcSet,
    Js,
    JsDoubleQuoted,
    JsSingleQuoted,
    JsTemplate,
    JsRegexp,
    JsBlockComment,
    JsLineComment,
    JsHtmlOpenComment,
    JsHtmlCloseComment,
    Css,
    CssDoubleQuoted,
    CssSingleQuoted,
    CssDoubleQuotedUrl,
    CssSingleQuotedUrl,
    CssUrl,
    CssBlockComment,
    CssLineComment,
    /// Behind a `break` or `continue`.
    Dead,
}

impl State {
    /// Whether this is for readers of the source only.
    pub(super) fn is_comment(self) -> bool {
        matches!(
            self,
            Self::HtmlComment
                | Self::JsBlockComment
                | Self::JsLineComment
                | Self::JsHtmlOpenComment
                | Self::JsHtmlCloseComment
                | Self::CssBlockComment
                | Self::CssLineComment
        )
    }

    pub(super) fn is_in_tag(self) -> bool {
        matches!(
            self,
            Self::Tag
                | Self::AttributeName
                | Self::AfterName
                | Self::BeforeValue
                | Self::AttributeValue
        )
    }

    pub(super) fn is_js_literal(self) -> bool {
        matches!(
            self,
            Self::JsDoubleQuoted | Self::JsSingleQuoted | Self::JsTemplate | Self::JsRegexp
        )
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) enum Delimiter {
    /// Not in the value of an attribute.
    #[default]
    None,
    DoubleQuote,
    SingleQuote,
    SpaceOrTagEnd,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) enum UrlPart {
    /// At the start of a URL, or in none.
    #[default]
    None,
    /// In the scheme, the host or the path.
    BeforeQuery,
    QueryOrFragment,
    /// Branches differ.
    Unknown,
}

/// What a slash means in JavaScript.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) enum Slash {
    #[default]
    Regexp,
    Division,
    /// Branches differ.
    Unknown,
}

/// What the value of an attribute is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) enum Attribute {
    #[default]
    Plain,
    Script,
    /// The type of a script, which decides what the script is.
    ScriptType,
    Style,
    Url,
    SrcSet,
}

impl Attribute {
    /// What its value begins as.
    pub(super) fn start(self) -> State {
        match self {
            Self::Plain | Self::ScriptType => State::AttributeValue,
            Self::Script => State::Js,
            Self::Style => State::Css,
            Self::Url => State::Url,
            Self::SrcSet => State::SrcSet,
        }
    }
}

/// Elements whose content is no HTML.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) enum Element {
    #[default]
    Other,
    Script,
    Style,
    TextArea,
    Title,
}

impl Element {
    pub(super) fn named(name: &[u8]) -> Self {
        let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
        if is("script") {
            Self::Script
        } else if is("style") {
            Self::Style
        } else if is("textarea") {
            Self::TextArea
        } else if is("title") {
            Self::Title
        } else {
            Self::Other
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Other => "",
            Self::Script => "script",
            Self::Style => "style",
            Self::TextArea => "textarea",
            Self::Title => "title",
        }
    }

    /// What its content is.
    pub(super) fn content(self) -> State {
        match self {
            Self::Other => State::Text,
            Self::Script => State::Js,
            Self::Style => State::Css,
            Self::TextArea | Self::Title => State::RcData,
        }
    }
}

/// The braces that are open in the expressions of JavaScript template literals within one another.
/// Chosen: four levels of 255 braces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Braces {
    open: [u8; 4],
    literals: u8,
}

impl Braces {
    /// Whether an expression of a literal is open.
    pub(super) fn is_empty(self) -> bool {
        self.literals == 0
    }

    /// Begins an expression. `None` where too many are open.
    pub(super) fn literal(mut self) -> Option<Self> {
        *self.open.get_mut(usize::from(self.literals))? = 0;
        self.literals += 1;
        Some(self)
    }

    /// Opens a brace. `None` where too many are open.
    pub(super) fn opened(mut self) -> Option<Self> {
        let open = self
            .open
            .get_mut(usize::from(self.literals).checked_sub(1)?)?;
        *open = open.checked_add(1)?;
        Some(self)
    }

    /// Closes a brace, and says whether that ends the expression.
    pub(super) fn closed(mut self) -> (Self, bool) {
        let Some(top) = usize::from(self.literals).checked_sub(1) else {
            return (self, false);
        };
        match self.open.get_mut(top) {
            Some(open) if *open > 0 => {
                *open -= 1;
                (self, false)
            }
            _ => {
                self.literals -= 1;
                (self, true)
            }
        }
    }
}

impl Context {
    pub(super) fn of(state: State) -> Self {
        Self {
            state,
            ..Self::default()
        }
    }

    /// The context without what follows the text but takes none of it: in `<a href=`, the value
    /// begins.
    pub(super) fn nudged(self) -> Self {
        match self.state {
            State::Tag => Self {
                state: State::AttributeName,
                ..self
            },
            State::BeforeValue => Self {
                state: self.attribute.start(),
                delimiter: Delimiter::SpaceOrTagEnd,
                attribute: Attribute::Plain,
                ..self
            },
            State::AfterName => Self {
                state: State::AttributeName,
                attribute: Attribute::Plain,
                ..self
            },
            _ => self,
        }
    }

    /// The context behind two branches. `None` where they end too differently.
    pub(super) fn joined(self, other: Self) -> Option<Self> {
        if self.state == State::Dead {
            return Some(other);
        }
        if other.state == State::Dead || self == other {
            return Some(self);
        }
        let with_url_part = Self {
            url_part: other.url_part,
            ..self
        };
        if with_url_part == other {
            return Some(Self {
                url_part: UrlPart::Unknown,
                ..self
            });
        }
        let with_slash = Self {
            slash: other.slash,
            ..self
        };
        if with_slash == other {
            return Some(Self {
                slash: Slash::Unknown,
                ..self
            });
        }
        let (a, b) = (self.nudged(), other.nudged());
        if a == self && b == other {
            return None;
        }
        a.joined(b)
    }
}

/// In words, for messages.
impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.state {
            State::Text => "text",
            State::Tag => "a tag",
            State::AttributeName => "the name of an attribute",
            State::AfterName => "a tag behind the name of an attribute",
            State::BeforeValue => "a tag before the value of an attribute",
            State::HtmlComment => "a comment",
            State::RcData => "the text of an element",
            State::AttributeValue => "the value of an attribute",
            State::Url => "a URL",
            State::SrcSet => "a list of images",
            State::Js => "a script",
            State::JsDoubleQuoted | State::JsSingleQuoted => "a string in a script",
            State::JsTemplate => "a template literal in a script",
            State::JsRegexp => "a regular expression in a script",
            State::JsBlockComment
            | State::JsLineComment
            | State::JsHtmlOpenComment
            | State::JsHtmlCloseComment => "a comment in a script",
            State::Css => "a style",
            State::CssDoubleQuoted | State::CssSingleQuoted => "a string in a style",
            State::CssDoubleQuotedUrl | State::CssSingleQuotedUrl | State::CssUrl => {
                "a URL in a style"
            }
            State::CssBlockComment | State::CssLineComment => "a comment in a style",
            State::Dead => "text that is never reached",
        })?;
        f.write_str(match self.delimiter {
            Delimiter::None => "",
            Delimiter::DoubleQuote => " in double quotes",
            Delimiter::SingleQuote => " in single quotes",
            Delimiter::SpaceOrTagEnd => " without quotes",
        })?;
        if self.state == State::RcData || self.state.is_in_tag() && self.element != Element::Other {
            write!(f, " of <{}>", self.element.name())?;
        }
        Ok(())
    }
}
