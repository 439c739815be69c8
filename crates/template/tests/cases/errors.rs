//! What is wrong with templates, and where.
use crate::common::{check_errors, run};
use bellwether_template::{ErrorKind, Functions, Limits, Mode, TemplateSet, Value};

#[test]
fn texts_that_are_no_templates() {
    check_errors(&[
        ("{{", "template: t:1:2: unclosed action"),
        ("a\nb {{ .x", "template: t:2:7: unclosed action"),
        (
            "a\n{{ .x\n\n",
            "template: t:4:0: unclosed action started at t:2",
        ),
        (
            "{{ 1 /* c */ }}",
            "template: t:1:5: unexpected \"/\" in operand",
        ),
        ("{{/* c", "template: t:1:0: unclosed comment"),
        (
            "{{/* c */ x}}",
            "template: t:1:0: comment ends before closing delimiter",
        ),
        ("{{}}", "template: t:1:2: missing value for command"),
        ("{{ }}", "template: t:1:3: missing value for command"),
        (
            "{{\u{a0}}}",
            "template: t:1:2: unrecognized character in action: U+00A0",
        ),
        ("{{.x|}}{{.y", "template: t:1:11: unclosed action"),
        ("{{| .x}}", "template: t:1:2: unexpected \"|\" in command"),
        (
            "{{1 | 2}}",
            "template: t:1:6: non executable command in pipeline stage 2",
        ),
        (
            "{{.x | .}}",
            "template: t:1:7: non executable command in pipeline stage 2",
        ),
        (
            "{{.x | \"a\"}}",
            "template: t:1:7: non executable command in pipeline stage 2",
        ),
        (
            "{{()}}",
            "template: t:1:3: missing value for parenthesized pipeline",
        ),
        ("{{(1}}", "template: t:1:4: unclosed left paren"),
        (
            "{{1)}}",
            "template: t:1:3: unexpected right paren U+0029 ')'",
        ),
        ("{{1.x}}", "template: t:1:2: bad number syntax: \"1.x\""),
        (
            "{{\"a\".x}}",
            "template: t:1:5: unexpected . after term \"\\\"a\\\"\"",
        ),
        (
            "{{true.x}}",
            "template: t:1:6: unexpected . after term \"true\"",
        ),
        (
            "{{nil.x}}",
            "template: t:1:5: unexpected . after term \"nil\"",
        ),
        (
            "{{print \"a\"\"b\"}}",
            "template: t:1:11: unexpected \"\\\"b\\\"\" in operand",
        ),
        ("{{\"a}}", "template: t:1:2: unterminated quoted string"),
        ("{{`a}}", "template: t:1:2: unterminated raw quoted string"),
        ("{{'a}}", "template: t:1:2: unterminated character constant"),
        (
            "{{''}}",
            "template: t:1:2: malformed character constant: ''",
        ),
        (
            "{{'ab'}}",
            "template: t:1:2: malformed character constant: 'ab'",
        ),
        ("{{\"\\q\"}}", "template: t:1:2: invalid syntax in \"\\q\""),
        (
            "{{1i}}",
            "template: t:1:2: complex numbers are not supported: 1i",
        ),
        (
            "{{1+2i}}",
            "template: t:1:2: complex numbers are not supported: 1+2i",
        ),
        ("{{1x}}", "template: t:1:2: bad number syntax: \"1x\""),
        ("{{089}}", "template: t:1:2: illegal number syntax: \"089\""),
        (
            "{{99999999999999999999}}",
            "template: t:1:2: integer overflow: \"99999999999999999999\"",
        ),
        (
            "{{1e999}}",
            "template: t:1:2: illegal number syntax: \"1e999\"",
        ),
        ("{{x+1}}", "template: t:1:2: bad character U+002B '+'"),
        ("{{.x=1}}", "template: t:1:2: bad character U+003D '='"),
        ("{{print:b}}", "template: t:1:7: expected :="),
        ("{{, }}", "template: t:1:2: unexpected \",\" in command"),
        ("{{.x; .y}}", "template: t:1:2: bad character U+003B ';'"),
    ]);
}

#[test]
fn blocks_that_do_not_fit() {
    check_errors(&[
        ("{{end}}", "template: t:1:2: unexpected {{end}}"),
        ("{{else}}", "template: t:1:2: unexpected {{else}}"),
        (
            "{{if .x}}a",
            "template: t:1:10: unexpected EOF: {{if}} of line 1 has no {{end}}",
        ),
        (
            "a\n{{range .x}}\n{{end}}{{with 1}}",
            "template: t:3:17: unexpected EOF: {{with}} of line 3 has no {{end}}",
        ),
        ("{{if}}{{end}}", "template: t:1:4: missing value for if"),
        (
            "{{range}}{{end}}",
            "template: t:1:7: missing value for range",
        ),
        (
            "{{with }}{{end}}",
            "template: t:1:7: missing value for with",
        ),
        (
            "{{if 1}}{{else}}{{else}}{{end}}",
            "template: t:1:16: expected end; found {{else}}",
        ),
        (
            "{{if 1}}{{else with 2}}{{end}}",
            "template: t:1:8: an {{else}} of {{if}} may go on with if only",
        ),
        (
            "{{with 1}}{{else if 2}}{{end}}",
            "template: t:1:10: an {{else}} of {{with}} may go on with with only",
        ),
        (
            "{{range 1}}{{else if 2}}{{end}}",
            "template: t:1:11: an {{else}} of {{range}} may not go on with if or with",
        ),
        (
            "{{if 1}}{{else 2}}{{end}}",
            "template: t:1:15: unexpected \"2\" in else",
        ),
        (
            "{{if 1}}{{end 2}}",
            "template: t:1:14: unexpected \"2\" in end",
        ),
        ("{{break}}", "template: t:1:2: {{break}} outside {{range}}"),
        (
            "{{range 1}}{{end}}{{continue}}",
            "template: t:1:20: {{continue}} outside {{range}}",
        ),
        (
            "{{range 1}}{{block \"b\" 1}}{{break}}{{end}}{{end}}",
            "template: t:1:28: {{break}} outside {{range}}",
        ),
        (
            "{{range 1}}{{break 2}}{{end}}",
            "template: t:1:19: unexpected \"2\" in break",
        ),
        (
            "{{template}}",
            "template: t:1:10: unexpected \"}}\" in template clause",
        ),
        (
            "{{template x}}",
            "template: t:1:11: unexpected \"x\" in template clause",
        ),
        (
            "{{template .x}}",
            "template: t:1:11: unexpected \".x\" in template clause",
        ),
        (
            "{{define}}{{end}}",
            "template: t:1:8: unexpected \"}}\" in define clause",
        ),
        (
            "{{define \"a\" .}}{{end}}",
            "template: t:1:13: unexpected <.> in define clause",
        ),
        (
            "{{define \"a\"}}",
            "template: t:1:14: unexpected EOF: {{define}} of line 1 has no {{end}}",
        ),
        (
            "{{define \"a\"}}{{else}}{{end}}",
            "template: t:1:14: unexpected {{else}} in define clause",
        ),
        (
            "{{if 1}}{{define \"a\"}}{{end}}{{end}}",
            "template: t:1:10: unexpected <define> in command",
        ),
        (
            "{{define \"a\"}}1{{end}}{{define \"a\"}}2{{end}}",
            "template: t:1:31: multiple definition of template \"a\"",
        ),
        (
            "{{block \"a\"}}{{end}}",
            "template: t:1:11: missing value for block clause",
        ),
        ("{{if if}}{{end}}", "template: t:1:5: unexpected <if> in if"),
    ]);
}

#[test]
fn names_that_nobody_knows() {
    check_errors(&[
        ("{{$x}}", "template: t:1:2: undefined variable \"$x\""),
        ("{{$x.y}}", "template: t:1:2: undefined variable \"$x\""),
        ("{{$x = 1}}", "template: t:1:2: undefined variable \"$x\""),
        ("{{$x := $x}}", "template: t:1:8: undefined variable \"$x\""),
        (
            "{{if 1}}{{$x := 1}}{{end}}{{$x}}",
            "template: t:1:28: undefined variable \"$x\"",
        ),
        (
            "{{with $x := 1}}{{end}}{{$x}}",
            "template: t:1:25: undefined variable \"$x\"",
        ),
        (
            "{{$x, $y := 1}}",
            "template: t:1:2: too many declarations in command",
        ),
        (
            "{{range $x, $y, $z := 1}}{{end}}",
            "template: t:1:12: too many declarations in range",
        ),
        (
            "{{range $x, 1}}{{end}}",
            "template: t:1:10: range can only initialize variables",
        ),
        (
            "{{range $x,}}{{end}}",
            "template: t:1:10: range can only initialize variables",
        ),
        (
            "{{shut \"a\"}}",
            "template: t:1:2: function \"shut\" not defined, did you mean \"shout\"?",
        ),
        (
            "{{.x | prinf}}",
            "template: t:1:7: function \"prinf\" not defined, did you mean \"print\"?",
        ),
        (
            "{{Printf}}",
            "template: t:1:2: function \"Printf\" not defined, did you mean \"printf\"?",
        ),
        (
            "{{nonsense}}",
            "template: t:1:2: function \"nonsense\" not defined",
        ),
        ("{{a}}", "template: t:1:2: function \"a\" not defined"),
    ]);
}

#[test]
fn templates_that_do_not_fit_their_data() {
    check_errors(&[
        (
            "{{.s.x}}",
            "template: t:1:4: executing \"t\" at <.s.x>: can't evaluate field x in type string",
        ),
        (
            "{{.thing.Nope}}",
            "template: t:1:8: executing \"t\" at <.thing.Nope>: can't evaluate field Nope in type *main.Thing",
        ),
        (
            "{{.thing.Name 1}}",
            "template: t:1:8: executing \"t\" at <.thing.Name>: Name has arguments but cannot be invoked as function",
        ),
        (
            "{{.labels.a 1}}",
            "template: t:1:9: executing \"t\" at <.labels.a>: a is not a method but has arguments",
        ),
        (
            "{{1 | .labels.a}}",
            "template: t:1:13: executing \"t\" at <.labels.a>: a is not a method but has arguments",
        ),
        (
            "{{.thing.Fail}}",
            "template: t:1:8: executing \"t\" at <.thing.Fail>: error calling Fail: it broke",
        ),
        (
            "{{.thing.Greet 1}}",
            "template: t:1:8: executing \"t\" at <.thing.Greet>: wrong number of args for Greet: want 2 got 1",
        ),
        (
            "{{.thing.Join}}",
            "template: t:1:8: executing \"t\" at <.thing.Join>: wrong number of args for Join: want at least 1 got 0",
        ),
        (
            "{{.s 1}}",
            "template: t:1:2: executing \"t\" at <.s>: s is not a method but has arguments",
        ),
        (
            "{{$x := 1}}{{$x 1}}",
            "template: t:1:13: executing \"t\" at <$x>: can't give argument to non-function $x",
        ),
        (
            "{{1 2}}",
            "template: t:1:2: executing \"t\" at <1>: can't give argument to non-function 1",
        ),
        (
            "{{. 2}}",
            "template: t:1:2: executing \"t\" at <.>: can't give argument to non-function .",
        ),
        (
            "{{(.s) 2}}",
            "template: t:1:2: executing \"t\" at <(.s) 2>: can't give argument to non-function (.s)",
        ),
        (
            "{{nil}}",
            "template: t:1:2: executing \"t\" at <nil>: nil is not a command",
        ),
        (
            "{{shout nil}}",
            "template: t:1:8: executing \"t\" at <nil>: cannot assign nil to string",
        ),
        (
            "{{shout .missing}}",
            "template: t:1:8: executing \"t\" at <.missing>: invalid value; expected string",
        ),
        (
            "{{.missing | shout}}",
            "template: t:1:13: executing \"t\" at <shout>: invalid value; expected string",
        ),
        (
            "{{shout 1}}",
            "template: t:1:8: executing \"t\" at <1>: expected string; found 1",
        ),
        (
            "{{shout true}}",
            "template: t:1:8: executing \"t\" at <true>: expected string; found true",
        ),
        (
            "{{shout .i}}",
            "template: t:1:8: executing \"t\" at <.i>: wrong type for value; expected string; got int",
        ),
        (
            "{{double \"a\"}}",
            "template: t:1:9: executing \"t\" at <\"a\">: expected integer; found \"a\"",
        ),
        (
            "{{double 1.5}}",
            "template: t:1:9: executing \"t\" at <1.5>: expected integer; found 1.5",
        ),
        (
            "{{flag 1}}",
            "template: t:1:7: executing \"t\" at <1>: expected bool; found 1",
        ),
        (
            "{{count \"a\"}}",
            "template: t:1:8: executing \"t\" at <\"a\">: can't handle \"a\" for arg of type []interface {}",
        ),
        (
            "{{shout}}",
            "template: t:1:2: executing \"t\" at <shout>: wrong number of args for shout: want 1 got 0",
        ),
        (
            "{{.s | shout \"a\"}}",
            "template: t:1:7: executing \"t\" at <shout>: wrong number of args for shout: want 1 got 2",
        ),
        (
            "{{fail 1 2}}",
            "template: t:1:2: executing \"t\" at <fail 1 2>: error calling fail: on purpose",
        ),
        (
            "{{1 | fail}}",
            "template: t:1:6: executing \"t\" at <fail>: error calling fail: on purpose",
        ),
        (
            "{{print (fail 1)}}",
            "template: t:1:9: executing \"t\" at <fail 1>: error calling fail: on purpose",
        ),
        (
            "{{print fail}}",
            "template: t:1:8: executing \"t\" at <fail>: error calling fail: on purpose",
        ),
        (
            "a\nb {{ .s | fail }}",
            "template: t:2:10: executing \"t\" at <fail>: error calling fail: on purpose",
        ),
        (
            "{{range .s}}{{end}}",
            "template: t:1:8: executing \"t\" at <.s>: range can't iterate over text",
        ),
        (
            "{{range .f}}{{end}}",
            "template: t:1:8: executing \"t\" at <.f>: range can't iterate over 2.5",
        ),
        (
            "{{range $i, $x := 3}}{{end}}",
            "template: t:1:18: executing \"t\" at <3>: can't use 3 to iterate over more than one variable",
        ),
        (
            "{{template \"nope\"}}",
            "template: t:1:11: executing \"t\" at <{{template \"nope\"}}>: template \"nope\" not defined",
        ),
        (
            "{{define \"a\"}}\n{{.x.y.z}}{{end}}{{template \"a\" .s}}",
            "template: t:2:4: executing \"a\" at <.x.y.z>: can't evaluate field x in type string",
        ),
        (
            "{{(index .list 0).x}}",
            "template: t:1:15: executing \"t\" at <0>: can't evaluate field x in type int",
        ),
    ]);
}

#[test]
fn kinds_and_positions() {
    let error = run("{{").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let at = error.position().unwrap();
    assert_eq!((&*at.template, at.line, at.column), ("t", 1, 2));
    let set = TemplateSet::new(Mode::Text);
    let error = set
        .execute("x", &Value::Nil, &Functions::new(), &Limits::default())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(
        error.to_string(),
        "template: no template \"x\"; there are none"
    );
    // A function that is not there any more.
    let mut set = TemplateSet::new(Mode::Text);
    set.parse("t", "{{shout \"a\"}}", &crate::common::functions())
        .unwrap();
    let error = set
        .execute("t", &Value::Nil, &Functions::new(), &Limits::default())
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "template: t:1:2: executing \"t\" at <shout>: \"shout\" is not a defined function"
    );
}
