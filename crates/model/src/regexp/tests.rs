use proptest::prelude::*;

use super::*;

/// Patterns, texts that they match as a whole, and texts that they do not, worked out from the
/// pages of RE2 and Go and confirmed with Go 1.19.
const TABLE: &[(&str, &[&str], &[&str])] = &[
    // Single characters.
    (".", &["a", "\n", "é", "😀"], &["", "ab"]),
    ("(?-s).", &["a", "\r"], &["\n"]),
    ("(?s-s:.)", &["a"], &["\n"]),
    ("[xyz]", &["x"], &["a", "xy"]),
    ("[^xyz]", &["a", "\n", "é"], &["x", ""]),
    // ASCII, where the engine would take every script.
    (r"\d", &["0", "9"], &["٣", "५", "a"]),
    (r"\D", &["٣", "a", "\n"], &["3"]),
    (
        r"\s",
        &[" ", "\t", "\n", "\u{c}", "\r"],
        &["\u{b}", "\u{a0}", "\u{2003}"],
    ),
    (r"\S", &["\u{b}", "\u{a0}", "é"], &[" "]),
    (r"\w+", &["aZ_09"], &["é", "ſ", "日"]),
    (r"\W", &["é", "-"], &["_", "a"]),
    (r"[\d_]+", &["1_2"], &["٣"]),
    (r"[^\D]", &["3"], &["٣", "x"]),
    (r"[\W\d]", &["é", "7"], &["x"]),
    (r"(?i)\w", &["k", "\u{212a}", "ſ"], &["é"]),
    (r"(?i)\W", &["é"], &["k", "\u{212a}", "ſ"]),
    (r"(?i)[^\W]", &["k", "\u{212a}", "ſ"], &["é"]),
    (r"(?i)[\W]", &["é"], &["s", "ſ"]),
    // Boundaries are those of ASCII words.
    (r".*\bb", &["a-b", "b", "éb"], &["ab", "_b"]),
    (r"a\b.*", &["aé", "a", "a b"], &["ab"]),
    (r"é\B.*", &["é", "é é"], &["éa"]),
    (r"a\Bb", &["ab"], &["a b"]),
    (r".*\B日.*", &["é日", "日"], &["a日"]),
    // POSIX classes.
    ("[[:alpha:]]+", &["azAZ"], &["é", "1"]),
    ("[[:^alpha:]]", &["é", "1"], &["a"]),
    ("[^[:^alpha:]]", &["a"], &["é"]),
    ("[[:word:]-]+", &["a_9-"], &["é"]),
    ("[[:space:]]+", &[" \t\n\u{b}\u{c}\r"], &["\u{a0}"]),
    ("[[:punct:]]+", &["!/:@[`{~-"], &["a", " "]),
    ("[[:print:][:cntrl:]]+", &["a \u{7f}\u{1}"], &["é"]),
    ("[[:xdigit:]]+", &["0aF"], &["g"]),
    ("[[:graph:]]", &["!", "~"], &[" "]),
    ("[[:blank:]]+", &["\t "], &["\n"]),
    ("[[:ascii:]]", &["\u{7f}"], &["\u{80}"]),
    ("(?i)[[:lower:]]+", &["aZ\u{212a}ſ"], &["1"]),
    ("[:alpha:]+", &["alpha:", ":::"], &["b"]),
    ("[[:alpha]+", &["[alph:"], &["b"]),
    // Unicode classes: one letter, names, negations; never properties.
    (r"\pN+", &["1٣Ⅷ½"], &["a"]),
    (r"\PN", &["a"], &["1"]),
    (r"\pLu", &["Au", "éu"], &["A", "uu1"]),
    (r"\p{Lu}+", &["AÉΩ"], &["a"]),
    (r"\p{^Lu}", &["a"], &["A"]),
    (r"\P{^Lu}", &["A"], &["a"]),
    (r"(?i)\p{Lu}", &["a", "A"], &["1"]),
    (r"(?i)\P{Lu}", &["1"], &["a", "A"]),
    (r"\p{Greek}+", &["αΩ"], &["a"]),
    (r"[\p{Greek}\d]+", &["α1"], &["a"]),
    (r"[^\PL]", &["é"], &["1"]),
    (r"\p{Any}", &["\n", "é"], &[""]),
    (r"\p{Cs}?", &[""], &["a"]),
    (r"\P{Cs}", &["a", "\n"], &[""]),
    // Set operations of the engine are plain characters here.
    ("[a&&b]+", &["a&b"], &["c", ""]),
    ("[a-c&&b-d]+", &["a&d"], &["e"]),
    ("[!--b]", &["!", "#", "-", "b"], &["a"]),
    ("[+--]", &["+", ",", "-"], &["."]),
    ("[a~~b]+", &["a~b"], &["c"]),
    ("[[a]]", &["[]", "a]"], &["a", "["]),
    ("[a[b]", &["a", "[", "b"], &["]"]),
    ("[]a]", &["]", "a"], &["b"]),
    ("[^]a]", &["b"], &["]", "a"]),
    ("[-a]", &["-", "a"], &["b"]),
    ("[a-]", &["-", "a"], &["b"]),
    ("[a^]", &["^", "a"], &["b"]),
    (r"[\]\-\\]+", &[r"]-\"], &["a"]),
    (r"[\d-z]+", &["1-z"], &["y"]),
    (r"[\n-\r]", &["\n", "\u{b}", "\r"], &["\t"]),
    (r"[\x{1F600}-\x{1F64F}]", &["😀"], &["a"]),
    (
        r"[\x{D000}-\x{E000}]",
        &["\u{d000}", "\u{d7ff}", "\u{e000}"],
        &["a"],
    ),
    (r"[\x{D800}-\x{DFFF}]|a", &["a"], &["\u{e000}"]),
    (r"[^\x{D800}]", &["a"], &[""]),
    (r"[^\x00-\x{10FFFF}]?", &[""], &["a"]),
    (r"\x{D800}|a", &["a"], &["\u{fffd}"]),
    ("(?i)[k-l]", &["K", "\u{212a}", "L"], &["m"]),
    ("(?i)[^k]", &["l"], &["k", "K", "\u{212a}"]),
    // Composites and empty choices.
    ("ab|cd", &["ab", "cd"], &["abcd", "ad"]),
    ("a||b", &["", "a", "b"], &["c"]),
    ("|", &[""], &["a"]),
    ("(|a)*b", &["b", "aab"], &["a"]),
    ("()", &[""], &["a"]),
    ("(?:)*a", &["a"], &[""]),
    ("(a|ab)(c|bcd)", &["abcd", "ac", "abc"], &["a"]),
    // Repetitions, and braces that begin none.
    ("a*b+c?", &["b", "aabbc"], &["ac"]),
    ("a{2}", &["aa"], &["a", "aaa"]),
    ("a{2,}", &["aa", "aaaa"], &["a"]),
    ("a{2,3}", &["aa", "aaa"], &["a", "aaaa"]),
    ("a{0}b", &["b"], &["ab"]),
    ("a{0,0}", &[""], &["a"]),
    ("a{2}?", &["aa"], &["a"]),
    ("a{2,3}?b", &["aab", "aaab"], &["ab"]),
    ("a{", &["a{"], &["a"]),
    ("{foo}", &["{foo}"], &["foo"]),
    ("{", &["{"], &[""]),
    ("}", &["}"], &[""]),
    ("a}b]c", &["a}b]c"], &[""]),
    ("a{,5}", &["a{,5}"], &["aaa"]),
    ("a{}", &["a{}"], &["a"]),
    ("a{,}", &["a{,}"], &["a"]),
    ("a{ 1}", &["a{ 1}"], &["a"]),
    ("a{1 }", &["a{1 }"], &["a"]),
    ("a{01}", &["a{01}"], &["a"]),
    ("a{1,x}", &["a{1,x}"], &["a"]),
    ("a{1", &["a{1"], &["a"]),
    ("a{1,", &["a{1,"], &["a"]),
    ("a{{2}", &["a{{"], &["aa"]),
    ("x*{", &["xx{"], &["x"]),
    (r"\d{2}{x}", &["12{x}"], &["12"]),
    ("${x}", &[], &["", "x", "${x}"]),
    ("a{1000}", &[], &["a"]),
    ("(a{10}){100}", &[], &["a"]),
    ("(a{0}){1000}", &[""], &["a"]),
    ("((a{1000}){0}){1000}", &[""], &["a"]),
    ("(?:^)*a", &["a"], &[""]),
    ("^*a$+", &["a"], &[""]),
    (r"\b+a\b*", &["a"], &[""]),
    // An operator takes one character of a literal, and looks through flags and empty quotes.
    ("ab*", &["a", "abb"], &["abab"]),
    (r"\Qab\E*", &["a", "abb"], &["abab"]),
    ("a(?i)*b", &["B", "aab"], &["Ab"]),
    (r"a\Q\E*", &["", "aa"], &["b"]),
    ("a+(?i)+", &["a", "aa"], &["A"]),
    // Flags.
    ("(?i)ABC", &["abc", "aBc"], &["ab"]),
    ("(?i)straße", &["STRAßE", "ſtraẞe"], &["strasse"]),
    ("(?i)k", &["K", "\u{212a}"], &["l"]),
    ("(?i)ı|i", &["i", "I", "ı"], &["İ"]),
    ("a(?i)b|c", &["ab", "aB", "c", "C"], &["Ab"]),
    ("(a(?i)b)c", &["aBc"], &["abC"]),
    ("(?i:a)b", &["Ab"], &["aB"]),
    ("(?i)a(?-i)b", &["Ab"], &["aB"]),
    ("(?ii)a", &["A"], &["b"]),
    ("(?i-i)a", &["a"], &["A"]),
    ("(?)a", &["a"], &["A"]),
    ("(?i-s:a.)", &["Ab"], &["a\n"]),
    ("(?m)^a$.^b$", &["a\nb"], &["a b"]),
    ("a$.b", &[], &["a\nb"]),
    ("(?m)a$(?s:.)^", &["a\n"], &["a"]),
    ("(?U)a+", &["aa"], &[""]),
    (r"\Aa\z", &["a"], &["a\n"]),
    ("a$", &["a"], &["a\n"]),
    // Nothing is written in the engine's verbose syntax.
    ("a b # c", &["a b # c"], &["ab"]),
    (" *", &["", "  "], &["a"]),
    // Quotes.
    (r"\Qa.b|c\E", &["a.b|c"], &["axb", "c"]),
    (r"\Q\E", &[""], &["a"]),
    (r"\Q[\E\d", &["[1"], &["1"]),
    (r"a\Q+\E+", &["a++"], &["aa"]),
    (r"\Q\d\E", &[r"\d"], &["1"]),
    (r"(?i)\Qa\E", &["A"], &["b"]),
    // Escapes.
    (r"\a\f\t\n\r\v", &["\u{7}\u{c}\t\n\r\u{b}"], &[""]),
    (r"\123", &["S"], &["123"]),
    (r"\1234", &["S4"], &["S"]),
    (r"\0", &["\0"], &["0"]),
    (r"\08", &["\u{0}8"], &["8"]),
    (r"\12", &["\n"], &["12"]),
    (r"\777", &["ǿ"], &["7"]),
    (r"\x41", &["A"], &["x41"]),
    (r"\x412", &["A2"], &["A"]),
    (r"\xe9", &["é"], &["e9"]),
    (r"\x{10FFFF}", &["\u{10ffff}"], &[""]),
    (r"\x{00000041}", &["A"], &[""]),
    (r"\.\*\+\?\(\)\[\]\{\}\^\$\|\\", &[r".*+?()[]{}^$|\"], &[""]),
    (
        r"\-\_\/\#\&\~\ \<\>\:\!\@\%\=\;\,\'\`",
        &["-_/#&~ <>:!@%=;,'`"],
        &[""],
    ),
    (r#"\""#, &["\""], &[""]),
    (r"[\a\123\x{41}\.]+", &["\u{7}SA."], &["a"]),
    // Groups.
    ("(?P<a>x)(?P<b_2>y)", &["xy"], &["x"]),
    ("(?P<1>x)", &["x"], &[""]),
    ("(?P<a>x)(?P<a>y)", &["xy"], &["x"]),
    ("((((a))))", &["a"], &[""]),
];

#[test]
fn patterns_mean_what_they_mean_in_go() {
    for (pattern, yes, no) in TABLE {
        let regexp = Regexp::anchored(pattern).unwrap();
        for text in *yes {
            assert!(regexp.is_match(text), "{pattern} on {text:?}: {regexp:?}");
        }
        for text in *no {
            assert!(!regexp.is_match(text), "{pattern} on {text:?}: {regexp:?}");
        }
    }
    // What Prometheus puts around the pattern would end up in a quote that stays open.
    assert!(Regexp::anchored(r"\Qa.b").unwrap().is_match("a.b"));
    // Newer than the Go that confirmed the table.
    assert!(Regexp::anchored("(?<a>x)").unwrap().is_match("x"));
    assert!(Regexp::anchored(r"\p{Letter}").unwrap().is_match("é"));
}

#[test]
fn what_go_refuses_is_refused_with_its_place() {
    for (pattern, reason) in [
        ("a(b", "missing ) for the group (character 2)"),
        ("é(b(c)", "missing ) for the group (character 2)"),
        ("a)b", "unexpected ) (character 2)"),
        ("a)(b", "unexpected ) (character 2)"),
        ("x[a", "missing ] for the character class (character 2)"),
        ("x[]", "missing ] for the character class (character 2)"),
        ("[^]", "missing ] for the character class (character 1)"),
        ("[a-", "missing ] for the character class (character 1)"),
        (
            "x[z-a]",
            "\"z-a\" is not a range of characters (character 3)",
        ),
        (
            "[a--b]",
            "\"a--\" is not a range of characters (character 2)",
        ),
        (
            r"[a-\d]",
            "\"\\\\d\" is not an escape sequence (character 4)",
        ),
        (
            "[[:foo:]]",
            "\"[:foo:]\" is not a character class (character 2)",
        ),
        ("*a", "nothing to repeat before \"*\" (character 1)"),
        ("a|*", "nothing to repeat before \"*\" (character 3)"),
        ("(+)", "nothing to repeat before \"+\" (character 2)"),
        ("(?i)?", "nothing to repeat before \"?\" (character 5)"),
        ("{2}", "nothing to repeat before \"{2}\" (character 1)"),
        (
            "a**",
            "a repetition cannot be repeated by \"**\" (character 2)",
        ),
        (
            "a*?+",
            "a repetition cannot be repeated by \"*?+\" (character 2)",
        ),
        (
            "a{2}{3}",
            "a repetition cannot be repeated by \"{2}{3}\" (character 2)",
        ),
        (
            "a{1001}",
            "repeat count \"{1001}\" is not allowed: want at most 1000, the smaller number first (character 2)",
        ),
        (
            "a{99999999999}",
            "repeat count \"{99999999999}\" is not allowed: want at most 1000, the smaller number first (character 2)",
        ),
        (
            "a{3,2}",
            "repeat count \"{3,2}\" is not allowed: want at most 1000, the smaller number first (character 2)",
        ),
        (
            "(a{100}){11}",
            "repeat count \"{11}\" is not allowed: with those inside it makes 1100 copies, want at most 1000 (character 9)",
        ),
        (r"a\", "nothing behind the backslash (character 2)"),
        (r"\C", "\"\\\\C\" is not an escape sequence (character 1)"),
        (r"\Z", "\"\\\\Z\" is not an escape sequence (character 1)"),
        (r"\1", "\"\\\\1\" is not an escape sequence (character 1)"),
        (r"\8", "\"\\\\8\" is not an escape sequence (character 1)"),
        (r"\é", "\"\\\\é\" is not an escape sequence (character 1)"),
        (r"\E", "\"\\\\E\" is not an escape sequence (character 1)"),
        (r"[\b]", "\"\\\\b\" is not an escape sequence (character 2)"),
        (
            r"\u00e9",
            "\"\\\\u\" is not an escape sequence (character 1)",
        ),
        (
            r"\x{110000}",
            "\"\\\\x{110000\" is not an escape sequence (character 1)",
        ),
        (
            r"\x{}",
            "\"\\\\x{}\" is not an escape sequence (character 1)",
        ),
        (r"\x4", "\"\\\\x4\" is not an escape sequence (character 1)"),
        (
            r"\pX",
            "\"\\\\pX\" is not a category or script of Unicode (character 1)",
        ),
        (
            r"\p",
            "\"\\\\p\" is not a category or script of Unicode (character 1)",
        ),
        (r"\p{", "missing } behind the class's name (character 1)"),
        (
            r"\p{Alphabetic}",
            "\"\\\\p{Alphabetic}\" is not a category or script of Unicode (character 1)",
        ),
        (
            r"\p{sc=Greek}",
            "\"\\\\p{sc=Greek}\" is not a category or script of Unicode (character 1)",
        ),
        (
            "(?x)a",
            "\"(?x\" begins no group: want (?:, (?P<name>, (?<name> or flags of i, m, s and U (character 1)",
        ),
        (
            "(?u)a",
            "\"(?u\" begins no group: want (?:, (?P<name>, (?<name> or flags of i, m, s and U (character 1)",
        ),
        (
            "(?=a)",
            "\"(?=\" begins no group: want (?:, (?P<name>, (?<name> or flags of i, m, s and U (character 1)",
        ),
        (
            "(?i-)a",
            "\"(?i-)\" begins no group: want (?:, (?P<name>, (?<name> or flags of i, m, s and U (character 1)",
        ),
        (
            "(?i",
            "\"(?i\" begins no group: want (?:, (?P<name>, (?<name> or flags of i, m, s and U (character 1)",
        ),
        (
            "(?P=a)",
            "\"(?P\" begins no group: want (?:, (?P<name>, (?<name> or flags of i, m, s and U (character 1)",
        ),
        ("(?P<a", "missing > behind the group's name (character 1)"),
        (
            "(?P<a.b>x)",
            "\"a.b\" cannot name a group: want ASCII letters, digits and underscores (character 5)",
        ),
        (
            "(?P<>x)",
            "\"\" cannot name a group: want ASCII letters, digits and underscores (character 5)",
        ),
    ] {
        let error = Regexp::anchored(pattern).unwrap_err();
        assert_eq!(error.reason, reason, "{pattern}");
        assert_eq!(
            error.to_string(),
            format!("{pattern:?} is not a regular expression: {reason}")
        );
    }
}

#[test]
fn size_and_depth_have_limits() {
    let nested = |depth: usize| format!("{}a{}", "(".repeat(depth), ")*".repeat(depth));
    assert!(Regexp::anchored(&nested(49)).unwrap().is_match("aa"));
    let choices = format!("{}a{}", "(b|c".repeat(98), ")".repeat(98));
    assert!(!Regexp::anchored(&choices).unwrap().is_match("a"));
    for deep in [nested(50), nested(100_000), "(".repeat(100_000)] {
        let error = Regexp::anchored(&deep).unwrap_err();
        assert!(
            error
                .reason
                .starts_with("groups and repetitions nest more than 100 levels deep"),
            "{}",
            error.reason
        );
    }
    let deep = format!("a{}", "*(?i)".repeat(120));
    assert!(Regexp::anchored(&deep).is_err());
    let error = Regexp::anchored(r"[\pL\pN]{1000}{x}|\PL{1000}|\PM{1000}").unwrap_err();
    assert_eq!(error.reason, "compiled it takes more than 16 MiB");
    // The same with ASCII classes is small.
    assert!(Regexp::anchored(r"[\w]{1000}|\d{1000}|\s{1000}").is_ok());
}

#[test]
fn templates_are_filled_in_as_in_go() {
    let check = |pattern: &str, text: &str, template: &str, want: &str| {
        let regexp = Regexp::anchored(pattern).unwrap();
        let mut out = String::from("<");
        regexp.captures(text).unwrap().expand(template, &mut out);
        assert_eq!(out, format!("<{want}"), "{template} of {pattern} on {text}");
    };
    let check_ab = |template, want| check("(?P<first>a)(?P<x_1>b)(c)?(é)?", "ab", template, want);
    check_ab("$1", "a");
    check_ab("$1-$2", "a-b");
    check_ab("$0", "ab");
    check_ab("$1x", "");
    check_ab("$1_", "");
    check_ab("$1é|$1日", "|");
    check_ab("$1ी", "aी");
    check_ab("${1}x", "ax");
    check_ab("${first}$x_1", "ab");
    check_ab("$first$x_1 ", "ab ");
    check_ab("$firstx", "");
    check_ab("$3|$4|$5|$99999999999999999999", "|||");
    check_ab("$01|$00", "|");
    check_ab("$$1|$$$1", "$1|$a");
    check_ab("$", "$");
    check_ab("a$", "a$");
    check_ab("$-$(1)", "$-$(1)");
    check_ab("${1", "${1");
    check_ab("${}${a-b}${1 }", "${}${a-b}${1 }");
    check_ab(r"\1", r"\1");
    check("(?P<a>x)?(?P<a>y)", "y", "$a", "y");
    check("(?P<a>x)(?P<a>y)", "xy", "$a", "x");
    check("(?P<1x>.)", "z", "$1x", "z");
    // Greed decides what groups hold.
    check("(a*)(a*)", "aa", "$1|$2", "aa|");
    check("(a*?)(a*)", "aa", "$1|$2", "|aa");
    check("(?U)(a*)(a*)", "aa", "$1|$2", "|aa");
    check("(?U)(a*?)(a*)", "aa", "$1|$2", "aa|");
    check("(a|ab)(c|bcd)", "abcd", "$1|$2", "a|bcd");
    check("(a|b)*", "ab", "$1", "b");
}

/// A pattern as a tree, for the matcher below.
#[derive(Debug, Clone)]
enum Tree {
    Char(char, u8),
    Any,
    Class(bool, Vec<(char, char)>),
    Fold(char),
    Start,
    End,
    Concat(Vec<Tree>),
    Choice(Vec<Tree>),
    Repeat(Box<Tree>, u32, Option<u32>, bool),
}

impl Tree {
    /// In one of the ways to write it.
    fn write(&self, out: &mut String) {
        match self {
            Self::Char(c, way) => match way % 5 {
                0 if c.is_ascii_alphanumeric() => out.push(*c),
                1 => out.push_str(&format!(r"\Q{c}\E")),
                2 if u32::from(*c) < 0o1000 => out.push_str(&format!(r"\{:03o}", u32::from(*c))),
                3 => out.push_str(&format!("[{}]", escaped(*c))),
                4 if c.is_ascii_punctuation() => out.push_str(&format!(r"\{c}")),
                _ => out.push_str(&format!(r"\x{{{:x}}}", u32::from(*c))),
            },
            Self::Any => out.push('.'),
            Self::Class(is_negated, ranges) => {
                out.push_str(if *is_negated { "[^" } else { "[" });
                for (low, high) in ranges {
                    out.push_str(&format!("{}-{}", escaped(*low), escaped(*high)));
                }
                out.push(']');
            }
            Self::Fold(c) => out.push_str(&format!("(?i:{})", escaped(*c))),
            Self::Start => out.push('^'),
            Self::End => out.push('$'),
            Self::Concat(parts) => parts.iter().for_each(|part| part.write(out)),
            Self::Choice(choices) => {
                out.push_str("(?:");
                for (index, choice) in choices.iter().enumerate() {
                    out.push_str(if index > 0 { "|" } else { "" });
                    choice.write(out);
                }
                out.push(')');
            }
            Self::Repeat(inner, min, max, is_lazy) => {
                out.push_str("(?:");
                inner.write(out);
                out.push(')');
                match (min, max) {
                    (0, None) => out.push('*'),
                    (1, None) => out.push('+'),
                    (min, None) => out.push_str(&format!("{{{min},}}")),
                    (min, Some(max)) => out.push_str(&format!("{{{min},{max}}}")),
                }
                out.push_str(if *is_lazy { "?" } else { "" });
            }
        }
    }

    /// Whether one character matches, for the elements that take one.
    fn takes(&self, c: char) -> bool {
        match self {
            Self::Char(own, _) => *own == c,
            Self::Any => true,
            Self::Class(is_negated, ranges) => {
                ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *is_negated
            }
            Self::Fold(own) => own.eq_ignore_ascii_case(&c),
            _ => false,
        }
    }

    /// Where matches that begin at one of the starts may end.
    fn ends(&self, text: &[char], starts: &[usize]) -> Vec<usize> {
        let mut ends = match self {
            Self::Start => starts.iter().copied().filter(|at| *at == 0).collect(),
            Self::End => starts
                .iter()
                .copied()
                .filter(|at| *at == text.len())
                .collect(),
            Self::Concat(parts) => {
                let first = starts.to_vec();
                parts.iter().fold(first, |at, part| part.ends(text, &at))
            }
            Self::Choice(choices) => choices.iter().flat_map(|c| c.ends(text, starts)).collect(),
            Self::Repeat(inner, min, max, _) => {
                // More rounds than characters reach nothing new.
                let rounds = max.unwrap_or(min + text.len() as u32);
                let mut now = starts.to_vec();
                let mut all = if *min == 0 { now.clone() } else { Vec::new() };
                for round in 1..=rounds {
                    now = inner.ends(text, &now);
                    if round >= *min {
                        all.extend(&now);
                    }
                }
                all
            }
            one => starts
                .iter()
                .filter(|at| text.get(**at).is_some_and(|c| one.takes(*c)))
                .map(|at| at + 1)
                .collect(),
        };
        ends.sort_unstable();
        ends.dedup();
        ends
    }
}

fn escaped(c: char) -> String {
    if c.is_ascii_punctuation() {
        format!(r"\{c}")
    } else {
        c.to_string()
    }
}

const ALPHABET: [char; 9] = ['a', 'b', 'B', '1', '.', '{', '\n', 'é', '-'];

fn character() -> impl Strategy<Value = char> {
    prop::sample::select(&ALPHABET[..])
}

fn tree() -> impl Strategy<Value = Tree> {
    let range = (character(), character()).prop_map(|(a, b)| (a.min(b), a.max(b)));
    let leaf = prop_oneof![
        4 => (character(), any::<u8>()).prop_map(|(c, way)| Tree::Char(c, way)),
        1 => Just(Tree::Any),
        1 => (any::<bool>(), prop::collection::vec(range, 1..3))
            .prop_map(|(is_negated, ranges)| Tree::Class(is_negated, ranges)),
        1 => prop::sample::select(&['a', 'b', 'B'][..]).prop_map(Tree::Fold),
        1 => Just(Tree::Start),
        1 => Just(Tree::End),
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        let max = prop::option::of(0..3u32);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Tree::Concat),
            prop::collection::vec(inner.clone(), 1..4).prop_map(Tree::Choice),
            (inner, 0..3u32, max, any::<bool>()).prop_map(|(inner, min, more, is_lazy)| {
                let max = more.map(|more| min + more);
                Tree::Repeat(Box::new(inner), min, max, is_lazy)
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// Agrees with a matcher that follows the tree and knows nothing of patterns.
    #[test]
    fn matches_what_the_tree_matches(
        tree in tree(),
        texts in prop::collection::vec(prop::collection::vec(character(), 0..5), 1..8),
    ) {
        let mut pattern = String::new();
        tree.write(&mut pattern);
        let regexp = Regexp::anchored(&pattern).unwrap();
        let condition = Condition::compile(&pattern).unwrap();
        for text in texts {
            let want = tree.ends(&text, &[0]).contains(&text.len());
            let text: String = text.into_iter().collect();
            prop_assert_eq!(regexp.is_match(&text), want, "{} on {:?}: {:?}", pattern, text, regexp);
            prop_assert_eq!(condition.matches(&text), want, "{} on {:?}: {:?}", pattern, text, condition);
        }
    }

    /// Whatever our parser takes, the engine takes, but for its size.
    #[test]
    fn what_is_parsed_compiles(pattern in r"([a-z0-9\[\](){}|*+?.^$\\:<>&~,=#PpQEUims é-]|\\[pPQEdDxbB]|\[:\^?(alpha|word):\]|\(\?[imsU]){0,30}") {
        if let Err(error) = Regexp::anchored(&pattern) {
            let is_known = [
                "missing", "unexpected", "nothing", "a repetition", "repeat count", "is not",
                "begins no group", "cannot name", "nest", "compiled",
            ];
            prop_assert!(is_known.iter().any(|known| error.reason.contains(known)), "{}", error);
        }
    }
}
