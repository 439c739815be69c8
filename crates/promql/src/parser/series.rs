//! Descriptions of series, as tests of rules and queries load them: the labels before the values.

use super::lexer::{Kind, Token};
use super::{Parsed, Parser};
use crate::{Features, ParseError};

/// The labels of a series description, and where its values begin.
pub(crate) struct SeriesPart {
    /// The name before the braces, or nothing.
    pub(crate) name: String,
    /// Labels in braces; a string alone is the name.
    pub(crate) labels: Vec<(String, String)>,
    /// First byte after them.
    pub(crate) rest_at: usize,
}

/// Reads the part of a series description before the values: `up{job="api"}`.
pub(crate) fn parse_series_labels(text: &str) -> Result<SeriesPart, ParseError> {
    let features = Features::default();
    let mut parser = Parser::new(text, &features)?;
    let parsed = parser.series_labels();
    parser.finish(parsed)
}

impl Parser<'_> {
    fn series_labels(&mut self) -> Parsed<SeriesPart> {
        let is_name = |c: char| c == '_' || c == ':' || c.is_ascii_alphanumeric();
        let name_end = self.text.find(|c| !is_name(c)).unwrap_or(self.text.len());
        let (name, rest) = self.text.split_at(name_end);
        let mut part = SeriesPart {
            name: name.to_owned(),
            labels: Vec::new(),
            rest_at: name_end,
        };
        if name.starts_with(|c: char| c.is_ascii_digit()) {
            return self.unexpected("series description", "metric");
        }
        if !rest.starts_with('{') {
            if name.is_empty() {
                return self.unexpected("series description", "metric");
            }
            return Ok(part);
        }
        self.lexer.skip_to(name_end);
        self.expect(Kind::LeftBrace)?;
        part.rest_at = self.label_set(&mut part.labels)?.range.end as usize;
        Ok(part)
    }

    /// Labels in braces; the opening one is read. Gives back the closing one.
    fn label_set(&mut self, labels: &mut Vec<(String, String)>) -> Parsed<Token> {
        const CONTEXT: &str = "label set";
        if let Some(close) = self.take_if(Kind::RightBrace)? {
            return Ok(close);
        }
        loop {
            let name = self.peek()?;
            if !matches!(name.kind, Kind::Identifier | Kind::String) {
                return self.unexpected(CONTEXT, "identifier or \"}\"");
            }
            self.take()?;
            let label = if name.kind == Kind::String {
                self.unquote(name)
            } else {
                self.text_of(name).to_owned()
            };
            if self.take_if(Kind::Assign)?.is_some() {
                let Some(value) = self.take_if(Kind::String)? else {
                    return self.unexpected(CONTEXT, "string");
                };
                let value = self.unquote(value);
                labels.push((label, value));
            } else if name.kind == Kind::String {
                labels.push((bellwether_model::METRIC_NAME.to_owned(), label));
            } else {
                return self.unexpected(CONTEXT, "\"=\"");
            }
            match self.peek()?.kind {
                Kind::RightBrace => return self.take(),
                Kind::Comma => {
                    self.take()?;
                    if let Some(close) = self.take_if(Kind::RightBrace)? {
                        return Ok(close);
                    }
                }
                _ => return self.unexpected(CONTEXT, "\",\" or \"}\""),
            }
        }
    }
}
