//! What must hold for all texts.

use bellwether_template::{Limits, Mode, TemplateSet};
use proptest::prelude::*;

use crate::common::{data, functions};

/// Pieces of templates, and of what is none.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(vec![
            "{{", "}}", "{{- ", " -}}", "{{end}}", "{{else}}", "{{if .t}}", "{{if .no}}", "{{else if .i}}",
            "{{range .list}}", "{{range $i, $e := .labels}}", "{{with .map}}", "{{else with .s}}",
            "{{define \"a\"}}", "{{template \"a\" .}}", "{{block \"b\" .}}", "{{break}}", "{{continue}}",
            "{{/* c */}}", "{{.s}}", "{{$x := 1}}", "{{$x}}", "{{$x = 2}}", "{{.html}}",
        ]).prop_map(str::to_owned),
        4 => prop::sample::select(vec![
            " ", ".", "$", "$x", ".map", ".n", "(", ")", "|", ":=", "=", ",", "\"", "`", "'a'", "1", "-1.5",
            "0x1f", "print", "printf \"%5.2f %v\"", "and", "or", "not", "index", "slice", "len", "eq", "lt",
            "html", "js", "urlquery", "nil", "true", "double", "shout", "list", ".time", ".Format \"Jan 2\"",
        ]).prop_map(str::to_owned),
        2 => prop::sample::select(vec![
            "<a href=\"", "\">", "<p ", "=", ">", "<script>", "</script>", "<style>", "</style>", "var x = ",
            "'", "`${", "/", "//", "/*", "*/", "<!--", "-->", "url(", ")", "?q=", "\\", "<textarea>", "&quot;",
        ]).prop_map(str::to_owned),
        1 => "[ -~\\n]{0,4}",
        1 => any::<String>(),
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(piece(), 0..24).prop_map(|pieces| pieces.concat())
}

fn limits() -> Limits {
    Limits {
        output_bytes_max: 1 << 16,
        steps_max: 10_000,
        depth_max: 20,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn nothing_panics_and_what_prints_parses_to_the_same(text in text()) {
        let functions = functions();
        for mode in [Mode::Text, Mode::Html] {
            let mut set = TemplateSet::new(mode);
            if set.parse("t", &text, &functions).is_err() {
                continue;
            }
            let first = set.execute("t", &data(), &functions, &limits());
            let mut again = TemplateSet::new(mode);
            for name in set.names() {
                let source = set.source(name).unwrap();
                again.parse(name, &source, &functions).unwrap();
                prop_assert_eq!(again.source(name).unwrap(), source);
            }
            let second = again.execute("t", &data(), &functions, &limits());
            if mode == Mode::Text {
                prop_assert_eq!(first.ok(), second.ok());
            }
        }
    }

    #[test]
    fn values_do_not_change_the_structure_of_a_page(value in any::<String>()) {
        let functions = functions();
        let page = "<p title=\"{{.}}\" class={{.}}>{{.}}</p><a href=\"{{.}}\">x</a><script>var a = {{.}}; var b = '{{.}}';</script>";
        let mut set = TemplateSet::new(Mode::Html);
        set.parse("t", page, &functions).unwrap();
        let out = set.execute("t", &value.into(), &functions, &Limits::default()).unwrap();
        prop_assert_eq!(out.matches('<').count(), 6);
        prop_assert_eq!(out.matches('>').count(), 6);
        let (tags, script) = out.split_once("<script>").unwrap();
        prop_assert_eq!(tags.matches('"').count(), 4);
        prop_assert_eq!(tags.matches('\'').count(), 0);
        let (_, string) = script.rsplit_once("var b = ").unwrap();
        prop_assert_eq!(string.matches('\'').count(), 2);
        prop_assert_eq!(script.matches('\n').count(), 0);
    }

    #[test]
    fn layouts_of_times_never_panic(layout in "[0-9JanMonPMZ_.,: -]{0,20}", text in "[0-9JanMonPMZ_.,: -]{0,20}", ms in any::<i64>()) {
        let time = bellwether_template::Time::from_unix_ms(ms);
        let printed = time.format(&layout);
        let _read = bellwether_template::Time::parse(&layout, &printed);
        let _read = bellwether_template::Time::parse(&layout, &text);
    }
}

/// A time that is printed with all its parts is read back.
#[test]
fn times_are_read_back() {
    for ms in [0, 1, -1, 1_435_065_584_128, 253_402_300_799_999] {
        for layout in [
            "2006-01-02T15:04:05.999999999Z07:00",
            "Mon Jan _2 15:04:05.000 2006",
            "02 January 2006 03:04:05.000 PM -0700",
        ] {
            let time = bellwether_template::Time::from_unix_ms(ms);
            let read = bellwether_template::Time::parse(layout, &time.format(layout)).unwrap();
            assert_eq!(read, time, "{layout}");
        }
    }
}
