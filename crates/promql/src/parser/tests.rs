use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::*;
use crate::ast::{DurationExpr, DurationKind};
use crate::ast_json;

fn testdata(name: &str) -> PathBuf {
    Path::new("testdata/parser").join(name)
}

/// Compares the answers to all queries of a file with those that stand in it. A line that is
/// indented belongs to the query before it.
fn check_file(name: &str, answer: impl Fn(&str) -> String) {
    let path = testdata(name);
    let text = std::fs::read_to_string(&path).unwrap();
    let mut want = String::new();
    for line in text.lines() {
        let is_answer = line.starts_with("  ");
        if is_answer {
            continue;
        }
        want.push_str(line);
        want.push('\n');
        if line.is_empty() || line.starts_with("# ") {
            continue;
        }
        for answer_line in answer(line).lines() {
            writeln!(want, "  {answer_line}").unwrap();
        }
    }
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, want).unwrap();
        return;
    }
    for (got, want) in text.lines().zip(want.lines()) {
        assert_eq!(
            got, want,
            "{name}: run with UPDATE_EXPECT=1 and read the diff"
        );
    }
    assert_eq!(text, want);
}

#[test]
fn queries_are_read_or_refused() {
    let features = Features::all();
    check_file("queries.txt", |query| match parse(query, &features) {
        Ok(expr) => format!("= {expr}"),
        Err(error) => format!("! {error}"),
    });
}

#[test]
fn long_queries_are_split() {
    let features = Features::all();
    check_file("pretty.txt", |query| {
        let expr = parse(query, &features).unwrap();
        let pretty = expr.pretty();
        let again = parse(&pretty, &features).unwrap();
        assert_eq!(without_positions(again), without_positions(expr));
        pretty
    });
}

#[test]
fn trees_are_shown_as_json() {
    let features = Features::all();
    check_file("json.txt", |query| {
        ast_json(&parse(query, &features).unwrap()).to_string()
    });
}

#[test]
fn experimental_parts_are_refused_unless_enabled() {
    let check = |query: &str, want: &str| {
        let error = parse(query, &Features::none()).unwrap_err();
        assert_eq!(error.to_string(), want);
        assert!(parse(query, &Features::all()).is_ok(), "{query}");
    };
    check(
        "1 + mad_over_time(a[5m])",
        "1:5: parse error: function \"mad_over_time\" is not enabled",
    );
    check(
        "limitk(1, a)",
        "1:1: parse error: limitk() is experimental and must be enabled with --enable-feature=promql-experimental-functions",
    );
    check(
        "a[5m+1m]",
        "1:3: parse error: experimental duration expression is not enabled",
    );
    check(
        "a offset step()",
        "1:10: parse error: experimental duration expression is not enabled",
    );
    check(
        "rate(a[5m] smoothed)",
        "1:6: parse error: smoothed modifier is experimental and not enabled",
    );
    check(
        "a + fill(0) b",
        "1:1: parse error: binop fill modifiers are experimental and not enabled",
    );
}

#[test]
fn positions_reach_over_lines() {
    let features = Features::default();
    let error = parse("sum(\n  rate(up)\n)", &features).unwrap_err();
    assert_eq!(
        error.to_string(),
        "2:8: parse error: expected type range vector in call to function \"rate\", got instant vector"
    );
    assert_eq!(error.range, PosRange::new(12, 14));
    let error = parse("", &features).unwrap_err();
    assert_eq!(
        error.to_string(),
        "unknown position: parse error: no expression found in input"
    );
    assert_eq!(
        parse("a # one\n+ # two\nb", &features).unwrap().to_string(),
        "a + b"
    );
}

#[test]
fn each_node_knows_its_bytes() {
    let query = "sum by (x) (rate(a{b=\"c\"}[5m] offset 1m)) / -(f)";
    let expr = parse(query, &Features::default()).unwrap();
    let mut found = Vec::new();
    fn collect<'q>(expr: &Expr, query: &'q str, found: &mut Vec<&'q str>) {
        let range = expr.range();
        found.push(query.get(range.start as usize..range.end as usize).unwrap());
        for child in expr.children() {
            collect(child, query, found);
        }
    }
    collect(&expr, query, &mut found);
    assert_eq!(
        found,
        [
            query,
            "sum by (x) (rate(a{b=\"c\"}[5m] offset 1m))",
            "rate(a{b=\"c\"}[5m] offset 1m)",
            "a{b=\"c\"}[5m] offset 1m",
            "-(f)",
            "(f)",
            "f",
        ]
    );
}

#[test]
fn nesting_is_bounded() {
    let features = Features::all();
    let check = |query: &str, is_fine: bool| {
        let result = parse(query, &features);
        assert_eq!(result.is_ok(), is_fine, "{:.60}: {result:.60?}", query);
        if let Err(error) = result {
            assert!(error.message.contains("nested too deeply"), "{error}");
        }
    };
    let wrapped = |open: &str, inner: &str, close: &str, count: usize| {
        format!("{}{inner}{}", open.repeat(count), close.repeat(count))
    };
    check(&wrapped("(", "1", ")", 180), true);
    check(&wrapped("(", "1", ")", 100_000), false);
    check(&wrapped("abs(", "a", ")", 180), true);
    check(&wrapped("abs(", "a", ")", 5_000), false);
    check(&wrapped("-", "a", "", 180), true);
    check(&wrapped("-", "a", "", 100_000), false);
    check(&wrapped("1 + ", "1", "", 380), true);
    check(&wrapped("1 + ", "1", "", 100_000), false);
    check(&wrapped("2 ^ ", "1", "", 100_000), false);
    check(&format!("a[{}]", wrapped("(", "5m", ")", 100_000)), false);
    check(&format!("a[{}]", wrapped("1 + ", "5m", "", 100_000)), false);
    check(&format!("a[{}]", wrapped("-", "5m", "", 100_000)), false);
}

#[test]
fn match_parameters_are_read() {
    let check = |text: &str, want: Result<&str, &str>| {
        let got = parse_metric_selector(text)
            .map(|matchers| {
                let shown: Vec<_> = matchers.iter().map(ToString::to_string).collect();
                shown.join(" ")
            })
            .map_err(|error| error.to_string());
        assert_eq!(got.as_deref().map_err(String::as_str), want, "{text}");
    };
    check("up{job=\"a\"}", Ok("job=\"a\" __name__=\"up\""));
    check("{\"a b\"}", Ok("__name__=\"a b\""));
    check("{}", Ok(""));
    check("up[5m]", Err("1:3: parse error: unexpected \"[\""));
    check(
        "",
        Err("unknown position: parse error: unexpected end of input"),
    );
    check("1", Err("1:1: parse error: unexpected number \"1\""));
}

fn duration_without_positions(duration: &mut DurationExpr) {
    duration.range = PosRange::default();
    match &mut duration.kind {
        DurationKind::Number(number) => number.range = PosRange::default(),
        DurationKind::Step | DurationKind::Range => {}
        DurationKind::Unary(_, operand) => duration_without_positions(operand),
        DurationKind::MinOf(a, b) | DurationKind::MaxOf(a, b) | DurationKind::Binary(_, a, b) => {
            duration_without_positions(a);
            duration_without_positions(b);
        }
    }
}

fn selector_without_positions(selector: &mut VectorSelector) {
    selector.range = PosRange::default();
    selector.matchers.sort_by_key(ToString::to_string);
    if let Some(offset) = &mut selector.offset_expr {
        duration_without_positions(offset);
    }
}

/// The tree with all positions 0 and matchers in the order in which they are printed.
fn without_positions(mut expr: Expr) -> Expr {
    fn strip(expr: &mut Expr) {
        match expr {
            Expr::Number(node) => node.range = PosRange::default(),
            Expr::String(node) => node.range = PosRange::default(),
            Expr::Vector(node) => selector_without_positions(node),
            Expr::Matrix(node) => {
                node.range = PosRange::default();
                selector_without_positions(&mut node.selector);
                if let Some(window) = &mut node.window_expr {
                    duration_without_positions(window);
                }
            }
            Expr::Subquery(node) => {
                node.range = PosRange::default();
                let durations = [
                    &mut node.window_expr,
                    &mut node.step_expr,
                    &mut node.offset_expr,
                ];
                for duration in durations.into_iter().flatten() {
                    duration_without_positions(duration);
                }
            }
            Expr::Call(node) => node.range = PosRange::default(),
            Expr::Aggregate(node) => node.range = PosRange::default(),
            Expr::Binary(_) => {}
            Expr::Unary(node) => node.start = 0,
            Expr::Paren(node) => node.range = PosRange::default(),
        }
        for child in expr.children_mut() {
            strip(child);
        }
    }
    strip(&mut expr);
    expr
}

fn one_of(words: &'static [&'static str]) -> impl Strategy<Value = String> + Clone {
    proptest::sample::select(words).prop_map(str::to_owned)
}

fn duration_text() -> impl Strategy<Value = String> + Clone {
    let leaf = one_of(&["5m", "90", "1h30m", "0.5", "step()", "range()", "(2m)"]);
    leaf.prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            (
                inner.clone(),
                one_of(&["+", "-", "*", "/", "%", "^"]),
                inner.clone()
            )
                .prop_map(|(a, op, b)| format!("{a} {op} {b}")),
            (one_of(&["max_of", "min_of"]), inner.clone(), inner.clone())
                .prop_map(|(f, a, b)| format!("{f}({a}, {b})")),
            inner.clone().prop_map(|a| format!("({a})")),
            inner.prop_map(|a| format!("-({a})")),
        ]
    })
}

fn modifiers() -> impl Strategy<Value = String> + Clone {
    (
        one_of(&["", " @ 12.5", " @ start()", " @ end()", " @ -3"]),
        prop_oneof![
            Just(String::new()),
            one_of(&[" offset 5m", " offset -1h", " offset 0.25"]),
            duration_text().prop_map(|d| format!(" offset ({d})")),
        ],
    )
        .prop_map(|(at, offset)| format!("{at}{offset}"))
}

fn selector_text() -> impl Strategy<Value = String> + Clone {
    let matcher = (
        one_of(&["job", "by", "\"a b\"", "le"]),
        one_of(&["=", "!=", "=~", "!~"]),
        one_of(&["\"x\"", "'a|b'", "`\\d+`", "\"\\\"ä\\n\""]),
    )
        .prop_map(|(name, op, value)| format!("{name}{op}{value}"));
    (
        one_of(&["up", "a:b", "sum", "offset", "fill", "and"]),
        proptest::collection::vec(matcher, 0..3),
    )
        .prop_map(|(name, matchers)| format!("{name}{{{}}}", matchers.join(", ")))
}

fn vector_text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        (selector_text(), modifiers()).prop_map(|(s, m)| {
            // An offset in parentheses takes the operators after it with it.
            if m.contains("offset (") {
                format!("({s}{m})")
            } else {
                format!("{s}{m}")
            }
        }),
        (
            one_of(&["rate", "max_over_time", "deriv"]),
            selector_text(),
            duration_text(),
            one_of(&["", " anchored", " smoothed"]),
            modifiers()
        )
            .prop_map(|(f, s, d, e, m)| format!("{f}({s}[{d}]{e}{m})")),
    ];
    let labels = || one_of(&["", "x", "x, y", "\"odd label\", by"]);
    leaf.prop_recursive(4, 24, 3, move |inner| {
        prop_oneof![
            (
                one_of(&["sum", "topk", "avg", "quantile", "limitk"]),
                one_of(&["by", "without"]),
                labels(),
                inner.clone()
            )
                .prop_map(|(op, word, labels, inner)| {
                    let param = if op == "sum" || op == "avg" {
                        ""
                    } else {
                        "0.5, "
                    };
                    format!("{op} {word} ({labels}) ({param}{inner})")
                }),
            (
                inner.clone(),
                one_of(&[
                    "+", "-", "*", "/", "%", "^", "atan2", "==", "!= bool", "<", ">= bool", "</",
                    ">/"
                ]),
                one_of(&[
                    "",
                    " on (x)",
                    " ignoring (x, y)",
                    " on (x) group_left (y)",
                    " ignoring () group_right ()",
                    " fill (1e+06)",
                    " on () fill_left (-0.5) fill_right (Inf)"
                ]),
                inner.clone()
            )
                .prop_map(|(a, op, m, b)| format!("{a} {op}{m} {b}")),
            (
                inner.clone(),
                one_of(&["and", "or", "unless on (x)"]),
                inner.clone()
            )
                .prop_map(|(a, op, b)| format!("{a} {op} {b}")),
            (
                inner.clone(),
                one_of(&["+ 1", "> -2.5", "^ 2 ^ 3", "* 5m", "== 0x10"])
            )
                .prop_map(|(a, b)| format!("({a} {b})")),
            (
                inner.clone(),
                duration_text(),
                one_of(&["", "1m", "step()"]),
                modifiers()
            )
                .prop_map(|(a, d, s, m)| format!("sum_over_time(({a})[{d}:{s}]{m})")),
            inner.clone().prop_map(|a| format!("-{a}")),
            inner.clone().prop_map(|a| format!("({a})")),
            inner.prop_map(|a| format!("label_replace({a}, 'd', \"$1\", `s`, '(.*)')")),
        ]
    })
}

#[test]
fn offsets_with_two_signs_read_back() {
    let printed = |text: &str| parse(text, &Features::all()).unwrap().to_string();
    assert_eq!(printed("a offset -- 2 - 1"), "a offset (2 - 1)");
    assert_eq!(printed("a offset (2 - 1)"), "a offset (2 - 1)");
    assert_eq!(printed("a offset -- 2"), "a offset 2s");
}

#[test]
fn powers_of_infinity_read_back() {
    let printed = |text: &str| parse(text, &Features::all()).unwrap().to_string();
    assert_eq!(printed("1 - Inf ^ a - +Inf"), "1 - Inf ^ a - +Inf");
    assert_eq!(printed(&printed("Inf ^ a")), "Inf ^ a");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_is_printed_reads_back_the_same(text in vector_text()) {
        let features = Features::all();
        let expr = match parse(&text, &features) {
            Ok(expr) => expr,
            // A literal of 0 or less can come out of the generated arithmetic.
            Err(error) => {
                prop_assert!(
                    error.message.contains("by zero") || error.message.contains("greater than 0"),
                    "{text}: {error}"
                );
                return Ok(());
            }
        };
        let printed = expr.to_string();
        let again = parse(&printed, &features);
        prop_assert!(again.is_ok(), "{} -> {}: {:?}", text, printed, again);
        let again = again.unwrap();
        prop_assert_eq!(&again.to_string(), &printed);
        let pretty = parse(&expr.pretty_within(20), &features);
        let expr = without_positions(expr);
        prop_assert_eq!(&without_positions(again), &expr);
        prop_assert_eq!(pretty.map(without_positions), Ok(expr));
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,60}") {
        let _either = parse(&text, &Features::all());
        let _either = parse_metric_selector(&text);
        let _either = parse_series_labels(&text);
    }

    #[test]
    fn no_tokens_make_the_parser_panic(
        words in proptest::collection::vec(
            proptest::sample::select(vec![
                "a", "sum", "by", "(", ")", "{", "}", "[", "]", ":", ",", "5m", "1", "\"s\"", "+",
                "-", "^", "offset", "@", "start", "step", "max_of", "on", "group_left", "fill",
                "bool", "=", "=~", "and", "anchored", "rate", "info", "#\n", "</", "0x", "`r`",
            ]),
            0..30,
        )
    ) {
        let features = Features::all();
        if let Ok(expr) = parse(&words.join(" "), &features) {
            let printed = expr.to_string();
            prop_assert_eq!(
                parse(&printed, &features).map(without_positions),
                Ok(without_positions(expr)),
                "{}", printed
            );
        }
    }
}
