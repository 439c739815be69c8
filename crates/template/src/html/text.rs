//! Following the text between actions.

use super::context::{Context, Delimiter, State};
use super::page::{Pass, Passed};
use super::transition::{special_end, step_anywhere};
use crate::tree::Text;

impl Pass<'_> {
    /// Follows a text, and writes it without its comments.
    pub(super) fn text(&mut self, context: Context, text: &Text) -> Passed<(Context, Text)> {
        let bytes = text.text.as_bytes();
        let part = |from: usize, to: usize| bytes.get(from..to).unwrap_or_default();
        let mut context = context;
        let mut out = Vec::with_capacity(bytes.len());
        // Up to where the text is in `out`, or dropped.
        let mut written = 0;
        let mut at = 0;
        let mut idle = 0;
        let (mut special, mut known_for) = (None, None);
        while at < bytes.len() {
            self.spend(1, text.at + at)?;
            // The end of a script is looked for once, not again with each of its strings.
            if known_for != Some(context.element) || special.is_some_and(|end| end < at) {
                special = special_end(context, part(at, bytes.len())).map(|end| at + end);
                known_for = (!context.state.is_in_tag()).then_some(context.element);
            }
            let in_tag = context.state.is_in_tag();
            let end = special.filter(|_| !in_tag).map(|end| end - at);
            let (next, read) = step_anywhere(context, part(at, bytes.len()), end)
                .map_err(|reason| self.error(text.at + at, reason))?;
            let end = at + read;
            let in_comment = context.state.is_comment() && context.delimiter == Delimiter::None;
            if matches!(context.state, State::Text | State::RcData) {
                let tag = match next.state == context.state {
                    true => None,
                    false => part(at, end).iter().rposition(|b| *b == b'<'),
                };
                let text_end = tag.map_or(end, |tag| at + tag);
                // A sign that begins no tag must not begin one together with what follows.
                for sign in at..text_end {
                    if bytes.get(sign) == Some(&b'<') && !is_doctype(part(sign, bytes.len())) {
                        out.extend_from_slice(part(written, sign));
                        out.extend_from_slice(b"&lt;");
                        written = sign + 1;
                    }
                }
            } else if in_comment {
                match context.state {
                    // Comments are space, or a line end where they have one.
                    State::JsBlockComment => {
                        let comment = part(written, end);
                        let breaks = comment.iter().any(|b| matches!(b, b'\n' | b'\r'));
                        out.push(if breaks { b'\n' } else { b' ' });
                    }
                    State::CssBlockComment => out.push(b' '),
                    _ => {}
                }
                written = end;
            } else if context.state.is_js_literal() {
                out.extend_from_slice(part(written, at));
                push_literal(&mut out, part(at, end));
                written = end;
            }
            let begins_comment = next.state != context.state
                && next.state.is_comment()
                && next.delimiter == Delimiter::None;
            if begins_comment {
                let mark = match next.state {
                    State::HtmlComment | State::JsHtmlOpenComment => 4,
                    State::JsHtmlCloseComment => 3,
                    _ => 2,
                };
                out.extend_from_slice(part(written, end.saturating_sub(mark).max(written)));
                written = end;
            }
            idle = if read == 0 { idle + 1 } else { 0 };
            if idle > 4 {
                let reason = "the text cannot be followed";
                return Err(self.error(text.at + at, reason));
            }
            context = next;
            at = end;
        }
        if !(context.state.is_comment() && context.delimiter == Delimiter::None) {
            out.extend_from_slice(part(written, bytes.len()));
        }
        let out = String::from_utf8(out).unwrap_or_else(|_| text.text.to_string());
        let text = Text {
            at: text.at,
            text: out.into(),
        };
        Ok((context, text))
    }
}

fn is_doctype(text: &[u8]) -> bool {
    text.get(..9)
        .is_some_and(|head| head.eq_ignore_ascii_case(b"<!DOCTYPE"))
}

/// Writes a part of a string of a script, so that no browser takes it for a tag.
fn push_literal(out: &mut Vec<u8>, text: &[u8]) {
    for (at, byte) in text.iter().enumerate() {
        let rest = text.get(at + 1..).unwrap_or_default();
        let begins = |word: &[u8]| {
            rest.get(..word.len())
                .is_some_and(|head| head.eq_ignore_ascii_case(word))
        };
        if *byte == b'<' && (begins(b"script") || begins(b"/script") || begins(b"!--")) {
            out.extend_from_slice(b"\\x3C");
        } else {
            out.push(*byte);
        }
    }
}
