//! Tables in Markdown.

use std::fmt;
use std::path::Path;

use anyhow::{Context, Result};

/// One suite's numbers.
#[derive(Debug, Default)]
pub(crate) struct Table {
    pub(crate) title: String,
    pub(crate) header: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
    pub(crate) notes: Vec<String>,
    /// What the README says of it: what, ours, the peer's, ratio.
    pub(crate) headlines: Vec<[String; 4]>,
    /// What makes the run a failure: answers that differ.
    pub(crate) failures: Vec<String>,
}

impl Table {
    pub(crate) fn new(title: &str, header: &[&str]) -> Self {
        let header = header.iter().map(|cell| (*cell).to_owned()).collect();
        Self {
            title: title.to_owned(),
            header,
            ..Self::default()
        }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    pub(crate) fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    /// A line of the README's table: two numbers of the same unit, the second a peer's.
    pub(crate) fn headline(&mut self, what: &str, ours: f64, peer: f64, name: &str) {
        let digits = if ours < 10.0 { 3 } else { 0 };
        self.headlines.push([
            what.to_owned(),
            format!("{ours:.digits$}"),
            format!("{peer:.digits$} ({name})"),
            ratio(ours, peer),
        ]);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "### {}\n", self.title)?;
        writeln!(f, "| {} |", self.header.join(" | "))?;
        writeln!(f, "|{}", " --- |".repeat(self.header.len()))?;
        for row in &self.rows {
            writeln!(f, "| {} |", row.join(" | "))?;
        }
        for note in &self.notes {
            writeln!(f, "\n{note}")?;
        }
        Ok(())
    }
}

/// All suites' numbers.
#[derive(Debug, Default)]
pub(crate) struct Report(Vec<Table>);

/// Where the README's table begins and ends.
const BEGIN: &str = "<!-- cargo xtask bench -- --readme: begin -->\n";
const END: &str = "<!-- end -->\n";

impl Report {
    pub(crate) fn add(&mut self, table: Table) {
        self.0.push(table);
    }

    /// Answers that differ from those of the peers.
    pub(crate) fn failures(&self) -> impl Iterator<Item = &String> {
        self.0.iter().flat_map(|table| &table.failures)
    }

    /// The README's table.
    pub(crate) fn summary(&self) -> String {
        let mut text =
            "| What | Bellwether | Peer | Ratio |\n| --- | --- | --- | --- |\n".to_owned();
        for row in self.0.iter().flat_map(|table| &table.headlines) {
            text.push_str(&format!("| {} |\n", row.join(" | ")));
        }
        text
    }

    /// Puts the summary in the place of the one in a README.
    pub(crate) fn write_into(&self, readme: &Path) -> Result<()> {
        let text = std::fs::read_to_string(readme)?;
        let place = format!("{} needs the lines {BEGIN:?} and {END:?}", readme.display());
        let (before, rest) = text.split_once(BEGIN).context(place.clone())?;
        let (_, after) = rest.split_once(END).context(place)?;
        let new = format!("{before}{BEGIN}{}{END}{after}", self.summary());
        Ok(std::fs::write(readme, new)?)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|table| writeln!(f, "{table}"))
    }
}

/// `a / b` as `0.42 ×`.
pub(crate) fn ratio(a: f64, b: f64) -> String {
    if b > 0.0 {
        format!("{:.2} ×", a / b)
    } else {
        "–".to_owned()
    }
}
