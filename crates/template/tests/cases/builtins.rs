//! The functions of the language.

use crate::common::{check_all, check_errors};

#[test]
fn logic() {
    check_all(&[
        (
            "{{and true false}} {{and 1 2}} {{and 0 2}} {{and .s}}",
            "false 2 0 text",
        ),
        (
            "{{or false true}} {{or 0 2}} {{or 0 \"\"}}|{{or .empty .s}}",
            "true 2 |text",
        ),
        (
            "{{not true}} {{not 0}} {{not .s}} {{not nil}}",
            "false true false true",
        ),
        ("{{and false (fail)}} {{or 1 (fail)}}", "false 1"),
        ("{{and .no (index .list 99)}}", "false"),
        ("{{true | and true}} {{0 | or 0}} {{1 | or 2}}", "true 0 2"),
        (
            "{{if and (eq .s \"text\") (or .no (not .empty))}}yes{{end}}",
            "yes",
        ),
    ]);
    check_errors(&[
        (
            "{{and}}",
            "template: t:1:2: executing \"t\" at <and>: wrong number of args for and: want at least 1 got 0",
        ),
        (
            "{{not 1 2}}",
            "template: t:1:2: executing \"t\" at <not>: wrong number of args for not: want 1 got 2",
        ),
        (
            "{{and true (fail)}}",
            "template: t:1:12: executing \"t\" at <fail>: error calling fail: on purpose",
        ),
        (
            "{{call .s 1}}",
            "template: t:1:2: executing \"t\" at <call .s 1>: error calling call: non-function of type string",
        ),
        (
            "{{call nil}}",
            "template: t:1:2: executing \"t\" at <call nil>: error calling call: call of nil",
        ),
    ]);
}

#[test]
fn comparisons() {
    check_all(&[
        (
            "{{eq 1 1}} {{eq 1 2}} {{eq \"a\" \"a\"}} {{eq true true}} {{eq 1.5 1.5}}",
            "true false true true true",
        ),
        ("{{eq 1 2 3 1}} {{eq 1 2 3}}", "true false"),
        ("{{ne 1 2}} {{ne \"a\" \"a\"}}", "true false"),
        (
            "{{lt 1 2}} {{lt 2 1}} {{lt \"a\" \"b\"}} {{lt 1.5 2.5}}",
            "true false true true",
        ),
        (
            "{{le 1 1}} {{le 2 1}} {{gt 2 1}} {{gt 1 1}} {{ge 1 1}} {{ge 0 1}}",
            "true false true false true false",
        ),
        (
            "{{eq .missing nil}} {{eq .s nil}} {{ne .missing nil}} {{eq nil .missing}}",
            "true false false true",
        ),
        (
            "{{eq .time .time}} {{eq .dur .dur}} {{eq .dur 5400000000000}}",
            "true true true",
        ),
        ("{{eq .time.Month 6}} {{eq .time.Weekday 2}}", "true true"),
        ("{{eq .safe \"<i>safe</i>\"}}", "true"),
        ("{{eq .thing .thing}} {{eq .thing nil}}", "true false"),
        (
            "{{eq 'a' 97}} {{.i | eq 17}} {{lt 16 .i}}",
            "true true true",
        ),
    ]);
    check_errors(&[
        (
            "{{eq 1}}",
            "template: t:1:2: executing \"t\" at <eq 1>: error calling eq: missing argument for comparison",
        ),
        (
            "{{eq 1 \"a\"}}",
            "template: t:1:2: executing \"t\" at <eq 1 \"a\">: error calling eq: incompatible types for comparison",
        ),
        (
            "{{eq 1 1.0}}",
            "template: t:1:2: executing \"t\" at <eq 1 1.0>: error calling eq: incompatible types for comparison",
        ),
        (
            "{{eq .list .list}}",
            "template: t:1:2: executing \"t\" at <eq .list .list>: error calling eq: non-comparable type []interface {}",
        ),
        (
            "{{eq .labels 1}}",
            "template: t:1:2: executing \"t\" at <eq .labels 1>: error calling eq: incompatible types for comparison",
        ),
        (
            "{{lt true false}}",
            "template: t:1:2: executing \"t\" at <lt true false>: error calling lt: invalid type for comparison",
        ),
        (
            "{{lt .missing 1}}",
            "template: t:1:2: executing \"t\" at <lt .missing 1>: error calling lt: invalid type for comparison",
        ),
        (
            "{{gt 1 1.5}}",
            "template: t:1:2: executing \"t\" at <gt 1 1.5>: error calling gt: incompatible types for comparison",
        ),
        (
            "{{lt 1 2 3}}",
            "template: t:1:2: executing \"t\" at <lt>: wrong number of args for lt: want 2 got 3",
        ),
    ]);
}

#[test]
fn indexes_and_lengths() {
    check_all(&[
        ("{{index .list 0}} {{index .list 2}}", "1 3"),
        ("{{index .labels \"a\"}} {{index .map \"n\"}}", "1 7"),
        ("{{index .people 1 \"name\"}}", "Bob"),
        ("{{index .s 0}}", "116"),
        ("{{index .list}}", "[1 2 3]"),
        ("{{\"a\" | index .labels}}", "1"),
        (
            "{{slice .list}} {{slice .list 1}} {{slice .list 1 2}} {{slice .list 0 2 3}}",
            "[1 2 3] [2 3] [2] [1 2]",
        ),
        (
            "{{slice .s 1}} {{slice .s 1 3}} {{slice .s 4}}|",
            "ext ex |",
        ),
        ("{{slice \"hé!\" 0 2}}", "h\u{fffd}"),
        (
            "{{len .s}} {{len .list}} {{len .labels}} {{len .empty}} {{len \"é\"}} {{len .safe}}",
            "4 3 2 0 2 11",
        ),
    ]);
    check_errors(&[
        (
            "{{index .list 3}}",
            "template: t:1:2: executing \"t\" at <index .list 3>: error calling index: index out of range: 3",
        ),
        (
            "{{index .list -1}}",
            "template: t:1:2: executing \"t\" at <index .list -1>: error calling index: index out of range: -1",
        ),
        (
            "{{index .list \"a\"}}",
            "template: t:1:2: executing \"t\" at <index .list \"a\">: error calling index: cannot index slice/array with type string",
        ),
        (
            "{{index .list nil}}",
            "template: t:1:2: executing \"t\" at <index .list nil>: error calling index: cannot index slice/array with nil",
        ),
        (
            "{{index .labels 1}}",
            "template: t:1:2: executing \"t\" at <index .labels 1>: error calling index: value has type int; should be string",
        ),
        (
            "{{index .labels nil}}",
            "template: t:1:2: executing \"t\" at <index .labels nil>: error calling index: value is nil; should be of type string",
        ),
        (
            "{{index 1 1}}",
            "template: t:1:2: executing \"t\" at <index 1 1>: error calling index: can't index item of type int",
        ),
        (
            "{{index nil 1}}",
            "template: t:1:2: executing \"t\" at <index nil 1>: error calling index: index of untyped nil",
        ),
        (
            "{{slice .s 3 1}}",
            "template: t:1:2: executing \"t\" at <slice .s 3 1>: error calling slice: invalid slice index: 3 > 1",
        ),
        (
            "{{slice .s 0 9}}",
            "template: t:1:2: executing \"t\" at <slice .s 0 9>: error calling slice: index out of range: 9",
        ),
        (
            "{{slice .s 0 1 2}}",
            "template: t:1:2: executing \"t\" at <slice .s 0 1 2>: error calling slice: cannot 3-index slice a string",
        ),
        (
            "{{slice .list 1 2 3 4}}",
            "template: t:1:2: executing \"t\" at <slice .list 1 2 3 4>: error calling slice: too many slice indexes: 4",
        ),
        (
            "{{slice 1 1}}",
            "template: t:1:2: executing \"t\" at <slice 1 1>: error calling slice: can't slice item of type int",
        ),
        (
            "{{len 3}}",
            "template: t:1:2: executing \"t\" at <len 3>: error calling len: len of type int",
        ),
        (
            "{{len nil}}",
            "template: t:1:2: executing \"t\" at <len nil>: error calling len: len of nil pointer",
        ),
    ]);
}

#[test]
fn printing() {
    check_all(&[
        (
            "{{print 1 2 \"a\" \"b\" 3}}|{{print}}|{{println 1 \"a\"}}",
            "1 2ab3||1 a\n",
        ),
        (
            "{{printf \"%d %s %v %q %5.2f|%-5s|%05d\" 1 \"a\" true \"q\" 1.234 \"l\" 42}}",
            "1 a true \"q\"  1.23|l    |00042",
        ),
        ("{{printf \"%v %v\" .list .labels}}", "[1 2 3] map[a:1 b:2]"),
        ("{{printf \"%.3f%%\" 99.5}}", "99.500%"),
        ("{{printf \"%*d\" 5 42}}", "   42"),
        (
            "{{printf \"%T %T %T\" .i .s .labels}}",
            "int string map[string]string",
        ),
        (
            "{{.}}",
            "map[dur:1h30m0s empty: f:2.5 html:<b>\"x\" & 'y'</b> i:17 labels:map[a:1 b:2] list:[1 2 3] map:map[deep:down n:7] no:false nolist:[] nomap:map[] nothing:<nil> people:[map[city:Rome name:Ann] map[city:Oslo name:Bob]] s:text safe:<i>safe</i> strings:[x y z] t:true thing:{thing 3} time:2015-06-23 13:19:44.128 +0000 UTC url:javascript:ok() zero:0]",
        ),
        (
            "{{printf \"%+v %d\" .thing .thing}}",
            "{Name:thing Size:3} {%!d(string=thing) 3}",
        ),
        (
            "{{.list}} {{.strings}} {{.nolist}} {{.f}} {{.t}}",
            "[1 2 3] [x y z] [] 2.5 true",
        ),
        (
            "{{.time.Month}} {{.time.Weekday}} {{printf \"%d\" .time.Month}}",
            "June Tuesday 6",
        ),
    ]);
}

#[test]
fn escaping_by_hand() {
    check_all(&[
        (
            "{{html .html}}",
            "&lt;b&gt;&#34;x&#34; &amp; &#39;y&#39;&lt;/b&gt;",
        ),
        (
            "{{.html | html}}",
            "&lt;b&gt;&#34;x&#34; &amp; &#39;y&#39;&lt;/b&gt;",
        ),
        ("{{html 1 2 \"<\" nil}}", "1 2&lt;&lt;no value&gt;"),
        (
            "{{js \"it'd \\\"be\\\" <nice> & a=b\\n\\u2028é\"}}",
            "it\\'d \\\"be\\\" \\u003Cnice\\u003E \\u0026 a\\u003Db\\u000A\\u2028é",
        ),
        (
            "{{urlquery \"http://www.example.org/a b?x=é\"}}",
            "http%3A%2F%2Fwww.example.org%2Fa+b%3Fx%3D%C3%A9",
        ),
        ("{{urlquery 1 \"&\"}}", "1%26"),
    ]);
}

#[test]
fn methods_of_times() {
    check_all(&[
        ("{{.time}}", "2015-06-23 13:19:44.128 +0000 UTC"),
        (
            "{{.time.Format \"2006-01-02T15:04:05Z07:00\"}}",
            "2015-06-23T13:19:44Z",
        ),
        ("{{.time.Format \"Jan _2, 3:04PM\"}}", "Jun 23, 1:19PM"),
        (
            "{{.time.Unix}} {{.time.UnixMilli}} {{.time.UnixNano}} {{.time.UnixMicro}}",
            "1435065584 1435065584128 1435065584128000000 1435065584128000",
        ),
        (
            "{{.time.Year}}-{{.time.Day}} {{.time.Hour}}:{{.time.Minute}}:{{.time.Second}}.{{.time.Nanosecond}} {{.time.YearDay}}",
            "2015-23 13:19:44.128000000 174",
        ),
        (
            "{{(.time.Add .dur).UTC}} {{.time.Local.Location}}",
            "2015-06-23 14:49:44.128 +0000 UTC UTC",
        ),
        (
            "{{(.time.AddDate 0 8 7).Format \"2006-01-02\"}} {{(.time.AddDate -1 -6 0).Format \"2006-01-02\"}}",
            "2016-03-01 2013-12-23",
        ),
        (
            "{{.time.Sub .time}} {{(.time.Add .dur).Sub .time}}",
            "0s 1h30m0s",
        ),
        (
            "{{.time.Before .time}} {{.time.After .time}} {{.time.Equal .time}} {{.time.Compare .time}} {{.time.IsZero}} {{.time.IsDST}}",
            "false false true 0 false false",
        ),
        (
            "{{(.time.Truncate .dur).Format \"15:04:05\"}} {{(.time.Round .dur).Format \"15:04\"}}",
            "12:00:00 13:30",
        ),
        (
            "{{(.time.In .time.Location).String}}",
            "2015-06-23 13:19:44.128 +0000 UTC",
        ),
        (
            "{{.dur.Seconds}} {{.dur.Minutes}} {{.dur.Hours}} {{.dur.String}} {{.dur.Milliseconds}}",
            "5400 90 1.5 1h30m0s 5400000",
        ),
        (
            "{{.dur.Round 3600000000000}} {{.dur.Truncate 3600000000000}} {{.dur.Abs}}",
            "2h0m0s 1h0m0s 1h30m0s",
        ),
        (
            "{{.time.Add 1000000000}}",
            "2015-06-23 13:19:45.128 +0000 UTC",
        ),
    ]);
    check_errors(&[
        (
            "{{.time.Nope}}",
            "template: t:1:7: executing \"t\" at <.time.Nope>: can't evaluate field Nope in type time.Time",
        ),
        (
            "{{.time.Format 1}}",
            "template: t:1:15: executing \"t\" at <1>: expected string; found 1",
        ),
        (
            "{{.time.Format .i}}",
            "template: t:1:15: executing \"t\" at <.i>: wrong type for value; expected string; got int",
        ),
        (
            "{{.time.Format}}",
            "template: t:1:7: executing \"t\" at <.time.Format>: wrong number of args for Format: want 1 got 0",
        ),
        (
            "{{.time.Add 1.5}}",
            "template: t:1:12: executing \"t\" at <1.5>: expected integer; found 1.5",
        ),
        (
            "{{.time.In \"UTC\"}}",
            "template: t:1:7: executing \"t\" at <.time.In>: error calling In: wrong type for value; expected *time.Location; got string",
        ),
    ]);
}
