//! Texts of others as errors and logs show them: cut where they are long.
//!
//! Values of labels have many KiB where somebody puts a stack trace into one, and an error that
//! repeats them is no use to a person and a burden to whoever stores it.

use std::fmt;

use crate::Labels;

/// Characters that are shown. Chosen: enough to find the thing that is meant.
const CHARS_MAX: usize = 64;
/// Labels of a series that are shown. Chosen: more than series usually have.
const LABELS_MAX: usize = 32;

/// A text as an error shows it: whole, or its beginning and `… (N bytes)`. As `Debug` in quotes.
#[derive(Clone, Copy)]
pub struct Short<'a> {
    text: &'a str,
    chars_max: usize,
}

/// The first 64 characters of a text.
#[must_use]
pub const fn short(text: &str) -> Short<'_> {
    short_to(text, CHARS_MAX)
}

/// The first so many characters of a text.
#[must_use]
pub const fn short_to(text: &str, chars_max: usize) -> Short<'_> {
    Short { text, chars_max }
}

impl<'a> Short<'a> {
    /// What is shown of the text, and how many bytes it has if that is not all.
    #[must_use]
    pub fn parts(&self) -> (&'a str, Option<usize>) {
        match self.text.char_indices().nth(self.chars_max) {
            None => (self.text, None),
            Some((end, _)) => (
                self.text.get(..end).unwrap_or(self.text),
                Some(self.text.len()),
            ),
        }
    }
}

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (start, bytes) = self.parts();
        f.write_str(start)?;
        write_rest(f, bytes)
    }
}

impl fmt::Debug for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (start, bytes) = self.parts();
        write!(f, "{start:?}")?;
        write_rest(f, bytes)
    }
}

/// Bytes that should be text, in quotes.
#[must_use]
pub fn short_bytes(bytes: &[u8]) -> String {
    // No character has more than four bytes.
    let cut = bytes.get(..CHARS_MAX * 4).unwrap_or(bytes);
    let text = String::from_utf8_lossy(cut);
    let (start, is_cut) = match text.char_indices().nth(CHARS_MAX) {
        None => (text.as_ref(), cut.len() < bytes.len()),
        Some((end, _)) => (text.get(..end).unwrap_or(&text), true),
    };
    if is_cut {
        format!("{start:?}… ({} bytes)", bytes.len())
    } else {
        format!("{start:?}")
    }
}

/// Labels as an error shows them: names and values are cut, and there are not too many of them.
#[derive(Clone, Copy)]
pub struct ShortLabels<'a>(pub &'a Labels);

impl fmt::Display for ShortLabels<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (index, (name, value)) in self.0.iter().take(LABELS_MAX).enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            if crate::utf8_name::is_legacy_label_name(name) {
                write!(f, "{}=", short(name))?;
            } else {
                write_quoted(f, name)?;
                f.write_str("=")?;
            }
            write_quoted(f, value)?;
        }
        let count = self.0.len();
        if count > LABELS_MAX {
            write!(f, ", … ({count} labels)")?;
        }
        f.write_str("}")
    }
}

impl fmt::Debug for ShortLabels<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn write_quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let (start, bytes) = short(text).parts();
    write!(f, "\"{}\"", crate::utf8_name::Escaped(start))?;
    write_rest(f, bytes)
}

fn write_rest(f: &mut fmt::Formatter<'_>, bytes: Option<usize>) -> fmt::Result {
    match bytes {
        Some(bytes) => write!(f, "… ({bytes} bytes)"),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(short("abc").to_string(), "abc");
        assert_eq!(format!("{:?}", short("a\"b")), r#""a\"b""#);
        let long = "ä".repeat(65);
        let start = "ä".repeat(64);
        assert_eq!(short(&start).to_string(), start);
        assert_eq!(short(&long).to_string(), format!("{start}… (130 bytes)"));
        assert_eq!(
            format!("{:?}", short(&long)),
            format!("\"{start}\"… (130 bytes)")
        );
        assert_eq!(short_bytes(b"a\xff"), "\"a\u{fffd}\"");
        assert_eq!(
            short_bytes(long.as_bytes()),
            format!("\"{start}\"… (130 bytes)")
        );
        let zeros = vec![b'0'; 1_000];
        assert!(short_bytes(&zeros).ends_with("\"… (1000 bytes)"));
    }

    #[test]
    fn labels_are_shown_as_ever_unless_they_are_long() {
        let labels = Labels::from_pairs([("__name__", "up"), ("a.b", "x\"y")]);
        assert_eq!(ShortLabels(&labels).to_string(), labels.to_string());
        let long = Labels::from_pairs([("a", "v".repeat(16 << 10))]);
        let start = "v".repeat(64);
        assert_eq!(
            ShortLabels(&long).to_string(),
            format!("{{a=\"{start}\"… (16384 bytes)}}")
        );
        let many = Labels::from_pairs((0..100).map(|i| (format!("l{i:03}"), "v".repeat(1_000))));
        let text = ShortLabels(&many).to_string();
        assert!(text.ends_with(", … (100 labels)}"), "{text}");
        assert!(text.len() < 4_000);
    }
}
