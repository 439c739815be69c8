//! HTML without its tags.

use super::context::{Context, Delimiter, Element, State};
use super::transition::{step, value_end};

/// The text of HTML that is safe, for an attribute: `<b>Hi</b>` is `Hi` there. What cannot be read
/// as HTML is dropped.
pub(super) fn stripped(html: &str) -> String {
    let bytes = html.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut context = Context::default();
    let mut from = 0;
    while from < bytes.len() {
        let rest = bytes.get(from..).unwrap_or_default();
        if context.delimiter != Delimiter::None {
            let Some(end) = value_end(context.delimiter, rest) else {
                break;
            };
            let quote = usize::from(context.delimiter != Delimiter::SpaceOrTagEnd);
            context = Context {
                element: context.element,
                ..Context::of(State::Tag)
            };
            from += end + quote;
            continue;
        }
        // Scripts and styles are skipped like the text of a title.
        let state = match context.element {
            Element::Other => context.state,
            _ if context.state.is_in_tag() => context.state,
            _ => State::RcData,
        };
        let Ok((next, read)) = step(Context { state, ..context }, rest) else {
            break;
        };
        if matches!(context.state, State::Text | State::RcData) {
            let text = rest.get(..read).unwrap_or_default();
            let end = match next.state == context.state {
                true => text.len(),
                false => text.iter().rposition(|b| *b == b'<').unwrap_or(text.len()),
            };
            out.extend_from_slice(text.get(..end).unwrap_or_default());
        }
        let stuck = read == 0 && next == context;
        context = next;
        from += read;
        if stuck {
            break;
        }
    }
    match String::from_utf8(out) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_taken_away() {
        let check = |html: &str, want: &str| assert_eq!(stripped(html), want, "{html}");
        check("", "");
        check("Hello, World!", "Hello, World!");
        check("foo&amp;bar", "foo&amp;bar");
        check(
            "Hello <a href=\"www.example.com/\">World</a>!",
            "Hello World!",
        );
        check("Foo <textarea>Bar</textarea> Baz", "Foo Bar Baz");
        check("Foo <!-- Bar --> Baz", "Foo  Baz");
        check("<", "<");
        check("foo < bar", "foo < bar");
        check(
            "Foo<script type=\"text/javascript\">alert(1337)</script>Bar",
            "FooBar",
        );
        check("Foo<div title=\"1>2\">Bar", "FooBar");
        check("I <3 Ponies!", "I <3 Ponies!");
        check("<script>foo()</script>", "");
    }
}
