//! What is done with answers: `transformations`.

use serde_json::Value;

use super::field::{calc, calcs};
use super::object::{Findings, Object, is_blank, text_of};
use crate::form::Pairs;
use crate::panel::{Calc, SortBy};
use crate::transformation::{
    Aggregate, Calculate, CalculateMode, Condition, ConditionOp, ConfigFromQuery, Convert,
    FilterFields, FilterQueries, FilterRows, GroupBy, Join, JoinMode, LabelsToFields, Limit,
    Matrix, Nothing, Organize, Pairings, Partition, Reduce, Rename, SeriesToTable, Transformation,
};

/// Reads the transformations of a panel.
pub(super) fn read(items: &[Value], found: &mut Findings) -> Vec<Transformation> {
    let mut read = Vec::new();
    for item in items {
        let of = Object::of(Some(item));
        if of.is("disabled") {
            continue;
        }
        let id = of.string("id");
        let options = of.object("options");
        if let Some(filter) = of.get("filter")
            && !is_blank(filter)
        {
            found.lost(
                format!("transformation {id}"),
                "is for some of the answers only",
            );
            continue;
        }
        if of
            .text("topic")
            .is_some_and(|topic| !topic.is_empty() && topic != "series")
        {
            found.lost(format!("transformation {id}"), "is for annotations");
            continue;
        }
        if let Some(transformation) = one(&id, &options, found) {
            for key in options.rest() {
                found.approximated(
                    format!("transformation {id}: {key}"),
                    "is not known here and was left out",
                );
            }
            read.extend(transformation);
        } else {
            found.lost(format!("transformation {id}"), "is not known here");
        }
    }
    read
}

/// The names of an object that are true.
fn names_of(of: &Object<'_>) -> Vec<String> {
    of.entries()
        .filter(|(_, is)| is.as_bool() == Some(true))
        .map(|(name, _)| name.to_owned())
        .collect()
}

fn pairs(of: &Object<'_>) -> Pairs {
    let pairs = of.entries();
    Pairs::of(pairs.filter_map(|(key, value)| Some((key.to_owned(), text_of(value)?))))
}

/// One transformation, which may be several of ours; `None`: it is not known.
fn one(id: &str, of: &Object<'_>, found: &mut Findings) -> Option<Vec<Transformation>> {
    Some(vec![match id {
        "organize" => return Some(organize(of, found)),
        "merge" => {
            of.skip(&["reducers"]);
            Transformation::Merge(Nothing)
        }
        "seriesToColumns" | "joinByField" => Transformation::Join(Join {
            field: of.string("byField"),
            mode: match of.string("mode").as_str() {
                "inner" => JoinMode::Inner,
                "outerTabular" => JoinMode::OuterTabular,
                _ => JoinMode::Outer,
            },
        }),
        "filterFieldsByName" => filter_fields(of),
        "filterByRefId" => Transformation::FilterQueries(FilterQueries {
            include: of.string("include"),
            exclude: of.string("exclude"),
        }),
        "reduce" => {
            let mode = of.string("mode");
            of.skip(&["fields"]);
            Transformation::Reduce(Reduce {
                calcs: calcs(of.list("reducers"), "calculation", found),
                keep_fields: mode == "reduceFields",
                include_time: of.is("includeTimeField"),
                labels_to_fields: of.is("labelsToFields"),
            })
        }
        "labelsToFields" => Transformation::LabelsToFields(LabelsToFields {
            as_rows: of.text("mode").is_some_and(|mode| mode == "rows"),
            keep: of.texts("keepLabels"),
            value_label: of.string("valueLabel"),
        }),
        "sortBy" => {
            of.skip(&["fields"]);
            let sorts = of.list("sort").iter().map(|sort| {
                let sort = Object::of(Some(sort));
                Transformation::Sort(SortBy {
                    field: sort.string("field"),
                    descending: sort.is("desc"),
                })
            });
            return Some(sorts.take(1).collect());
        }
        "groupBy" => group_by(of, found),
        "calculateField" => calculate(of, found)?,
        "renameByRegex" => Transformation::Rename(Rename {
            regex: of.string("regex"),
            replacement: of.string("renamePattern"),
        }),
        "filterByValue" => filter_rows(of, found)?,
        "concatenate" | "concatenateFields" | "appendFields" => {
            of.skip(&["frameNameMode", "frameNameLabel"]);
            Transformation::Concatenate(Nothing)
        }
        "limit" => Transformation::Limit(Limit {
            rows: of.count("limitField").unwrap_or(10),
        }),
        "seriesToRows" => Transformation::SeriesToRows(Nothing),
        "transpose" => {
            of.skip(&["firstFieldName", "restFieldsName"]);
            Transformation::Transpose(Nothing)
        }
        "convertFieldType" => convert(of, found),
        "groupingToMatrix" => Transformation::Matrix(Matrix {
            column: of.string("columnField"),
            row: of.string("rowField"),
            value: of.string("valueField"),
            empty: of.text("emptyValue").unwrap_or_else(|| "empty".to_owned()),
        }),
        "timeSeriesTable" => {
            let calcs = of
                .entries()
                .map(|(query, of)| (query.to_owned(), Object::of(Some(of)).string("stat")));
            Transformation::SeriesToTable(SeriesToTable {
                calcs: Pairs::of(calcs),
            })
        }
        "partitionByValues" => {
            let naming = of.object("naming");
            Transformation::Partition(Partition {
                fields: of.texts("fields"),
                keep_fields: of.is("keepFields"),
                with_names: naming.is("withNames"),
            })
        }
        "rowsToFields" => Transformation::RowsToFields(Pairings {
            fields: field_pairs(of),
        }),
        "configFromData" => {
            let apply_to = of.object("applyTo");
            Transformation::ConfigFromQuery(ConfigFromQuery {
                query: of.string("configRefId"),
                fields: field_pairs(of),
                apply_to: apply_to.string("options"),
            })
        }
        _ => return None,
    }])
}

/// `mappings: [{ fieldName, handlerKey }]`
fn field_pairs(of: &Object<'_>) -> Pairs {
    let each = of.list("mappings").iter().map(|item| {
        let item = Object::of(Some(item));
        let handler = item
            .text("handlerKey")
            .unwrap_or_else(|| "ignore".to_owned());
        (item.string("fieldName"), handler)
    });
    Pairs::of(each)
}

fn organize(of: &Object<'_>, found: &mut Findings) -> Vec<Transformation> {
    let mut order: Vec<(f64, String)> = of
        .object("indexByName")
        .entries()
        .filter_map(|(name, index)| Some((super::object::number_of(index)?, name.to_owned())))
        .collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    let rename = pairs(&of.object("renameByName")).0;
    for item in of.list("orderBy") {
        if !is_blank(item) {
            found.cosmetic(
                "transformation organize: orderBy",
                "columns stand in their own order",
            );
        }
    }
    of.skip(&["orderByMode"]);
    vec![Transformation::Organize(Organize {
        exclude: names_of(&of.object("excludeByName")),
        include: names_of(&of.object("includeByName")),
        // A name that becomes nothing stays what it is.
        rename: Pairs::of(rename.into_iter().filter(|(_, to)| !to.is_empty())),
        order: order.into_iter().map(|(_, name)| name).collect(),
    })]
}

fn filter_fields(of: &Object<'_>) -> Transformation {
    let part = |key: &str| {
        let part = of.object(key);
        (
            part.texts("names"),
            part.string("pattern"),
            part.string("variable"),
        )
    };
    let (include, include_regex, include_variable) = part("include");
    let (exclude, exclude_regex, _) = part("exclude");
    let by_variable = of.is("byVariable");
    Transformation::FilterFields(FilterFields {
        include,
        include_regex,
        exclude,
        exclude_regex,
        include_variable: if by_variable {
            include_variable
        } else {
            String::new()
        },
    })
}

fn group_by(of: &Object<'_>, found: &mut Findings) -> Transformation {
    let mut group = GroupBy::default();
    for (field, how) in of.object("fields").entries() {
        let how = Object::of(Some(how));
        match how.string("operation").as_str() {
            "groupby" => group.by.push(field.to_owned()),
            "aggregate" => group.aggregate.push(Aggregate {
                field: field.to_owned(),
                calcs: calcs(how.list("aggregations"), "calculation", found),
            }),
            _ => {}
        }
    }
    Transformation::GroupBy(group)
}

fn calculate(of: &Object<'_>, found: &mut Findings) -> Option<Transformation> {
    let mode = of.text("mode").unwrap_or_else(|| "reduceRow".to_owned());
    let reduce = of.object("reduce");
    let binary = of.object("binary");
    let unary = of.object("unary");
    let window = of.object("window");
    let index = of.object("index");
    let cumulative = of.object("cumulative");
    of.skip(&["timeSeries"]);
    let operand = |of: &Object<'_>, key: &str| {
        let Some(value) = of.get(key) else {
            return String::new();
        };
        let object = Object::of(Some(value));
        let matcher = object.object("matcher");
        text_of(value)
            .or_else(|| object.text("fixed"))
            .or_else(|| matcher.text("options"))
            .unwrap_or_default()
    };
    let mut calculate = Calculate {
        alias: of.string("alias"),
        replace: of.is("replaceFields"),
        ..Calculate::default()
    };
    let mut with_reducer = |of: &Object<'_>, calculate: &mut Calculate| {
        let reducer = of.text("reducer").unwrap_or_else(|| "sum".to_owned());
        calculate.fields = of.texts("include");
        match calc(&reducer) {
            Some(calc) => calculate.calc = calc,
            None => found.lost(format!("calculation {reducer}"), "is not known here"),
        }
    };
    match mode.as_str() {
        "binary" => {
            calculate.mode = CalculateMode::Binary;
            calculate.left = operand(&binary, "left");
            calculate.right = operand(&binary, "right");
            calculate.operator = binary.text("operator").unwrap_or_else(|| "+".to_owned());
        }
        "reduceRow" => {
            calculate.mode = CalculateMode::Reduce;
            with_reducer(&reduce, &mut calculate);
        }
        "cumulativeFunctions" => {
            calculate.mode = CalculateMode::Cumulative;
            with_reducer(&cumulative, &mut calculate);
            calculate.fields = cumulative.text("field").into_iter().collect();
        }
        "windowFunctions" => {
            calculate.mode = CalculateMode::Window;
            with_reducer(&window, &mut calculate);
            calculate.fields = window.text("field").into_iter().collect();
            calculate.window = window.number("windowSize").unwrap_or(0.1);
            calculate.is_centered = window
                .text("windowAlignment")
                .is_some_and(|it| it == "centered");
        }
        "index" => {
            calculate.mode = CalculateMode::Index;
            calculate.as_percentile = index.is("asPercentile");
        }
        "unary" => {
            calculate.mode = CalculateMode::Unary;
            calculate.left = operand(&unary, "fieldName");
            calculate.operator = unary.text("operator").unwrap_or_else(|| "abs".to_owned());
        }
        _ => return None,
    }
    if calculate.calc == Calc::Last && calculate.mode == CalculateMode::Window {
        return None;
    }
    Some(Transformation::Calculate(calculate))
}

fn filter_rows(of: &Object<'_>, found: &mut Findings) -> Option<Transformation> {
    let mut rows = FilterRows {
        is_exclude: of.text("type").is_some_and(|it| it == "exclude"),
        any: of.text("match").is_none_or(|it| it == "any"),
        conditions: Vec::new(),
    };
    for item in of.list("filters") {
        let item = Object::of(Some(item));
        let config = item.object("config");
        let id = config.string("id");
        let options = config.object("options");
        let (op, key) = match id.as_str() {
            "equal" => (ConditionOp::Equal, "value"),
            "notEqual" => (ConditionOp::NotEqual, "value"),
            "greater" => (ConditionOp::Greater, "value"),
            "greaterOrEqual" => (ConditionOp::GreaterOrEqual, "value"),
            "lower" => (ConditionOp::Lower, "value"),
            "lowerOrEqual" => (ConditionOp::LowerOrEqual, "value"),
            "between" | "range" => (ConditionOp::Range, "from"),
            "regex" => (ConditionOp::Regex, "value"),
            "substring" => (ConditionOp::Contains, "value"),
            "notSubstring" => (ConditionOp::NotContains, "value"),
            "isNull" => (ConditionOp::IsNull, "value"),
            "isNotNull" => (ConditionOp::IsNotNull, "value"),
            _ => {
                found.lost(format!("condition {id}"), "is not known here");
                return None;
            }
        };
        rows.conditions.push(Condition {
            field: item.string("fieldName"),
            op,
            value: options.string(key),
            to: options.string("to"),
        });
    }
    Some(Transformation::FilterRows(rows))
}

fn convert(of: &Object<'_>, found: &mut Findings) -> Transformation {
    let each = of.list("conversions").iter().filter_map(|item| {
        let item = Object::of(Some(item));
        let to = item.string("destinationType");
        if !matches!(to.as_str(), "number" | "string" | "time" | "boolean") {
            found.lost(format!("conversion to {to}"), "is not known here");
            return None;
        }
        item.skip(&["dateFormat", "joinWith", "timezone", "enumConfig"]);
        Some((item.string("targetField"), to))
    });
    let to = Pairs::of(each);
    of.skip(&["fields"]);
    Transformation::Convert(Convert { to })
}
