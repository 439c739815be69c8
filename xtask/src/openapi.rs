//! The description of the HTTP API as a file, from which the types of the web UI are made: a change of
//! the API is a change of a file that somebody reviews.

use std::fs;

use anyhow::{Context, Result, bail};

use crate::shell::{cargo, root};

const RECORD: &str = "ui/openapi.json";

/// Compares the file with what the server says, or writes it anew.
pub(crate) fn run(writes: bool) -> Result<()> {
    let text = cargo(&[
        "run",
        "--quiet",
        "--package",
        "bellwether-server",
        "--example",
        "openapi",
    ])
    .text("description of the HTTP API")?;
    let record = root()?.join(RECORD);
    if writes {
        if let Some(folder) = record.parent() {
            fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        return fs::write(&record, text).with_context(|| record.display().to_string());
    }
    let known = fs::read_to_string(&record).with_context(|| record.display().to_string())?;
    match difference(&known, &text) {
        None => Ok(()),
        Some(difference) => bail!(
            "the HTTP API is not what {RECORD} says: {difference}\n\
             `cargo xtask openapi --write` makes it anew; the types of the UI are made of it"
        ),
    }
}

/// Where two texts part.
fn difference(known: &str, now: &str) -> Option<String> {
    if known == now {
        return None;
    }
    let (mut before, mut after) = (known.lines(), now.lines());
    let mut line = 0;
    loop {
        line += 1;
        match (before.next(), after.next()) {
            (None, None) => return Some("its last line ends otherwise".to_owned()),
            (Some(before), Some(after)) if before == after => {}
            (before, after) => {
                let shown = |line: Option<&str>| line.unwrap_or("(the end)").trim().to_owned();
                return Some(format!(
                    "line {line}\n- {}\n+ {}",
                    shown(before),
                    shown(after)
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::difference;

    #[test]
    fn the_first_line_that_differs_is_told() {
        let check = |known: &str, now: &str, want: Option<&str>| {
            assert_eq!(difference(known, now).as_deref(), want);
        };
        check("a\nb\n", "a\nb\n", None);
        check("a\nb\n", "a\n c\n", Some("line 2\n- b\n+ c"));
        check("a\n", "a\nb\n", Some("line 2\n- (the end)\n+ b"));
        check("a", "a\n", Some("its last line ends otherwise"));
    }
}
