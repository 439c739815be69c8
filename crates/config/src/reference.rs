//! The reference page and the example file, from the tables of settings.

use std::fmt::Write as _;

use crate::route_tests::ROUTE_TESTS;
use crate::rule_tests::RULE_TESTS;
use crate::scaling_tests::SCALING_TESTS;
use crate::schema::{Field, Kind, Section};
use crate::sections::objectives::short::OBJECTIVE_FILE;
use crate::sections::probes::modules::MODULE_FILE;
use crate::sections::root::ROOT;
use crate::sections::rules::RULE_FILE;
use crate::sections::web::WEB;
use crate::values::kind_name;

const HEAD: &str = "# Configuration

This page is generated from the tables in `crates/config`; `UPDATE_EXPECT=1 cargo test -p bellwether-config` writes it
anew. A valid `prometheus.yml` is a valid configuration. Unknown keys are refused. `bellwether check config FILE` says
what is wrong with a file, which files it misses, and which of its settings have no effect.

Durations are numbers with the units `y`, `w`, `d`, `h`, `m`, `s`, `ms` in that order (`1h30m`). Sizes are numbers
with `B`, `KB`, `MB`, `GB`, `TB`, `PB`, `EB`; the units are powers of 1024, with and without `i`. Paths start from the
folder of the file that names them. Anchors, aliases and merge keys (`<<`) of YAML work.
";

/// The reference page, in Markdown.
#[must_use]
pub fn reference() -> String {
    let mut page = String::from(HEAD);
    let mut seen: Vec<&'static Section> = Vec::new();
    let mut waiting: std::collections::VecDeque<&'static Section> = [
        &ROOT,
        &WEB,
        &RULE_FILE,
        &RULE_TESTS,
        &ROUTE_TESTS,
        &SCALING_TESTS,
        &MODULE_FILE,
        &OBJECTIVE_FILE,
    ]
    .into_iter()
    .collect();
    while let Some(section) = waiting.pop_front() {
        if seen.iter().any(|known| std::ptr::eq(*known, section)) {
            continue;
        }
        seen.push(section);
        write_section(&mut page, section);
        for field in section.fields {
            waiting.extend(section_of(&field.kind));
        }
        waiting.extend(section.includes);
    }
    page
}

fn section_of(kind: &Kind) -> Option<&'static Section> {
    match kind {
        Kind::Section(section)
        | Kind::SectionOrText(section)
        | Kind::Sections(section)
        | Kind::SectionMap(section)
        | Kind::SectionMapOrText(section) => Some(section),
        Kind::Headers(Kind::SectionOrText(section)) | Kind::List(Kind::SectionOrText(section)) => {
            Some(section)
        }
        _ => None,
    }
}

fn anchor(section: &Section) -> String {
    section
        .name
        .to_lowercase()
        .chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            c if c.is_alphanumeric() || c == '_' || c == '-' => Some(c),
            _ => None,
        })
        .collect()
}

fn write_section(page: &mut String, section: &'static Section) {
    // Writing into a String cannot fail.
    let _infallible = write!(page, "\n## {}\n\n{}\n", section.name, section.doc);
    if !section.includes.is_empty() {
        let links: Vec<String> = section
            .includes
            .iter()
            .map(|included| format!("[{}](#{})", included.name, anchor(included)))
            .collect();
        let _infallible = write!(page, "\nAlso the settings of {}.\n", links.join(" and of "));
    }
    if section.fields.is_empty() {
        return;
    }
    page.push_str("\n| Setting | Value | Default | Meaning |\n| --- | --- | --- | --- |\n");
    for field in section.fields {
        let default = match (field.is_required, field.default) {
            (true, _) => "required".to_owned(),
            (false, "") => String::new(),
            (false, default) => format!("`{}`", default.replace('|', "\\|")),
        };
        let _infallible = writeln!(
            page,
            "| `{}` | {} | {default} | {} |",
            field.key,
            value_text(field),
            meaning(field)
        );
    }
}

fn value_text(field: &Field) -> String {
    match field.kind {
        Kind::Section(section) => format!("[{}](#{})", section.name, anchor(section)),
        Kind::SectionOrText(section) => {
            format!("a text or [{}](#{})", section.name, anchor(section))
        }
        Kind::Sections(section) => format!("list of [{}](#{})", section.name, anchor(section)),
        Kind::List(Kind::SectionOrText(section)) => {
            format!("list of texts or [{}](#{})", section.name, anchor(section))
        }
        Kind::SectionMap(section) => format!("mapping of [{}](#{})", section.name, anchor(section)),
        Kind::SectionMapOrText(section) => {
            format!(
                "a text or mapping of [{}](#{})",
                section.name,
                anchor(section)
            )
        }
        Kind::OneOf(allowed) | Kind::OneOfAnyCase(allowed) => allowed
            .iter()
            .filter(|text| !text.is_empty())
            .map(|text| format!("`{text}`"))
            .collect::<Vec<_>>()
            .join(", "),
        kind => kind_name(&kind),
    }
}

fn meaning(field: &Field) -> String {
    let mut text = field.doc.to_owned();
    if let Some(instead) = field.deprecated {
        let _infallible = write!(text, " Old: {instead}.");
    }
    if let Some(why) = field.inert {
        let _infallible = write!(text, " **Without effect:** {why}.");
    }
    text
}

const EXAMPLE_HEAD: &str =
    "# Every setting that has a default stands here with it; the others are comments.
# Generated from the tables in crates/config, as docs/user/configuration.md is.
";

/// Sections that the example spells out.
const SPELLED_OUT: [&str; 4] = ["global", "storage", "otlp", "server"];

/// An example file: every setting with its default, those without one as comments.
#[must_use]
pub fn example() -> String {
    let mut text = String::from(EXAMPLE_HEAD);
    for field in ROOT.fields {
        let _infallible = write!(text, "\n# {}\n", field.doc);
        match field.kind {
            Kind::Section(section) if SPELLED_OUT.contains(&field.key) => {
                let _infallible = writeln!(text, "{}:", field.key);
                write_fields(&mut text, &section.all_fields(), 1);
            }
            Kind::Sections(section) if field.key == "scrape_configs" => {
                text.push_str("scrape_configs:\n  - job_name: bellwether\n");
                text.push_str("    static_configs:\n      - targets: [\"127.0.0.1:9090\"]\n");
                let rest: Vec<&'static Field> = section
                    .all_fields()
                    .into_iter()
                    .filter(|field| !matches!(field.key, "job_name" | "static_configs"))
                    .collect();
                write_fields(&mut text, &rest, 2);
            }
            _ => {
                let _infallible = writeln!(text, "# {}:", field.key);
            }
        }
    }
    text
}

fn write_fields(text: &mut String, fields: &[&'static Field], depth: usize) {
    let indent = "  ".repeat(depth);
    for field in fields {
        if field.deprecated.is_some() {
            continue;
        }
        match field.kind {
            Kind::Section(section)
                if has_defaults(section)
                    && field.inert.is_none()
                    && field.key != "oauth2"
                    && field.key != "authorization"
                    && field.key != "tls" =>
            {
                let _infallible = writeln!(text, "{indent}{}:  # {}", field.key, field.doc);
                write_fields(text, &section.all_fields(), depth + 1);
            }
            kind if !field.default.is_empty() && field.inert.is_none() => {
                let value = match kind {
                    Kind::Text | Kind::Template | Kind::Regex | Kind::Path => {
                        format!("{:?}", field.default)
                    }
                    _ => field.default.to_owned(),
                };
                let _infallible = writeln!(text, "{indent}{}: {value}  # {}", field.key, field.doc);
            }
            _ => {
                let _infallible = writeln!(text, "{indent}# {}:  {}", field.key, field.doc);
            }
        }
    }
}

/// Whether a section has a default that the example can spell out.
fn has_defaults(section: &Section) -> bool {
    section.all_fields().iter().any(|field| {
        field.inert.is_none()
            && match field.kind {
                Kind::Section(section) => has_defaults(section),
                _ => !field.default.is_empty(),
            }
    })
}
