//! Templates that want too much.

use bellwether_template::functions::prometheus;
use bellwether_template::{
    ErrorKind, Functions, Limits, Mode, Param, Signature, TemplateError, TemplateSet, Value,
};

use crate::common::functions;

fn run_limited(text: &str, limits: &Limits) -> Result<String, TemplateError> {
    let functions = functions();
    let mut set = TemplateSet::new(Mode::Text);
    set.parse("t", text, &functions)?;
    set.execute("t", &Value::Nil, &functions, limits)
}

fn check(text: &str, limits: Limits, want: &str) {
    let error = run_limited(text, &limits).expect_err(text);
    assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
    assert_eq!(error.to_string(), want, "{text}");
}

#[test]
fn output_is_bounded() {
    let limits = Limits {
        output_bytes_max: 10,
        ..Limits::default()
    };
    assert_eq!(run_limited("0123456789", &limits).unwrap(), "0123456789");
    check(
        "01234567890",
        limits,
        "template: t:1:0: executing \"t\" at <>: the output has more than 10 bytes",
    );
    check(
        "{{range 100}}{{.}}{{end}}",
        limits,
        "template: t:1:15: executing \"t\" at <{{.}}>: the output has more than 10 bytes",
    );
    check(
        "{{$x := printf \"%20d\" 1}}",
        limits,
        "template: t:1:8: executing \"t\" at <printf \"%20d\" 1>: error calling printf: the result has more than 10 bytes",
    );
    check(
        "{{$x := \"0123456\"}}{{$x = print $x $x}}",
        limits,
        "template: t:1:26: executing \"t\" at <print $x $x>: error calling print: the result has more than 10 bytes",
    );
}

#[test]
fn steps_are_bounded() {
    let limits = Limits {
        steps_max: 1000,
        ..Limits::default()
    };
    check(
        "{{range 1000000000}}{{end}}",
        limits,
        "template: t:1:8: executing \"t\" at <1000000000>: the template takes more than 1000 steps",
    );
    check(
        "{{range 1000}}{{range 1000}}{{range 1000}}{{end}}{{end}}{{end}}",
        limits,
        "template: t:1:36: executing \"t\" at <1000>: the template takes more than 1000 steps",
    );
    // Steps count what functions handle, not only that they are called.
    let text = format!(
        "{{{{$x := \"{}\"}}}}{{{{range 10}}}}{{{{$y := print $x}}}}{{{{end}}}}",
        "a".repeat(30_000)
    );
    let error = run_limited(&text, &limits).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
}

#[test]
fn recursion_is_bounded() {
    check(
        "{{define \"a\"}}{{template \"a\"}}{{end}}{{template \"a\"}}",
        Limits::default(),
        "template: t:1:25: executing \"a\" at <{{template \"a\"}}>: templates call one another more than 100 deep",
    );
    check(
        "{{define \"a\"}}{{template \"b\"}}{{template \"b\"}}{{end}}{{define \"b\"}}{{template \"a\"}}{{end}}{{template \"a\"}}",
        Limits {
            depth_max: 10,
            ..Limits::default()
        },
        "template: t:1:78: executing \"b\" at <{{template \"a\"}}>: templates call one another more than 10 deep",
    );
    let mut text = String::from("{{define \"t0\"}}x{{end}}");
    for level in 1..60 {
        let below = level - 1;
        text.push_str(&format!("{{{{define \"t{level}\"}}}}{{{{template \"t{below}\"}}}}{{{{template \"t{below}\"}}}}{{{{end}}}}"));
    }
    text.push_str("{{template \"t59\"}}");
    let error = run_limited(&text, &Limits::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
}

#[test]
fn values_do_not_nest_without_end() {
    let error = run_limited(
        "{{$x := list}}{{range 100}}{{$x = list $x}}{{end}}",
        &Limits::default(),
    )
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "template: t:1:34: executing \"t\" at <list $x>: error calling list: lists and maps nest more than 64 deep"
    );
    // As wide as deep: what prints is bounded, however little memory it takes.
    let error = run_limited(
        "{{$x := list}}{{range 50}}{{$x = list $x $x $x}}{{end}}{{$x}}",
        &Limits::default(),
    )
    .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
}

#[test]
fn texts_do_not_nest_without_end() {
    for (open, close) in [
        ("{{if 1}}", "{{end}}"),
        ("{{range 1}}", "{{end}}"),
        ("{{with 1}}", "{{end}}"),
        ("{{block \"x\" 1}}", "{{end}}"),
    ] {
        let text = format!("{}{}", open.repeat(1000), close.repeat(1000));
        let error = run_limited(&text, &Limits::default()).unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("blocks and parentheses nest more than 100 deep"),
            "{error}"
        );
    }
    let text = format!("{{{{{}1{}}}}}", "(".repeat(100_000), ")".repeat(100_000));
    let error = run_limited(&text, &Limits::default()).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("blocks and parentheses nest more than 100 deep"),
        "{error}"
    );
    // Arms of one branch do not nest.
    let text = format!("{{{{if 0}}}}{}{{{{end}}}}x", "{{else if 0}}".repeat(10_000));
    assert_eq!(run_limited(&text, &Limits::default()).unwrap(), "x");
    // Nor do commands of a pipeline.
    let text = format!("{{{{1{}}}}}", " | print".repeat(10_000));
    assert_eq!(run_limited(&text, &Limits::default()).unwrap(), "1");
    let error = run_limited(&"x".repeat(5 << 20), &Limits::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "template: t:1:0: the text has 5242880 bytes, and may have 4194304"
    );
}

#[test]
fn variables_are_bounded() {
    let text = |count: usize| -> String {
        let declared = (0..count).map(|number| format!("{{{{$x{number} := {number}}}}}"));
        declared.chain(["{{$x0}}".to_owned()]).collect()
    };
    assert_eq!(run_limited(&text(999), &Limits::default()).unwrap(), "0");
    let error = run_limited(&text(1_000), &Limits::default()).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("more than 1000 variables at a time"),
        "{error}"
    );
}

#[test]
fn computed_expressions_are_bounded() {
    let library = prometheus::library("");
    let execute = |text: &str| {
        let mut set = TemplateSet::new(Mode::Text);
        set.parse("t", text, &library).unwrap();
        set.execute("t", &Value::Nil, &library, &Limits::default())
    };
    let error = execute("{{range 10000}}{{$x := match (printf \"a%d\" .) \"b\"}}{{end}}");
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Limit);
    let error = execute("{{$x := printf \"%1000000d\" 1}}{{reReplaceAll \" \" $x $x}}");
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Limit);
    // Many matches in a long text.
    let error = execute("{{$x := printf \"%100000d\" 1}}{{reReplaceAll \" \" \"\" $x}}");
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Limit);
    // The same few cost nothing.
    let text = "{{range 10000}}{{if not (match \"^a+$\" \"aaa\")}}x{{end}}{{end}}";
    assert_eq!(execute(text).unwrap(), "");
}

#[test]
fn pages_with_large_scripts_are_bounded() {
    let functions = functions();
    let mut set = TemplateSet::new(Mode::Html);
    let script = |strings: usize| format!("<script>{}</script>", "''".repeat(strings));
    set.parse("small", &script(10_000), &functions).unwrap();
    assert_eq!(set.check("small"), Ok(()));
    set.parse("large", &script(700_000), &functions).unwrap();
    assert!(set.check("large").is_err());
}

/// The deepest executions fit on the stack of a worker thread.
#[test]
fn deep_executions_fit_on_the_stack() {
    let run = |mode: Mode, text: String| {
        let thread = std::thread::Builder::new().stack_size(2 << 20);
        let run = move || {
            let mut functions = Functions::new();
            functions.add_template_call("tmpl");
            functions.add("id", Signature::of(&[Param::Any]), |arguments| {
                Ok(arguments.value(0).clone())
            });
            let mut set = TemplateSet::new(mode);
            set.parse("t", &text, &functions).unwrap();
            assert!(set.source("t").is_some_and(|source| !source.is_empty()));
            let result = set.execute("t", &Value::Int(1), &functions, &Limits::default());
            result.map_err(|error| error.kind())
        };
        thread.spawn(run).unwrap().join().unwrap()
    };
    for mode in [Mode::Text, Mode::Html] {
        let nested = |open: &str, inner: &str, close: &str, count: usize| {
            format!("{}{inner}{}", open.repeat(count), close.repeat(count))
        };
        for open in ["{{if 1}}", "{{range 1}}", "{{with 1}}"] {
            assert_eq!(
                run(mode, nested(open, "x", "{{end}}", 99)),
                Ok("x".to_owned())
            );
            let inner = "{{template \"a\" .}}";
            let body = nested(open, inner, "{{end}}", 98);
            let text = format!("{{{{define \"a\"}}}}{body}{{{{end}}}}{{{{template \"a\" .}}}}");
            assert_eq!(run(mode, text), Err(ErrorKind::Limit));
        }
        let parens = format!("{{{{{}}}}}", nested("(id ", "1", ")", 99));
        assert_eq!(run(mode, parens), Ok("1".to_owned()));
        let body = nested("{{with 1}}", "{{tmpl \"a\" .}}", "{{end}}", 50);
        let text = format!("{{{{define \"a\"}}}}{body}{{{{end}}}}{{{{template \"a\" .}}}}");
        assert_eq!(run(mode, text), Err(ErrorKind::Limit));
    }
}
