//! Small languages: patterns, rules of relabelling, numbers with units, names, labels.

use bellwether_config::{parse_address, parse_size, size_text};
use bellwether_model::relabel::{Action, Rule, apply, explain};
use bellwether_model::time::{DurationText, parse_duration};
use bellwether_model::utf8_name::{Escaping, escape, is_legacy_metric_name, unescape_values};
use bellwether_model::{Labels, MatchOp, Matcher, Regexp};

use crate::targets::{Target, strings};

/// A pattern, a template and texts, one a line.
pub(crate) const REGEXP: Target = Target {
    name: "regexp",
    seeds: || {
        strings(&[
            "(?P<a>f.*)-(\\d+)|b{,2}\n$1x${1}$$\nfoo-12\nb{,2}",
            "\\Qa.b\\E(?i)[[:alpha:]&&[^\\W]]{1,3}?\n${a}\na.bX",
            "10\\.0\\.0\\.1:9100|(db|web)[12]?\\.local\n$0\n10.0.0.1:9100",
            "(?U)(?m)^a*\\b\\B\\pL\\P{Greek}\\x{41}\\123[]a-]$\n$\n\na",
        ])
    },
    dictionary: &[
        "(?i)",
        "(?P<n>",
        "(?:",
        ")",
        "[[:^word:]",
        "[^",
        "]",
        "{2,3}",
        "{99}",
        "{,",
        "\\Q",
        "\\E",
        "\\p{Lu}",
        "\\PN",
        "\\x{10FFFF}",
        "\\777",
        "\\B",
        "(?-s)",
        "||",
        "*?",
        "&&",
        "${",
        "$1",
    ],
    run: regexp,
    // A compiled pattern takes 16 MiB at most, and there are two; parsing takes the same again.
    memory_max_bytes: 128 << 20,
};

fn regexp(input: &[u8]) {
    let Ok(input) = std::str::from_utf8(input) else {
        return;
    };
    let mut lines = input.split('\n');
    let (pattern, template) = (lines.next().unwrap_or(""), lines.next().unwrap_or(""));
    let (regexp, matcher) = (
        Regexp::anchored(pattern),
        Matcher::new("a", MatchOp::Regex, pattern),
    );
    let (Ok(regexp), Ok(matcher)) = (regexp, matcher) else {
        return;
    };
    for text in lines {
        // Matchers know patterns that need no automaton; both must say the same.
        let is_match = regexp.is_match(text);
        assert_eq!(matcher.matches(text), is_match, "{pattern:?} on {text:?}");
        let captures = regexp.captures(text);
        assert_eq!(captures.is_some(), is_match, "{pattern:?} on {text:?}");
        if let Some(captures) = captures {
            captures.expand(template, &mut String::new());
        }
    }
    for literal in matcher.literals().unwrap_or_default().iter().take(20) {
        assert!(regexp.is_match(literal), "{pattern:?} on {literal:?}");
    }
}

/// Rules of relabelling: a byte for the action, then pattern, target, replacement and a value.
pub(crate) const RELABEL: Target = Target {
    name: "relabel",
    seeds: || {
        strings(&[
            "0\n(.*):.*\nhost_$1\n${1}-$2\na:1",
            "5\n(.*)\nshard\n$1\na:1",
            "6\n(a)(.*)\n\n$2_$1\na:1",
            "8\n[a-z]+\n\n\nx",
        ])
    },
    dictionary: &["$1", "${1}", "(.*)", "\n", "__name__", "a"],
    run: relabel,
    memory_max_bytes: 64 << 20,
};

const ACTIONS: [Action; 11] = [
    Action::Replace,
    Action::Keep,
    Action::Drop,
    Action::KeepEqual,
    Action::DropEqual,
    Action::HashMod,
    Action::LabelMap,
    Action::LabelDrop,
    Action::LabelKeep,
    Action::Lowercase,
    Action::Uppercase,
];

fn relabel(input: &[u8]) {
    let Ok(input) = std::str::from_utf8(input) else {
        return;
    };
    let fields: Vec<&str> = input.splitn(5, '\n').collect();
    let [choice, pattern, target, replacement, value] = fields.as_slice() else {
        return;
    };
    let Ok(regex) = Rule::compile(pattern) else {
        return;
    };
    let choice = choice.bytes().next().unwrap_or(0);
    let rule = Rule {
        source_labels: vec!["a".to_owned(), "b".to_owned()],
        separator: ";".to_owned(),
        regex_text: (*pattern).to_owned(),
        regex,
        modulus: u64::from(choice),
        target_label: (*target).to_owned(),
        replacement: (*replacement).to_owned(),
        action: ACTIONS[usize::from(choice.wrapping_sub(b'0')) % ACTIONS.len()],
    };
    let labels = Labels::from_pairs([("a", *value), ("ab", "1"), ("__address__", "x:1")]);
    let rules = [rule.clone(), rule];
    let mut builder = labels.to_builder();
    let kept = apply(&rules, &mut builder).then(|| builder.build());
    let explained = explain(&rules, &labels).pop().and_then(|step| step.after);
    assert_eq!(explained, kept, "{rules:?}");
}

/// Durations, sizes, addresses, escaped names and encoded labels.
pub(crate) const NUMBERS_AND_NAMES: Target = Target {
    name: "numbers_and_names",
    seeds: || {
        let mut seeds = strings(&[
            "1y2w3d4h5m6s7ms",
            "0",
            "1.5GiB512MB",
            "9EiB",
            "[::1]:9090",
            "localhost:80",
            "U___3c0__a_",
            "http.server.duration",
        ]);
        let labels = Labels::from_pairs([("__name__", "a"), ("b", "c")]);
        seeds.push(labels.as_bytes().to_vec());
        seeds
    },
    dictionary: &[
        "ms",
        "EiB",
        "9223372036854775807",
        "1e9",
        ".",
        "U__",
        "_10ffff_",
        "\x7f",
    ],
    run: numbers_and_names,
    memory_max_bytes: 16 << 20,
};

fn numbers_and_names(input: &[u8]) {
    if let Ok(labels) = Labels::from_bytes(input) {
        assert_eq!(labels.as_bytes(), input);
        assert_eq!(Labels::from_pairs(labels.iter()), labels);
    }
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    if let Ok(duration_ms) = parse_duration(text) {
        let written = DurationText(duration_ms).to_string();
        assert_eq!(parse_duration(&written), Ok(duration_ms), "{text:?}");
    }
    // Sizes are read as floats: beyond 2^53 not every byte can be told.
    if let Ok(bytes) = parse_size(text)
        && bytes < 1 << 53
    {
        assert_eq!(parse_size(&size_text(bytes)), Ok(bytes), "{text:?}");
    }
    let _address = parse_address(text);
    let _unescaped = unescape_values(text);
    for scheme in [Escaping::Underscores, Escaping::Dots, Escaping::Values] {
        let escaped = escape(text, scheme);
        assert!(
            text.is_empty() || is_legacy_metric_name(&escaped),
            "{text:?} under {scheme:?}: {escaped:?}"
        );
    }
    if !is_legacy_metric_name(text) {
        assert_eq!(unescape_values(&escape(text, Escaping::Values)), text);
    }
}
