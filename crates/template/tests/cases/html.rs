//! Pages.

use bellwether_template::{
    Functions, Limits, List, Map, Mode, Safe, SafeKind, TemplateError, TemplateSet, Value,
};

use crate::common::run_html;

/// The data of most cases: what people write and what attackers write.
fn data() -> Value {
    let safe = |kind: SafeKind, text: &str| {
        Value::Safe(Safe {
            kind,
            text: text.into(),
        })
    };
    Value::from(
        Map::new([
            ("F", Value::Bool(false)),
            ("T", Value::Bool(true)),
            ("C", "<Cincinnati>".into()),
            ("G", "<Goodbye>".into()),
            ("H", "<Hello>".into()),
            ("A", List::of_strings(["<a>", "<b>"]).into()),
            ("E", List::of_strings::<&str>([]).into()),
            ("N", Value::Int(42)),
            ("Z", Value::Nil),
            ("U", "javascript:alert(1)".into()),
            (
                "W",
                safe(
                    SafeKind::Html,
                    "&iexcl;<b class=\"foo\">Hello</b>, <textarea>O'World</textarea>!",
                ),
            ),
            ("SafeUrl", safe(SafeKind::Url, "javascript:ok('x')")),
            (
                "SafeJs",
                safe(SafeKind::Js, "c && alert(\"Hello, World!\");"),
            ),
            (
                "SafeJsStr",
                safe(SafeKind::JsString, "Hello, World & O'Reilly\\u0021"),
            ),
            (
                "SafeCss",
                safe(SafeKind::Css, "a[href =~ \"//example.com\"]#foo"),
            ),
            ("SafeAttr", safe(SafeKind::HtmlAttribute, " dir=\"ltr\"")),
            (
                "SafeSrcset",
                safe(
                    SafeKind::SrcSet,
                    "greeting=H%69&addressee=(World) 2x, https://golang.org/favicon.ico 500.5w",
                ),
            ),
        ])
        .unwrap(),
    )
}

fn run(text: &str) -> Result<String, TemplateError> {
    let functions = Functions::new();
    let mut set = TemplateSet::new(Mode::Html);
    set.parse("z", text, &functions)?;
    set.execute("z", &data(), &functions, &Limits::default())
}

fn check_all(cases: &[(&str, &str)]) {
    for (text, want) in cases {
        match run(text) {
            Ok(found) => assert_eq!(&found, want, "{text}"),
            Err(error) => panic!("{text}: {error}"),
        }
    }
}

#[test]
fn values_in_text() {
    check_all(&[
        ("Hello, {{.C}}!", "Hello, &lt;Cincinnati&gt;!"),
        (
            "{{if .T}}Hello{{end}}, {{.C}}!",
            "Hello, &lt;Cincinnati&gt;!",
        ),
        ("{{if .F}}{{.H}}{{else}}{{.G}}{{end}}!", "&lt;Goodbye&gt;!"),
        ("{{with .H}}{{.}}{{end}}", "&lt;Hello&gt;"),
        ("{{with .E}}{{.}}{{else}}{{.H}}{{end}}", "&lt;Hello&gt;"),
        ("{{range .A}}{{.}}{{end}}", "&lt;a&gt;&lt;b&gt;"),
        ("{{range .E}}{{.}}{{else}}{{.H}}{{end}}", "&lt;Hello&gt;"),
        (
            "{{.N}} {{.T}} {{.A}} {{.Z}}|",
            "42 true [&lt;a&gt; &lt;b&gt;] |",
        ),
        (
            "{{.W}}",
            "&iexcl;<b class=\"foo\">Hello</b>, <textarea>O'World</textarea>!",
        ),
        ("{{\"a+b\"}}", "a&#43;b"),
        ("{{$x := .C}}{{$x}}", "&lt;Cincinnati&gt;"),
        ("<b>{{.C}}</b><br/>", "<b>&lt;Cincinnati&gt;</b><br/>"),
        ("a < b {{.N}} <3", "a &lt; b 42 &lt;3"),
        ("<!DOCTYPE html><p>{{.N}}", "<!DOCTYPE html><p>42"),
        (
            "{{html .C}} {{.C | html}} {{print .C | html}}",
            "&lt;Cincinnati&gt; &lt;Cincinnati&gt; &lt;Cincinnati&gt;",
        ),
        ("{{html .C .N}}", "&lt;Cincinnati&gt;42"),
        ("{{urlquery .C}}", "%3CCincinnati%3E"),
        (
            "<title>{{.C}}</title><textarea>{{.W}}</textarea>",
            "<title>&lt;Cincinnati&gt;</title><textarea>&iexcl;&lt;b class=&#34;foo&#34;&gt;Hello&lt;/b&gt;, &lt;textarea&gt;O&#39;World&lt;/textarea&gt;!</textarea>",
        ),
    ]);
}

#[test]
fn comments_are_dropped() {
    check_all(&[
        ("a<!-- {{.C}} -->b", "ab"),
        (
            "<b>Hello, <!-- name of world -->{{.C}}</b>",
            "<b>Hello, &lt;Cincinnati&gt;</b>",
        ),
        ("<<!-- --> {{.N}}", "&lt; 42"),
        (
            "<script>a /* x */ = {{.N}}; // y\nb</script>",
            "<script>a   =  42 ; \nb</script>",
        ),
        ("<script>a /* x\n */ b</script>", "<script>a \n b</script>"),
        ("<script>x<!-- y\nz</script>", "<script>x\nz</script>"),
        ("<script>x\n--> y\nz</script>", "<script>x\n\nz</script>"),
        (
            "<style>p { /* c */ color: {{\"red\"}} } // x\n</style>",
            "<style>p {   color: red } \n</style>",
        ),
        (
            "<p title='<!-- {{.C}} -->'>",
            "<p title='<!-- &lt;Cincinnati&gt; -->'>",
        ),
    ]);
}

#[test]
fn values_in_attributes() {
    check_all(&[
        ("<p title=\"{{.C}}\">", "<p title=\"&lt;Cincinnati&gt;\">"),
        ("<p title='{{.C}}'>", "<p title='&lt;Cincinnati&gt;'>"),
        ("<p title={{.C}}>", "<p title=&lt;Cincinnati&gt;>"),
        (
            "<p title={{\"a b=c\\t`\"}}>",
            "<p title=a&#32;b&#61;c&#9;&#96;>",
        ),
        ("<p title={{\"\"}}>", "<p title=ZgotmplZ>"),
        (
            "<p title=\"{{.W}}\">",
            "<p title=\"&iexcl;Hello, O&#39;World!\">",
        ),
        (
            "<p title={{.W}}>",
            "<p title=&iexcl;Hello,&#32;O&#39;World!>",
        ),
        ("<p title=a{{.N}}b>", "<p title=a42b>"),
        ("<input {{.SafeAttr}}>", "<input  dir=\"ltr\">"),
        ("<input {{\"checked\"}}>", "<input checked>"),
        ("<input {{\"Name\"}}=x>", "<input name=x>"),
        (
            "<input {{\"onclick\"}}=\"{{.C}}\">",
            "<input ZgotmplZ=\"&lt;Cincinnati&gt;\">",
        ),
        ("<input {{\"a b\"}}>", "<input ZgotmplZ>"),
        ("<input {{\"\"}}={{.N}}>", "<input ZgotmplZ=42>"),
        ("<input name={{if .T}}{{.N}}{{end}}>", "<input name=42>"),
        ("<p {{if .T}}id=\"x\"{{end}}>{{.N}}", "<p id=\"x\">42"),
        ("<h{{.N}}>", "<h42>"),
        (
            "<p data-x=\"{{.N}}\" data-url=\"{{.U}}\">",
            "<p data-x=\"42\" data-url=\"#ZgotmplZ\">",
        ),
    ]);
}

#[test]
fn values_in_urls() {
    check_all(&[
        ("<a href=\"{{.U}}\">", "<a href=\"#ZgotmplZ\">"),
        (
            "<a href=\"{{\"http://e.com/a b?c=d&e\"}}\">",
            "<a href=\"http://e.com/a%20b?c=d&amp;e\">",
        ),
        ("<a href='{{\"mailto:x@y.z\"}}'>", "<a href='mailto:x@y.z'>"),
        ("<a href=\"{{\"/a:b\"}}\">", "<a href=\"/a:b\">"),
        ("<a href=\"{{\"HTTPS://x\"}}\">", "<a href=\"HTTPS://x\">"),
        (
            "<a href=\"/search?q={{.C}}\">",
            "<a href=\"/search?q=%3cCincinnati%3e\">",
        ),
        (
            "<a href=\"/{{.C}}/x?y={{.C}}#{{.C}}\">",
            "<a href=\"/%3cCincinnati%3e/x?y=%3cCincinnati%3e#%3cCincinnati%3e\">",
        ),
        ("<a href={{\"/a b\"}}>", "<a href=/a%20b>"),
        (
            "<a href=\"{{.SafeUrl}}\">",
            "<a href=\"javascript:ok%28%27x%27%29\">",
        ),
        (
            "<a href=\"/x?{{.SafeUrl}}\">",
            "<a href=\"/x?javascript:ok%28%27x%27%29\">",
        ),
        ("<a href=\"{{\"%20%zz\"}}\">", "<a href=\"%20%25zz\">"),
        ("<a href=\"?{{\"%20\"}}\">", "<a href=\"?%2520\">"),
        (
            "<a href=\"{{if .T}}/a?b={{else}}/c?{{end}}{{.C}}\">",
            "<a href=\"/a?b=%3cCincinnati%3e\">",
        ),
        (
            "<a href=\"{{range .A}}/{{.}}{{end}}\">",
            "<a href=\"/%3ca%3e/%3cb%3e\">",
        ),
        (
            "<img src=\"{{.U}}\" srcset=\"{{\"/a b, /c 2x, javascript:x 3x\"}}\">",
            "<img src=\"#ZgotmplZ\" srcset=\"/a b, /c 2x,#ZgotmplZ\">",
        ),
        (
            "<img srcset={{.SafeSrcset}}>",
            "<img srcset=greeting&#61;H%69&amp;addressee&#61;(World)&#32;2x,&#32;https://golang.org/favicon.ico&#32;500.5w>",
        ),
        (
            "<a href=\"{{.C | urlquery}}\">",
            "<a href=\"%3CCincinnati%3E\">",
        ),
        (
            "<svg:a svg:href=\"{{.U}}\"/>",
            "<svg:a svg:href=\"#ZgotmplZ\"/>",
        ),
    ]);
}

#[test]
fn values_in_scripts() {
    check_all(&[
        (
            "<script>var x = {{.N}};</script>",
            "<script>var x =  42 ;</script>",
        ),
        (
            "<script>var x = {{.C}};</script>",
            "<script>var x = \"\\u003cCincinnati\\u003e\";</script>",
        ),
        (
            "<script>f({{.A}}, {{.T}}, {{.Z}})</script>",
            "<script>f([\"\\u003ca\\u003e\",\"\\u003cb\\u003e\"],  true ,  null )</script>",
        ),
        (
            "<script>var x = '{{.C}}', y = \"{{.C}}\"</script>",
            "<script>var x = '\\u003cCincinnati\\u003e', y = \"\\u003cCincinnati\\u003e\"</script>",
        ),
        (
            "<script>var x = '{{\"</script>'\\n\"}}'</script>",
            "<script>var x = '\\u003c\\/script\\u003e\\u0027\\n'</script>",
        ),
        (
            "<script>x = {{.SafeJs}}</script>",
            "<script>x = c && alert(\"Hello, World!\");</script>",
        ),
        (
            "<script>x = '{{.SafeJsStr}}'</script>",
            "<script>x = 'Hello, World \\u0026 O\\u0027Reilly\\u0021'</script>",
        ),
        (
            "<script>x = {{.SafeJsStr}}</script>",
            "<script>x = \"Hello, World & O'Reilly\\u0021\"</script>",
        ),
        (
            "<script>/{{\"a.b/\"}}/.test(x)</script>",
            "<script>/a\\.b\\//.test(x)</script>",
        ),
        (
            "<script>/{{\"\"}}/.test(x)</script>",
            "<script>/(?:)/.test(x)</script>",
        ),
        (
            "<script>x = 1 / {{.N}} / 2</script>",
            "<script>x = 1 /  42  / 2</script>",
        ),
        (
            "<script>x = `a {{\"`${\"}} ${ {{.N}} + {a: 1}.a } b`; y = {{.N}}</script>",
            "<script>x = `a \\u0060\\u0024\\u007b ${  42  + {a: 1}.a } b`; y =  42 </script>",
        ),
        (
            "<button onclick=\"f({{.C}})\">",
            "<button onclick=\"f(&#34;\\u003cCincinnati\\u003e&#34;)\">",
        ),
        ("<button onclick='f({{.N}})'>", "<button onclick='f( 42 )'>"),
        (
            "<button onclick=\"f('{{.C}}')\">",
            "<button onclick=\"f('\\u003cCincinnati\\u003e')\">",
        ),
        (
            "<button onclick=\"f(&quot;{{.C}}&quot;)\">",
            "<button onclick=\"f(&quot;\\u003cCincinnati\\u003e&quot;)\">",
        ),
        (
            "<script type=\"text/plain\">{{.C}}</script>",
            "<script type=\"text/plain\">&lt;Cincinnati&gt;</script>",
        ),
        (
            "<script type=\"application/json\">{\"a\": {{.C}}}</script>",
            "<script type=\"application/json\">{\"a\": \"\\u003cCincinnati\\u003e\"}</script>",
        ),
        (
            "<script>x = \"<script>{{.N}}</script>",
            "<script>x = \"\\x3Cscript>42</script>",
        ),
        (
            "<script>{{if .T}}a{{else}}b{{end}}; x</script>",
            "<script>a; x</script>",
        ),
        (
            "<script>#!x\ny = {{.N}}</script>",
            "<script>\ny =  42 </script>",
        ),
        (
            "<script>a--; b = {{.N}}</script>",
            "<script>a--; b =  42 </script>",
        ),
    ]);
    let nan = Value::Float(f64::NAN);
    let mut set = TemplateSet::new(Mode::Html);
    let functions = Functions::new();
    set.parse("z", "<script>x = {{.}}</script>", &functions)
        .unwrap();
    assert_eq!(
        set.execute("z", &nan, &functions, &Limits::default())
            .unwrap(),
        "<script>x =  /* json: unsupported value: NaN */null </script>"
    );
}

#[test]
fn values_in_styles() {
    check_all(&[
        (
            "<style>p { width: {{\"5px\"}} }</style>",
            "<style>p { width: 5px }</style>",
        ),
        (
            "<p style=\"color: {{\"#8ff\"}}; width: {{\"10%\"}}\">",
            "<p style=\"color: #8ff; width: 10%\">",
        ),
        (
            "<p style=\"{{\"expression(alert(1))\"}}\">",
            "<p style=\"ZgotmplZ\">",
        ),
        (
            "<p style=\"x: {{\"a;b\"}} {{\"<!--\"}} {{\"exPression\"}}\">",
            "<p style=\"x: ZgotmplZ ZgotmplZ ZgotmplZ\">",
        ),
        (
            "<style>{{.SafeCss}}</style>",
            "<style>a[href =~ \"//example.com\"]#foo</style>",
        ),
        (
            "<p style=\"background: url('{{.U}}')\">",
            "<p style=\"background: url('#ZgotmplZ')\">",
        ),
        (
            "<p style=\"background: url({{\"/a b.png\"}})\">",
            "<p style=\"background: url(/a%20b.png)\">",
        ),
        (
            "<p style=\"background: url(/a?b={{\"x y\"}})\">",
            "<p style=\"background: url(/a?b=x%20y)\">",
        ),
        (
            "<style>p { font: '{{\"a';b\"}}' }</style>",
            "<style>p { font: 'a\\27\\3b b' }</style>",
        ),
        (
            "<style>p { font: \"{{\"Times New\"}}\" }</style>",
            "<style>p { font: \"Times New\" }</style>",
        ),
    ]);
}

#[test]
fn templates_are_escaped_for_where_they_are_called() {
    check_all(&[
        (
            "{{define \"v\"}}{{.}}{{end}}<p title=\"{{template \"v\" .C}}\">{{template \"v\" .C}}<script>x={{template \"v\" .C}}</script>",
            "<p title=\"&lt;Cincinnati&gt;\">&lt;Cincinnati&gt;<script>x=\"\\u003cCincinnati\\u003e\"</script>",
        ),
        (
            "{{define \"attrs\"}}href=\"{{.}}\"{{end}}<a {{template \"attrs\" .U}}>",
            "<a href=\"#ZgotmplZ\">",
        ),
        (
            "{{define \"n\"}}<li>{{.}}</li>{{if gt . 0}}{{template \"n\" 0}}{{end}}{{end}}<ul>{{template \"n\" .N}}</ul>",
            "<ul><li>42</li><li>0</li></ul>",
        ),
        (
            "{{block \"b\" .C}}<b>{{.}}</b>{{end}}",
            "<b>&lt;Cincinnati&gt;</b>",
        ),
        (
            "<a href=\"{{template \"q\" .}}{{.C}}\">{{define \"q\"}}/x?y={{end}}",
            "<a href=\"/x?y=%3cCincinnati%3e\">",
        ),
        ("{{range .A}}<i>{{break}}{{.}}</i>{{end}}", "<i>"),
    ]);
}

#[test]
fn pages_that_make_no_sense() {
    let cases = [
        (
            "{{if .T}}<a>{{else}}<a href=\"{{end}}",
            "html/template:z:1:5: {{if}} branches end in different contexts: text, a URL in double quotes",
        ),
        (
            "<a{{if .T}} href=\"{{end}}x",
            "html/template:z:1:7: {{if}} branches end in different contexts: a URL in double quotes, a tag",
        ),
        (
            "{{range .A}}<a {{end}}",
            "html/template:z:1:12: on range loop re-entry: \"<\" in attribute name: \"<a \"",
        ),
        (
            "<p title=\"x",
            "html/template:z:1:11: ends in a non-text context: the value of an attribute in double quotes",
        ),
        (
            "<script>f()",
            "html/template:z:1:11: ends in a non-text context: a script",
        ),
        (
            "{{template \"foo\"}}",
            "html/template:z:1:11: no such template \"foo\"",
        ),
        (
            "<a b=1 c={{.H}}",
            "html/template:z:1:15: ends in a non-text context: the value of an attribute without quotes",
        ),
        (
            "<input type=button value= 'foo\">",
            "html/template:z:1:32: ends in a non-text context: the value of an attribute in single quotes",
        ),
        (
            "<a =foo>",
            "html/template:z:1:2: expected space, attr name, or end of tag, but got \"=foo>\"",
        ),
        (
            "<a href=x\"y>",
            "html/template:z:1:8: \"\\\"\" in unquoted attr: \"x\\\"y\"",
        ),
        (
            "<form na<e=x>",
            "html/template:z:1:5: \"<\" in attribute name: \"na<e=x>\"",
        ),
        (
            "<script>{{if .T}}var x = 1{{end}}/-{{.N}}/i.test(x)</script>",
            "html/template:z:1:33: '/' could start a division or regexp: \"/-\"",
        ),
        (
            "<script>var x = \"\\{{.N}}\"</script>",
            "html/template:z:1:17: unfinished escape sequence in JS string: \"\\\\\"",
        ),
        (
            "<script>/foo[{{.N}}]/</script>",
            "html/template:z:1:9: unfinished JS regexp charset: \"foo[\"",
        ),
        (
            "<a href=\"{{if .T}}/a{{else}}/b?c={{end}}{{.C}}\">",
            "html/template:z:1:42: {{.C}} appears in an ambiguous context within a URL",
        ),
        (
            "<p title={{.C | html}}>",
            "html/template:z:1:16: predefined escaper \"html\" disallowed in template",
        ),
        (
            "{{.C | html | print}}",
            "html/template:z:1:7: predefined escaper \"html\" disallowed in template",
        ),
        (
            "{{define \"t\"}}{{if .T}}{{template \"t\" .}}{{end}}{{.H}}\",{{end}}<a href=\"{{template \"t\" .}}",
            "html/template:z:1:0: cannot compute output context for template \"t\"",
        ),
        (
            "<script>var x = [{{range .A}}'{{.}},{{end}}]</script>",
            "html/template:z:1:25: on range loop re-entry: {{range}} branches end in different contexts: a string in a script, a script",
        ),
        (
            "{{range .A}}<a{{break}}{{end}}",
            "html/template:z:1:12: on range loop re-entry: \"<\" in attribute name: \"<a\"",
        ),
        (
            "{{range .A}}{{if .}}<a {{break}}{{end}}{{end}}",
            "html/template:z:1:8: at range loop break: {{range}} branches end in different contexts: text, a tag",
        ),
    ];
    for (text, want) in cases {
        let error = run(text).expect_err(text);
        assert_eq!(error.to_string(), want, "{text}");
    }
}

#[test]
fn pages_are_checked_without_data() {
    let functions = Functions::new();
    let mut set = TemplateSet::new(Mode::Html);
    set.parse("bad", "<a href=\"", &functions).unwrap();
    set.parse("good", "<a href=\"{{.}}\">", &functions).unwrap();
    assert!(set.check("bad").is_err());
    assert!(set.check("good").is_ok());
    assert!(set.check("nope").is_err());
    set.parse("bad", "<b>", &functions).unwrap();
    assert!(set.check("bad").is_ok());
}

#[test]
fn loops_within_loops_do_not_take_forever() {
    let open = "{{range .A}}<a href=\"";
    let text = format!("{}{}", open.repeat(40), "{{end}}".repeat(40));
    assert!(run_html(&text).is_err());
    let text = format!(
        "{}{{{{.N}}}}{}",
        "{{range .A}}".repeat(90),
        "{{end}}".repeat(90)
    );
    assert!(run(&text).is_err());
}
