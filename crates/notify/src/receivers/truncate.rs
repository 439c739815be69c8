//! Texts cut to what a service takes, in the way Alertmanager cuts them.

const MARK: char = '…';

/// At most so many characters, the last one `…` where something was cut.
pub(super) fn in_chars(text: String, chars_max: usize) -> String {
    // No character has less than one byte.
    if text.len() <= chars_max || text.chars().count() <= chars_max {
        return text;
    }
    if chars_max <= 3 {
        return text.chars().take(chars_max).collect();
    }
    let mut cut: String = text.chars().take(chars_max - 1).collect();
    cut.push(MARK);
    cut
}

/// At most so many bytes, `…` at the end where something was cut.
pub(super) fn in_bytes(text: String, bytes_max: usize) -> String {
    if text.len() <= bytes_max {
        return text;
    }
    let Some(left) = bytes_max.checked_sub(MARK.len_utf8()) else {
        return ".".repeat(bytes_max);
    };
    let mut cut = text;
    cut.truncate(cut.floor_char_boundary(left));
    cut.push(MARK);
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_as_alertmanager_cuts_them() {
        let check = |text: &str, max: usize, chars: &str, bytes: &str| {
            assert_eq!(in_chars(text.to_owned(), max), chars, "{text:?} {max}");
            assert_eq!(in_bytes(text.to_owned(), max), bytes, "{text:?} {max}");
        };
        check("", 0, "", "");
        check("abcde", 0, "", "");
        check("abcde", 2, "ab", "..");
        check("abcde", 3, "abc", "…");
        check("abcde", 4, "abc…", "a…");
        check("abcde", 5, "abcde", "abcde");
        check("aéééé", 5, "aéééé", "a…");
        check("aéééé", 6, "aéééé", "aé…");
        check("a😀😀😀😀", 3, "a😀😀", "…");
        check("a😀😀😀😀", 10, "a😀😀😀😀", "a😀…");
    }
}
