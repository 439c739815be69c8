//! What templates print, construct by construct.
use crate::common::{check_all, data, functions, run, run_missing, run_with};
use bellwether_template::{Limits, MissingKey, Mode, Predefined, TemplateSet, Value};

#[test]
fn texts_comments_and_trimming() {
    check_all(&[
        ("", ""),
        ("plain { } }} text", "plain { } }} text"),
        ("a{{/* comment */}}b", "ab"),
        ("a {{- /* comment */ -}} b", "ab"),
        ("{{/* }} */}}", ""),
        ("a{{/* over\nlines */}}b", "ab"),
        ("a {{- 1}} b", "a1 b"),
        ("a {{1 -}} b", "a 1b"),
        ("a \n\t{{- 1 -}}\r\n b", "a1b"),
        ("{{23 -}} < {{- 45}}", "23<45"),
        ("{{-3}}", "-3"),
        ("{{- -3 -}}", "-3"),
        ("{{\n\t1\n}}", "1"),
        ("{{print\n1\n2}}", "1 2"),
        ("{{\"}}\"}}", "}}"),
        ("{{`{{`}}", "{{"),
        ("é{{\"ü\"}}ñ", "éüñ"),
    ]);
}

#[test]
fn constants() {
    check_all(&[
        ("{{true}} {{false}}", "true false"),
        ("{{1}} {{-1}} {{+1}} {{0}}", "1 -1 1 0"),
        (
            "{{0x1F}} {{0X1f}} {{0b101}} {{0o17}} {{017}}",
            "31 31 5 15 15",
        ),
        ("{{1_000_000}}", "1000000"),
        (
            "{{1.5}} {{.5}} {{1e3}} {{1E-2}} {{0x1p4}}",
            "1.5 0.5 1000 0.01 16",
        ),
        ("{{1e6}} {{123456.0}} {{1.0}}", "1e+06 123456 1"),
        (
            "{{'a'}} {{'\\n'}} {{'é'}} {{'\\x41'}} {{'\\''}}",
            "97 10 233 65 39",
        ),
        ("{{\"a\\tb\\\"c\\u00e9\"}}", "a\tb\"cé"),
        ("{{`raw\\n`}}", "raw\\n"),
        ("{{print nil}}", "<nil>"),
        ("{{9223372036854775807}}", "9223372036854775807"),
        ("{{-9223372036854775808}}", "-9223372036854775808"),
        ("{{print 1e2 1}}", "100 1"),
    ]);
}

#[test]
fn fields_and_variables() {
    check_all(&[
        ("{{.s}}", "text"),
        ("{{.map.deep}}", "down"),
        ("{{.map.n}}", "7"),
        ("{{$.s}}", "text"),
        ("{{$x := .s}}{{$x}}", "text"),
        ("{{$x := .map}}{{$x.deep}}", "down"),
        ("{{$x := 1}}{{$x = 2}}{{$x}}", "2"),
        ("{{$x := 1}}{{if true}}{{$x = 2}}{{end}}{{$x}}", "2"),
        ("{{$x := 1}}{{if true}}{{$x := 2}}{{$x}}{{end}}{{$x}}", "21"),
        ("{{$x := 1}}{{$x := print $x $x}}{{$x}}", "1 1"),
        ("{{with $x := .s}}{{$x}}{{end}}", "text"),
        ("{{if $x := .s}}{{$x}}{{end}}", "text"),
        ("{{if $x := .empty}}a{{else}}[{{$x}}]{{end}}", "[]"),
        (
            "{{if $x := .zero}}a{{else if $y := .i}}{{$x}} {{$y}}{{end}}",
            "0 17",
        ),
        ("{{range .list}}{{$y := .}}{{$y}}{{end}}", "123"),
        ("{{$n := 0}}{{range .list}}{{$n = .}}{{end}}{{$n}}", "3"),
        ("{{(.map).deep}}", "down"),
        ("{{(index .people 1).name}}", "Bob"),
        ("{{.thing.Name}} {{.thing.Size}}", "thing 3"),
        ("{{.thing.Me.Name}}", "thing"),
        ("{{.thing.Greet \"hi\" 2}}", "hi:2"),
        ("{{2 | .thing.Greet \"hi\"}}", "hi:2"),
        ("{{.thing.Join \"-\" \"a\" \"b\"}}", "a-b"),
        ("{{(.thing.Me).Greet .s .i}}", "text:17"),
        ("{{$t := .thing}}{{$t.Greet \"x\" 1}}", "x:1"),
        ("{{.time.Year}} {{(.time.Add .dur).Hour}}", "2015 14"),
        ("{{.dur.Minutes}}", "90"),
        ("{{ .missing }}", "<no value>"),
        ("{{ .missing.more }}", "<no value>"),
        ("{{ .nothing }}", "<no value>"),
        ("{{ .labels.missing }}", "<no value>"),
        ("{{seven}}", "7"),
        ("{{$x := (print 1 | printf \"%s%s\" \"a\")}}{{$x}}", "a1"),
        ("{{ ($y := 3) }}{{$y}}", "33"),
    ]);
}

#[test]
fn pipelines() {
    check_all(&[
        ("{{.s | shout}}", "TEXT"),
        ("{{.s | shout | printf \"%s!\"}}", "TEXT!"),
        ("{{printf \"%s-%s\" .s | shout}}", "TEXT-%!S(MISSING)"),
        ("{{.s | printf \"%d:%s\" 1}}", "1:text"),
        ("{{double (double 3)}}", "12"),
        ("{{3 | double | double}}", "12"),
        ("{{(3)}}", "3"),
        ("{{((3))}}", "3"),
        ("{{(.s | shout) | len}}", "4"),
        ("{{len (slice .s 1 3)}}", "2"),
        ("{{print (len .s) (len .list)}}", "4 3"),
        ("{{. | len | lt 3}}", "true"),
        ("{{.s|shout}}", "TEXT"),
        (
            "{{flag true}} {{flag .t}} {{.no | flag}}",
            "true true false",
        ),
        ("{{count .list}} {{count nil}} {{count .missing}}", "3 0 0"),
        (
            "{{double 'a'}} {{double 1e2}} {{double 0x10}}",
            "194 200 32",
        ),
    ]);
}

#[test]
fn branches() {
    check_all(&[
        ("{{if true}}a{{end}}", "a"),
        ("{{if false}}a{{end}}", ""),
        ("{{if .empty}}a{{else}}b{{end}}", "b"),
        ("{{if .s}}a{{else}}b{{end}}", "a"),
        ("{{if .zero}}a{{else if .i}}b{{else}}c{{end}}", "b"),
        (
            "{{if .zero}}a{{else if .zero}}b{{else if .zero}}c{{else}}d{{end}}",
            "d",
        ),
        ("{{if .zero}}a{{else if .zero}}b{{end}}", ""),
        ("{{if .f}}a{{end}}{{if 0.0}}b{{end}}", "a"),
        ("{{if .list}}a{{end}}{{if .nolist}}b{{end}}", "a"),
        ("{{if .labels}}a{{end}}{{if .nomap}}b{{end}}", "a"),
        ("{{if .time}}a{{end}}{{if .thing}}b{{end}}", "ab"),
        ("{{if .missing}}a{{else}}b{{end}}", "b"),
        ("{{if not .missing}}a{{end}}", "a"),
        ("{{with .s}}{{.}}{{end}}", "text"),
        ("{{with .map}}{{.deep}} {{$.s}}{{end}}", "down text"),
        ("{{with .empty}}a{{else}}b {{.s}}{{end}}", "b text"),
        ("{{with .empty}}a{{else with .map}}{{.n}}{{end}}", "7"),
        (
            "{{with .empty}}a{{else with .zero}}b{{else}}{{.i}}{{end}}",
            "17",
        ),
        (
            "{{with $x := 5}}{{with $y := 6}}{{$x}}{{$y}}{{.}}{{end}}{{end}}",
            "566",
        ),
        ("{{if and .t .s}}x{{end}}{{if or .no .empty}}y{{end}}", "x"),
        ("{{if eq .s \"text\"}}{{if gt .i 10}}z{{end}}{{end}}", "z"),
    ]);
}

#[test]
fn loops() {
    check_all(&[
        ("{{range .list}}{{.}},{{end}}", "1,2,3,"),
        ("{{range $i := .list}}{{$i}}{{end}}", "123"),
        (
            "{{range $i, $x := .strings}}{{$i}}={{$x}} {{end}}",
            "0=x 1=y 2=z ",
        ),
        (
            "{{range $k, $v := .labels}}{{$k}}={{$v}} {{end}}",
            "a=1 b=2 ",
        ),
        ("{{range .labels}}{{.}}{{end}}", "12"),
        ("{{range .nolist}}a{{else}}none{{end}}", "none"),
        ("{{range .nomap}}a{{else}}none{{end}}", "none"),
        ("{{range .missing}}a{{else}}none{{end}}", "none"),
        ("{{range nothing}}a{{end}}", ""),
        ("{{range 3}}{{.}}{{end}}", "012"),
        ("{{range $i := 3}}{{$i}}{{end}}", "012"),
        ("{{range 0}}a{{else}}b{{end}}", "b"),
        ("{{range -1}}a{{else}}b{{end}}", "b"),
        (
            "{{range .people}}{{.name}} of {{.city}}; {{end}}",
            "Ann of Rome; Bob of Oslo; ",
        ),
        (
            "{{range .list}}{{if eq . 2}}{{break}}{{end}}{{.}}{{end}}",
            "1",
        ),
        (
            "{{range .list}}{{if eq . 2}}{{continue}}{{end}}{{.}}{{end}}",
            "13",
        ),
        (
            "{{range .list}}{{range $.list}}{{if eq . 2}}{{break}}{{end}}{{.}}{{end}}|{{end}}",
            "1|1|1|",
        ),
        (
            "{{range .list}}{{with .}}{{if eq . 3}}{{break}}{{end}}{{.}}{{end}}{{end}}",
            "12",
        ),
        (
            "{{range $i, $e := .list}}{{if $i}}, {{end}}{{$e}}{{end}}",
            "1, 2, 3",
        ),
        ("{{$v := 0}}{{range $v = .list}}{{end}}{{$v}}", "3"),
        (
            "{{$i := 0}}{{$v := 0}}{{range $i, $v = .list}}{{end}}{{$i}} {{$v}}",
            "2 3",
        ),
        ("{{range $i, $e := .nolist}}a{{else}}{{len $e}}{{end}}", "0"),
        ("{{range (slice .list 1)}}{{.}}{{end}}", "23"),
        ("{{range $.list}}{{$.s}}{{break}}{{end}}", "text"),
        ("{{range .list}}{{end}}x", "x"),
    ]);
}

#[test]
fn templates_within_templates() {
    check_all(&[
        ("{{define \"a\"}}A{{end}}{{template \"a\"}}", "A"),
        (
            "{{define \"a\"}}[{{.}}]{{end}}{{template \"a\" .s}}",
            "[text]",
        ),
        (
            "{{define \"a\"}}[{{.}}]{{end}}{{template \"a\"}}",
            "[<no value>]",
        ),
        (
            "{{template \"a\" .map}}{{define \"a\"}}{{.deep}} {{$.n}}{{end}}",
            "down 7",
        ),
        ("{{block \"b\" .s}}<{{.}}>{{end}}", "<text>"),
        (
            "{{block \"b\" .s}}<{{.}}>{{end}}{{template \"b\" 1}}",
            "<text><1>",
        ),
        (
            "{{define `a`}}{{template \"b\" .}}{{end}}{{define \"b\"}}{{.}}{{end}}{{template \"a\" 5}}",
            "5",
        ),
        (
            "{{define \"n\"}}{{.}}{{if gt . 0}}{{template \"n\" (slice $.x 0)}}{{end}}{{end}}",
            "",
        ),
        (
            "{{define \"a\"}}{{$x := 1}}{{$x}}{{end}}{{$x := 2}}{{template \"a\"}}{{$x}}",
            "12",
        ),
        (
            "{{define \"a\"}} {{end}}{{define \"a\"}}x{{end}}{{template \"a\"}}",
            "x",
        ),
        (
            "{{define \"a\"}}x{{end}}{{define \"a\"}} {{end}}{{template \"a\"}}",
            "x",
        ),
        (
            "{{range .list}}{{template \"a\" .}}{{end}}{{define \"a\"}}<{{.}}>{{end}}",
            "<1><2><3>",
        ),
        (
            "{{define \"a\"}}{{range 3}}{{if eq . 1}}{{break}}{{end}}{{.}}{{end}}{{end}}{{template \"a\"}}x",
            "0x",
        ),
        (
            "{{template \"a\" $y := .s}}{{$y}}{{define \"a\"}}{{.}}{{end}}",
            "texttext",
        ),
    ]);
}

#[test]
fn later_definitions_go_before_earlier_ones() {
    let functions = functions();
    let mut set = TemplateSet::new(Mode::Text);
    let execute = |set: &TemplateSet, name: &str| {
        set.execute(name, &Value::Nil, &functions, &Limits::default())
            .unwrap()
    };
    set.parse(
        "defaults",
        "{{define \"a\"}}old{{end}}{{define \"b\"}}{{template \"a\"}}!{{end}}",
        &functions,
    )
    .unwrap();
    assert_eq!(execute(&set, "b"), "old!");
    let before = set.clone();
    set.parse("mine", "{{define \"a\"}}new{{end}}", &functions)
        .unwrap();
    assert_eq!(execute(&set, "b"), "new!");
    assert_eq!(execute(&before, "b"), "old!");
    set.parse("blank", "{{define \"a\"}} {{end}}", &functions)
        .unwrap();
    assert_eq!(execute(&set, "b"), "new!");
    assert!(
        set.parse("bad", "{{define \"a\"}}x{{end}}{{", &functions)
            .is_err()
    );
    assert_eq!(execute(&set, "b"), "new!");
    assert_eq!(set.names(), ["a", "b", "blank", "defaults", "mine"]);
    assert!(set.contains("a") && !set.contains("c"));
    let error = set
        .execute("c", &Value::Nil, &functions, &Limits::default())
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "template: no template \"c\"; there are \"a\", \"b\", \"blank\", \"defaults\", \"mine\""
    );
}

#[test]
fn missing_keys() {
    let check = |missing_key: MissingKey, text: &str, want: &str| {
        let found = run_missing(text, missing_key).unwrap_or_else(|error| error.to_string());
        assert_eq!(found, want, "{text} with {missing_key:?}");
    };
    check(
        MissingKey::Default,
        "{{.labels.x}}|{{.x}}",
        "<no value>|<no value>",
    );
    check(MissingKey::Zero, "{{.labels.x}}|{{.x}}", "|<no value>");
    check(
        MissingKey::Zero,
        "{{index .labels \"x\"}}|{{index . \"x\"}}",
        "|<no value>",
    );
    check(
        MissingKey::Default,
        "{{index .labels \"x\"}}|{{index . \"x\"}}",
        "|<no value>",
    );
    check(
        MissingKey::Error,
        "{{.labels.x}}",
        "template: t:1:9: executing \"t\" at <.labels.x>: map has no entry for key \"x\"",
    );
    check(
        MissingKey::Error,
        "{{.x.y}}",
        "template: t:1:4: executing \"t\" at <.x.y>: map has no entry for key \"x\"",
    );
    check(
        MissingKey::Error,
        "{{.nothing.y}}",
        "template: t:1:10: executing \"t\" at <.nothing.y>: nil data; no entry for key \"y\"",
    );
    check(
        MissingKey::Zero,
        "{{printf \"%s|%v\" .labels.x .x}}",
        "|<nil>",
    );
}

#[test]
fn predefined_variables() {
    let predefined = [
        Predefined {
            variable: "$labels",
            field: "labels",
        },
        Predefined {
            variable: "$value",
            field: "f",
        },
    ];
    let functions = functions();
    let mut set = TemplateSet::new(Mode::Text);
    let text = "{{$labels.a}} {{ $value }} {{$x := 1}}{{$x}}{{$.s}}";
    set.parse_with("t", text, &predefined, &functions).unwrap();
    let limits = Limits::default();
    assert_eq!(
        set.execute("t", &data(), &functions, &limits).unwrap(),
        "1 2.5 1text"
    );
    // Positions are those of the text itself.
    let error = set
        .parse_with("t", "{{ $labels.a }}{{ $nope }}", &predefined, &functions)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "template: t:1:18: undefined variable \"$nope\""
    );
    set.parse_with("t", "{{ $value.x }}", &predefined, &functions)
        .unwrap();
    let error = set.execute("t", &data(), &functions, &limits).unwrap_err();
    assert_eq!(
        error.to_string(),
        "template: t:1:9: executing \"t\" at <$value.x>: can't evaluate field x in type float64"
    );
    // Templates that the text defines do not see them.
    let error = set
        .parse_with(
            "t",
            "{{define \"d\"}}{{$value}}{{end}}",
            &predefined,
            &functions,
        )
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "template: t:1:16: undefined variable \"$value\""
    );
}

#[test]
fn what_prints_parses_to_the_same() {
    for text in [
        "a{{.b.c | f 1 \"x\" `y` 'c' true nil . $ (g .x).y}}",
        "{{if $x := .a}}1{{else if and .b .c}}2{{else}}3{{end}}",
        "{{with .a}}1{{else with $y := .b}}2{{end}}",
        "{{range $i, $e := .l}}{{$i}}{{break}}{{else}}{{end}}{{range 3}}{{continue}}{{end}}",
        "{{template \"a\"}}{{template \"b\" .x.y | f}}",
        "{{$x := 1.50}}{{$x = 0x10}}{{$x.y}}",
    ] {
        let mut functions = functions();
        for name in ["f", "g"] {
            functions.add(
                name,
                bellwether_template::Signature::variadic(&[], bellwether_template::Param::Any),
                |_| Ok(Value::Nil),
            );
        }
        let mut set = TemplateSet::new(Mode::Text);
        set.parse("t", text, &functions).unwrap();
        assert_eq!(set.source("t").unwrap(), text);
    }
    let functions = functions();
    let mut set = TemplateSet::new(Mode::Text);
    set.parse("t", "x {{- /* c */ -}} y{ {{- 1 -}} {\n{{- 2}}", &functions)
        .unwrap();
    assert_eq!(set.source("t").unwrap(), "xy{{\"{\"}}{{1}}{{\"{\"}}{{2}}");
    assert_eq!(
        run("x {{- /* c */ -}} y{ {{- 1 -}} {\n{{- 2}}").unwrap(),
        "xy{1{2"
    );
}

#[test]
fn data_of_any_type() {
    let check = |data: Value, text: &str, want: &str| {
        let set = TemplateSet::new(Mode::Text);
        assert_eq!(run_with(set, text, &data, &functions()).unwrap(), want);
    };
    check(Value::from("x"), "{{.}}{{$}}", "xx");
    check(Value::Nil, "{{.}}", "<no value>");
    check(Value::Int(3), "{{range .}}{{.}}{{end}}", "012");
    check(Value::Nil, "{{.a.b.c}}", "<no value>");
}
