//! The public API of the SDK, recorded: a change of it is a change of a file that somebody reviews.
//!
//! ## Model
//! rustdoc writes a page for each public item. Of each page the declarations are taken, without their
//! links: the item, its methods, and the traits that it implements by itself; of each module's page what
//! it exports of others without a page of its own. Stable rustdoc has no other output that a program can
//! read; `cargo public-api` wants a nightly one.
//!
//! ## Failure
//! Another rustdoc may write otherwise. The record names the one that it was made with; where nothing at
//! all is found, that is an error.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::shell::{cargo, root, target_dir};

const RECORD: &str = "crates/sdk/public-api.txt";
/// Pages of items begin with it.
const KINDS: [&str; 8] = [
    "attr", "constant", "enum", "fn", "macro", "struct", "trait", "type",
];
/// Differences that are shown.
const SHOWN: usize = 40;

/// Compares the record with what there is, or writes it anew.
pub(crate) fn run(writes: bool) -> Result<()> {
    let folder = target_dir()?.join("doc/bellwether_sdk");
    // Pages of items that are gone would stay.
    if folder.is_dir() {
        fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
    }
    let package = ["doc", "-p", "bellwether-sdk", "--all-features"];
    cargo(&[package.as_slice(), &["--no-deps", "--quiet"]].concat())
        .env("RUSTDOCFLAGS", "-D warnings")
        .step("documents of the SDK with all its features")?;
    let mut lines = Vec::new();
    read_folder(&folder, "bellwether_sdk", &mut lines)?;
    if lines.is_empty() {
        bail!(
            "{} has no declarations: rustdoc writes otherwise now",
            folder.display()
        );
    }
    lines.sort();
    let version = rustdoc_version()?;
    let mut text = format!(
        "# bellwether-sdk with all features, by {version}. `cargo xtask public-api --write` makes it anew.\n"
    );
    for line in lines {
        text.push_str(&line);
        text.push('\n');
    }
    let record = root()?.join(RECORD);
    if writes {
        return fs::write(&record, text).with_context(|| record.display().to_string());
    }
    let known = fs::read_to_string(&record).with_context(|| record.display().to_string())?;
    let differences = differences(&known, &text);
    if differences.is_empty() {
        return Ok(());
    }
    bail!(
        "the public API of bellwether-sdk is not what {RECORD} says:\n{}\nIs it meant? Then \
         `cargo xtask public-api --write`, and a line in changelog.d",
        differences.join("\n")
    );
}

fn rustdoc_version() -> Result<String> {
    let output = std::process::Command::new("rustdoc")
        .arg("--version")
        .output();
    let output = output.context("rustdoc --version")?;
    let text = String::from_utf8(output.stdout).context("rustdoc --version")?;
    // Without the date of its build.
    let words: Vec<&str> = text.split_whitespace().take(2).collect();
    Ok(words.join(" "))
}

/// Lines that are in one text only.
fn differences(known: &str, now: &str) -> Vec<String> {
    let gone = known
        .lines()
        .filter(|line| !now.lines().any(|it| it == *line));
    let new = now
        .lines()
        .filter(|line| !known.lines().any(|it| it == *line));
    let gone = gone.map(|line| format!("- {line}"));
    gone.chain(new.map(|line| format!("+ {line}")))
        .take(SHOWN)
        .collect()
}

fn read_folder(folder: &Path, module: &str, lines: &mut Vec<String>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_dir() {
            read_folder(&entry.path(), &format!("{module}::{name}"), lines)?;
            continue;
        }
        if name == "index.html" {
            let page = fs::read_to_string(entry.path())?;
            let exported = reexports(&page).into_iter();
            lines.extend(exported.map(|it| format!("{module}: {it}")));
            continue;
        }
        let mut parts = name.split('.');
        let (Some(kind), Some(item), Some("html")) = (parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        if KINDS.contains(&kind) {
            let page = fs::read_to_string(entry.path())?;
            let declared = declarations(&page).into_iter();
            lines.extend(declared.map(|it| format!("{module}::{item}: {it}")));
        }
    }
    Ok(())
}

/// What a module exports of others and has no page here, each on a line.
fn reexports(page: &str) -> Vec<String> {
    let items = between(page, "<dt id=\"reexport.", "</dt>").into_iter();
    let codes = items.flat_map(|item| between(item, "<code>", "</code>"));
    codes.map(plain).collect()
}

/// The declarations of a page, each on a line.
fn declarations(page: &str) -> Vec<String> {
    // What is behind it is the same for every type, or of other types.
    let ends = ["id=\"synthetic-implementations\"", "id=\"implementors\""];
    let end = ends.iter().filter_map(|end| page.find(end)).min();
    let page = page.get(..end.unwrap_or(page.len())).unwrap_or_default();
    let mut found = Vec::new();
    found.extend(between(page, "<pre class=\"rust item-decl\">", "</pre>"));
    found.extend(between(page, "<h3 class=\"code-header\">", "</h3>"));
    // Methods of traits are what their traits say.
    let own = page.split("<section ").filter(|section| {
        let head = section.split('>').next().unwrap_or_default();
        !head.contains("trait-impl")
    });
    found.extend(own.flat_map(|section| between(section, "<h4 class=\"code-header\">", "</h4>")));
    let lines = found.into_iter().map(plain);
    lines
        .filter(|line| !line.contains("StructuralPartialEq"))
        .collect()
}

fn between<'a>(text: &'a str, begin: &str, end: &str) -> Vec<&'a str> {
    let parts = text.split(begin).skip(1);
    parts.filter_map(|part| part.split(end).next()).collect()
}

/// Text without tags, entities and line breaks.
fn plain(html: &str) -> String {
    let mut text = String::new();
    for (index, part) in html.split('<').enumerate() {
        // All but the first begin within a tag.
        let visible = match index {
            0 => Some(part),
            _ => part.split_once('>').map(|(_, visible)| visible),
        };
        if index > 0 && part.starts_with("div") {
            text.push(' ');
        }
        text.push_str(visible.unwrap_or_default());
    }
    for (entity, sign) in [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&nbsp;", " "),
        ("&amp;", "&"),
    ] {
        text = text.replace(entity, sign);
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declarations_are_read_without_what_all_types_have() {
        let page = "<pre class=\"rust item-decl\"><code>pub struct <a>A</a> {\n    pub b: &amp;'static \
                    str,\n}</code></pre><section id=\"impl-A\" class=\"impl\"><h3 class=\"code-header\">impl A</h3>\
                    <section id=\"method.c\" class=\"method\"><h4 class=\"code-header\">pub fn c() -&gt; \
                    u8</h4></section><section class=\"method trait-impl\"><h4 class=\"code-header\">fn \
                    clone(&amp;self)</h4></section><h2 id=\"synthetic-implementations\"><h3 \
                    class=\"code-header\">impl Send for A</h3>";
        let want = [
            "pub struct A { pub b: &'static str, }",
            "impl A",
            "pub fn c() -> u8",
        ];
        assert_eq!(declarations(page), want);
    }

    #[test]
    fn what_a_module_exports_of_others_is_read() {
        let page = "<dl class=\"item-table reexports\"><dt id=\"reexport.scale\"><code>pub use \
                    <a href=\"../x\">bellwether_scale</a> as scale;</code></dt>\
                    <dt id=\"reexport.B\"><code>pub use a::B;</code></dt></dl>\
                    <dl><dt><a class=\"struct\">C</a></dt></dl><code>pub use d;</code>";
        assert_eq!(
            reexports(page),
            ["pub use bellwether_scale as scale;", "pub use a::B;"]
        );
        assert_eq!(reexports("<dl></dl>"), Vec::<String>::new());
    }

    #[test]
    fn differences_say_what_is_gone_and_what_is_new() {
        assert_eq!(differences("a\nb\n", "b\nc\n"), ["- a", "+ c"]);
        assert_eq!(differences("a\n", "a\n"), Vec::<String>::new());
    }
}
