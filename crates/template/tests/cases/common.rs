//! What the tables of cases are run with.

use bellwether_template::{
    Arguments, DurationNs, Functions, Limits, List, Map, MissingKey, Mode, Object, Param,
    Signature, TemplateError, TemplateSet, Time, Value,
};

/// A struct with fields and methods.
#[derive(Debug)]
pub(crate) struct Thing;

impl Object for Thing {
    fn type_name(&self) -> &str {
        "*main.Thing"
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        vec![("Name", "thing".into()), ("Size", Value::Int(3))]
    }

    fn method(&self, name: &str) -> Option<Signature> {
        match name {
            "Greet" => Some(const { Signature::of(&[Param::String, Param::Int]) }),
            "Join" => Some(const { Signature::variadic(&[Param::String], Param::String) }),
            "Me" | "Fail" => Some(Signature::of(&[])),
            _ => None,
        }
    }

    fn call(&self, name: &str, arguments: &Arguments<'_>) -> Result<Value, String> {
        match name {
            "Greet" => Ok(format!("{}:{}", arguments.string(0), arguments.int(1)).into()),
            "Join" => {
                let texts: Vec<&str> = arguments.rest(1).iter().filter_map(Value::as_str).collect();
                Ok(texts.join(arguments.string(0)).into())
            }
            "Me" => Ok(Value::object(Self)),
            _ => Err("it broke".to_owned()),
        }
    }
}

/// The data of most cases.
pub(crate) fn data() -> Value {
    let inner = Map::new([("deep", Value::from("down")), ("n", Value::Int(7))]).unwrap();
    let list = |values: Vec<Value>| Value::from(List::new(values).unwrap());
    let people = list(vec![
        Value::from(Map::of_strings([("name", "Ann"), ("city", "Rome")])),
        Value::from(Map::of_strings([("name", "Bob"), ("city", "Oslo")])),
    ]);
    Value::from(
        Map::new([
            ("s", Value::from("text")),
            ("empty", "".into()),
            ("html", "<b>\"x\" & 'y'</b>".into()),
            ("i", Value::Int(17)),
            ("zero", Value::Int(0)),
            ("f", Value::Float(2.5)),
            ("t", Value::Bool(true)),
            ("no", Value::Bool(false)),
            ("nothing", Value::Nil),
            ("map", inner.into()),
            ("labels", Map::of_strings([("b", "2"), ("a", "1")]).into()),
            ("nomap", Map::of_strings::<&str, &str>([]).into()),
            ("list", list([1, 2, 3].map(Value::Int).to_vec())),
            ("strings", List::of_strings(["x", "y", "z"]).into()),
            ("nolist", list(Vec::new())),
            ("people", people),
            ("time", Time::from_unix_ms(1_435_065_584_128).into()),
            ("dur", DurationNs(5_400_000_000_000).into()),
            ("thing", Value::object(Thing)),
            ("safe", Value::safe_html("<i>safe</i>")),
            ("url", Value::safe_url("javascript:ok()")),
        ])
        .unwrap(),
    )
}

/// Some functions of our own.
pub(crate) fn functions() -> Functions {
    let mut functions = Functions::new();
    functions
        .add("shout", Signature::of(&[Param::String]), |arguments| {
            Ok(arguments.string(0).to_uppercase().into())
        })
        .add("double", Signature::of(&[Param::Int]), |arguments| {
            Ok(Value::Int(arguments.int(0).wrapping_mul(2)))
        })
        .add("nothing", Signature::of(&[]), |_| Ok(Value::Nil))
        .add("seven", Signature::of(&[]), |_| Ok(Value::Int(7)))
        .add("fail", Signature::variadic(&[], Param::Any), |_| {
            Err("on purpose".to_owned())
        })
        .add("flag", Signature::of(&[Param::Bool]), |arguments| {
            Ok(arguments.value(0).clone())
        })
        .add("count", Signature::of(&[Param::List]), |arguments| {
            Ok(Value::Int(arguments.list(0).map_or(0, |l| l.len() as i64)))
        })
        .add("list", Signature::variadic(&[], Param::Any), |arguments| {
            let list = List::new(arguments.values().to_vec());
            Ok(list.map_err(|error| error.to_string())?.into())
        });
    functions
}

/// Parses and executes a text.
pub(crate) fn run_with(
    set: TemplateSet,
    text: &str,
    data: &Value,
    functions: &Functions,
) -> Result<String, TemplateError> {
    let mut set = set;
    set.parse("t", text, functions)?;
    set.execute("t", data, functions, &Limits::default())
}

/// Parses and executes a text with [`data`] and [`functions`].
pub(crate) fn run(text: &str) -> Result<String, TemplateError> {
    run_with(TemplateSet::new(Mode::Text), text, &data(), &functions())
}

/// The same with another rule for keys that are not there.
pub(crate) fn run_missing(text: &str, missing_key: MissingKey) -> Result<String, TemplateError> {
    let set = TemplateSet::new(Mode::Text).with_missing_key(missing_key);
    run_with(set, text, &data(), &functions())
}

/// The same as a page.
pub(crate) fn run_html(text: &str) -> Result<String, TemplateError> {
    run_with(TemplateSet::new(Mode::Html), text, &data(), &functions())
}

/// Runs a table of texts and what they print.
pub(crate) fn check_all(cases: &[(&str, &str)]) {
    for (text, want) in cases {
        match run(text) {
            Ok(found) => assert_eq!(&found, want, "{text}"),
            Err(error) => panic!("{text}: {error}"),
        }
    }
}

/// Runs a table of texts and their errors.
pub(crate) fn check_errors(cases: &[(&str, &str)]) {
    for (text, want) in cases {
        let error = run(text).expect_err(text);
        assert_eq!(&error.to_string(), want, "{text}");
    }
}
