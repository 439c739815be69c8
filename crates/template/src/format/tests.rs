use super::*;
use crate::time::{DurationNs, Time};
use crate::value::{List, Map};

fn check(text: &str, values: &[Value], want: &str) {
    let mut out = Bounded::new(1 << 20);
    printf(&mut out, text, values).unwrap();
    assert_eq!(out.as_str(), want, "{text} of {values:?}");
}

fn int(number: i64) -> Value {
    Value::Int(number)
}

fn text(text: &str) -> Value {
    Value::from(text)
}

#[test]
fn integers() {
    check("%d", &[int(-5)], "-5");
    check(
        "%5d|%-5d|%05d|%+d|% d",
        &[int(42), int(42), int(-42), int(42), int(42)],
        "   42|42   |-0042|+42| 42",
    );
    check(
        "%x %X %#x %#X %o %#o %O %b %#b",
        &[
            int(255),
            int(255),
            int(255),
            int(255),
            int(8),
            int(8),
            int(8),
            int(5),
            int(5),
        ],
        "ff FF 0xff 0XFF 10 010 0o10 101 0b101",
    );
    check("%x", &[int(-255)], "-ff");
    check(
        "%.5d|%8.5d|%.0d|",
        &[int(42), int(-42), int(0)],
        "00042|  -00042||",
    );
    check("%c%c", &[int(0x4e16), int(-1)], "世\u{fffd}");
    check("%q %+q", &[int(0x27), int(0x4e16)], "'\\'' '\\u4e16'");
    check(
        "%U %#U %U",
        &[int(0x1f600), int(0x41), int(7)],
        "U+1F600 U+0041 'A' U+0007",
    );
    check("%v", &[int(i64::MIN)], "-9223372036854775808");
    check("%s %t", &[int(1), int(1)], "%!s(int=1) %!t(int=1)");
}

#[test]
fn floats() {
    let float = Value::Float;
    check(
        "%v %v %v",
        &[float(1.0), float(1e21), float(0.000_01)],
        "1 1e+21 1e-05",
    );
    check(
        "%f %.2f %.0f %F",
        &[float(1.5), float(2.345), float(2.5), float(1.0)],
        "1.500000 2.35 2 1.000000",
    );
    check(
        "%8.2f|%-8.2f|%08.2f|%+.1f|% .1f",
        &[float(-1.5), float(1.5), float(-1.5), float(1.0), float(1.0)],
        "   -1.50|1.50    |-0001.50|+1.0| 1.0",
    );
    check(
        "%e %.2E %g %G",
        &[float(1234.5), float(0.001_234), float(1e-7), float(1e-7)],
        "1.234500e+03 1.23E-03 1e-07 1E-07",
    );
    check(
        "%.4g %.4g %.4g %.4g",
        &[
            float(1234567.0),
            float(899.99),
            float(100_000.0),
            float(0.12),
        ],
        "1.235e+06 900 1e+05 0.12",
    );
    check(
        "%.3g %.10g %.0g",
        &[float(100.0), float(1234.5), float(250.0)],
        "100 1234.5 2e+02",
    );
    check(
        "%v %5.1f %05.1f %+v",
        &[
            float(f64::INFINITY),
            float(f64::NEG_INFINITY),
            float(f64::NAN),
            float(f64::NAN),
        ],
        "+Inf  -Inf   NaN NaN",
    );
    check("%.3000f", &[float(0.0)], &format!("0.{}", "0".repeat(3000)));
    check(
        "%d %s",
        &[float(1.5), float(2.0)],
        "%!d(float64=1.5) %!s(float64=2)",
    );
}

#[test]
fn texts() {
    check(
        "%s|%5s|%-5s|%.2s|%5.1s",
        &[text("héé"), text("hé"), text("hé"), text("héé"), text("hé")],
        "héé|   hé|hé   |hé|    h",
    );
    check(
        "%q %#q %+q %#q",
        &[text("a\n"), text("a"), text("é"), text("`")],
        "\"a\\n\" `a` \"\\u00e9\" \"`\"",
    );
    check(
        "%x %X % x %#x %# x",
        &[text("hi"), text("hi"), text("hi"), text("hi"), text("hi")],
        "6869 6869 68 69 0x6869 0x68 0x69",
    );
    check("%d", &[text("hi")], "%!d(string=hi)");
    check(
        "%t %v",
        &[Value::Bool(true), Value::Bool(false)],
        "true false",
    );
    check("%d", &[Value::Bool(true)], "%!d(bool=true)");
    check(
        "%v %s %d",
        &[Value::Nil, Value::Nil, Value::Nil],
        "<nil> %!s(<nil>) %!d(<nil>)",
    );
    check(
        "%T %T %T",
        &[int(1), text(""), Value::Nil],
        "int string <nil>",
    );
    check("%#v %#v", &[text("a\"b"), int(3)], "\"a\\\"b\" 3");
}

#[test]
fn collections() {
    let list = Value::from(List::new(vec![text("a"), int(1), Value::Nil]).unwrap());
    check(
        "%v %q %d",
        &[list.clone(), list.clone(), list.clone()],
        "[a 1 <nil>] [\"a\" '\\x01' <nil>] [%!d(string=a) 1 <nil>]",
    );
    let strings = Value::from(List::of_strings(["a", "b c"]));
    check(
        "%s %q %5s %#v",
        &[strings.clone(), strings.clone(), strings.clone(), strings],
        "[a b c] [\"a\" \"b c\"] [    a   b c] []string{\"a\", \"b c\"}",
    );
    let map = Value::from(Map::of_strings([("b", "2"), ("a", "1")]));
    check(
        "%v %q",
        &[map.clone(), map],
        "map[a:1 b:2] map[\"a\":\"1\" \"b\":\"2\"]",
    );
    check("%v", &[Value::from(Map::new::<&str>([]).unwrap())], "map[]");
    check(
        "%v %d %.2s",
        &[
            DurationNs(1_500_000_000).into(),
            DurationNs(7).into(),
            DurationNs(60_000_000_000).into(),
        ],
        "1.5s 7 1m",
    );
    check(
        "%s",
        &[Time::from_unix_ms(0).into()],
        "1970-01-01 00:00:00 +0000 UTC",
    );
}

#[test]
fn directives() {
    check("100%% %", &[], "100% %!(NOVERB)");
    check("%d %d", &[int(1)], "1 %!d(MISSING)");
    check(
        "%d",
        &[int(1), text("x"), Value::Nil],
        "1%!(EXTRA string=x, <nil>)",
    );
    check("%[2]d %[1]d", &[int(1), int(2)], "2 1");
    check(
        "%[3]d %[x]d %[",
        &[int(1)],
        "%!d(BADINDEX) %!d(BADINDEX) %!(NOVERB)",
    );
    check(
        "%*d|%-*d|%.*f",
        &[int(4), int(1), int(4), int(1), int(1), Value::Float(1.25)],
        "   1|1   |1.2",
    );
    check("%*d", &[int(-4), int(1)], "1   ");
    check("%*d", &[text("x"), int(1)], "%!(BADWIDTH)1");
    check("%.*d", &[text("x"), int(1)], "%!(BADPREC)1");
    check("%[2]*[1]d", &[int(12), int(4)], "  12");
    check("%z", &[int(3)], "%!z(int=3)");
    check("%-010d|", &[int(3)], "3         |");
    check("%99999999999d", &[int(3)], "%!(NOVERB)%!(EXTRA int=3)");
}

#[test]
fn values_in_a_row() {
    let print_of = |values: &[Value]| {
        let mut out = Bounded::new(100);
        print(&mut out, values).unwrap();
        out.into_text()
    };
    assert_eq!(
        print_of(&[int(1), int(2), text("a"), text("b"), int(3)]),
        "1 2ab3"
    );
    assert_eq!(print_of(&[Value::Nil, Value::Bool(true)]), "<nil> true");
    let mut out = Bounded::new(100);
    println(&mut out, &[text("a"), int(1)]).unwrap();
    assert_eq!(out.as_str(), "a 1\n");
    let mut out = Bounded::new(4);
    assert!(printf(&mut out, "%1000000d", &[int(1)]).is_err());
}
