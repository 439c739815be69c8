//! Relabelling: rules that rewrite, keep or drop a set of labels.
//!
//! ## See also
//! <https://prometheus.io/docs/prometheus/latest/configuration/configuration/#relabel_config>.

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Write `replacement` to the target label where the regex matches.
    Replace,
    /// Drop the labels unless the regex matches.
    Keep,
    /// Drop the labels if the regex matches.
    Drop,
    /// Drop the labels unless the source equals the target label.
    KeepEqual,
    /// Drop the labels if the source equals the target label.
    DropEqual,
    /// Write the hash of the source, modulo `modulus`, to the target label.
    HashMod,
    /// Copy labels whose names match to the names that `replacement` gives.
    LabelMap,
    /// Remove labels whose names match.
    LabelDrop,
    /// Remove labels whose names do not match.
    LabelKeep,
    /// Write the source in lower case to the target label.
    Lowercase,
    /// Write the source in upper case to the target label.
    Uppercase,
}

/// One rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Labels whose values are joined with `separator`.
    pub source_labels: Vec<String>,
    /// What stands between the joined values. Default `;`.
    pub separator: String,
    /// The regex as written. Default `(.*)`.
    pub regex_text: String,
    /// The same, compiled and anchored.
    pub regex: regex::Regex,
    /// For [`Action::HashMod`].
    pub modulus: u64,
    /// The label to write; may hold `$1` where the action is [`Action::Replace`].
    pub target_label: String,
    /// What to write, with `$1` for groups. Default `$1`.
    pub replacement: String,
    /// What to do.
    pub action: Action,
}

/// Two rules are equal when they were written the same.
impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        self.source_labels == other.source_labels
            && self.separator == other.separator
            && self.regex_text == other.regex_text
            && self.modulus == other.modulus
            && self.target_label == other.target_label
            && self.replacement == other.replacement
            && self.action == other.action
    }
}

impl Eq for Rule {}

impl Rule {
    /// Compiles the regex of a rule: anchored, and `.` matches line ends.
    ///
    /// # Errors
    /// Where the text is not a regular expression.
    pub fn compile(regex_text: &str) -> Result<regex::Regex, regex::Error> {
        regex::Regex::new(&format!("^(?s:{regex_text})$"))
    }
}
