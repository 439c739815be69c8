//! Files that a pattern names.

use std::io;
use std::path::{Path, PathBuf};

use regex::Regex;

/// Most files that one pattern may name: chosen, ten times the largest rule folder that we know.
pub const FILES_MAX: usize = 10_000;

/// The files that a pattern names, in the order of their names. `*`, `?` and `[…]` stand for
/// characters of the last part of the path only; a pattern without them names itself, whether the
/// file is there or not. A folder that is not there holds no files.
///
/// # Errors
/// Where the folder cannot be read, or holds more than [`FILES_MAX`] matching files.
pub fn glob(pattern: &Path) -> io::Result<Vec<PathBuf>> {
    let name = pattern
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let Some(regex) = name_regex(&name) else {
        return Ok(vec![pattern.to_path_buf()]);
    };
    let folder = pattern.parent().unwrap_or(Path::new(""));
    let listed = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    let entries = match std::fs::read_dir(listed) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        if regex.is_match(&name.to_string_lossy()) {
            if found.len() == FILES_MAX {
                return Err(io::Error::other(format!(
                    "more than {FILES_MAX} files match {}",
                    pattern.display()
                )));
            }
            found.push(folder.join(name));
        }
    }
    found.sort();
    Ok(found)
}

/// The regular expression of a glob; none where the text has nothing of a glob.
fn name_regex(name: &str) -> Option<Regex> {
    if !name.contains(['*', '?', '[']) {
        return None;
    }
    let mut text = String::from("^(?s:");
    let mut chars = name.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '*' => text.push_str(".*"),
            '?' => text.push('.'),
            '[' => {
                text.push('[');
                if chars.next_if_eq(&'^').is_some() {
                    text.push('^');
                }
                for c in chars.by_ref() {
                    if c == ']' {
                        break;
                    }
                    if !c.is_alphanumeric() && c != '-' {
                        text.push('\\');
                    }
                    text.push(c);
                }
                text.push(']');
            }
            c => text.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    text.push_str(")$");
    // Such as an empty class; then the text stands for itself.
    Regex::new(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_matched() {
        let check = |pattern: &str, name: &str, want: bool| {
            let got = name_regex(pattern).unwrap().is_match(name);
            assert_eq!(got, want, "{pattern} {name}");
        };
        check("*.yml", "a.yml", true);
        check("*.yml", "a.yaml", false);
        check("a?.yml", "ab.yml", true);
        check("[a-c].yml", "b.yml", true);
        check("[^a-c].yml", "b.yml", false);
        check("a.b*", "axb", false);
        check("(*", "(x", true);
        assert!(name_regex("plain.yml").is_none());
    }

    #[test]
    fn files_are_found_in_order() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.yml", "a.yml", "c.txt"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let names: Vec<String> = glob(&folder.path().join("*.yml"))
            .unwrap()
            .iter()
            .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
            .collect();
        assert_eq!(names, ["a.yml", "b.yml"]);
        assert!(glob(&folder.path().join("none/*.yml")).unwrap().is_empty());
        let missing = folder.path().join("missing.yml");
        assert_eq!(glob(&missing).unwrap(), [missing]);
    }
}
