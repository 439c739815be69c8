//! What is done with answers before they are shown.
//!
//! ## Model
//! An answer is a list of tables (Grafana: frames) with named columns. Each transformation makes tables of tables, with the meaning that it
//! has in Grafana.

use crate::form::{Form, Pairs, Reader, Style, Types, record, variants, words};
use crate::node::{Node, NodeValue};
use crate::panel::{Calc, SortBy};

variants! {
    /// A step of what is done with answers.
    Transformation => {
        /// Leaves columns out, gives them other names and another order.
        Organize(Organize) = "organize",
        /// Makes one table of all; rows that agree become one.
        Merge(Nothing) = "merge",
        /// Puts tables side by side whose rows agree in a column.
        Join(Join) = "join",
        /// Keeps columns by name.
        FilterFields(FilterFields) = "filter_fields",
        /// Keeps tables by query.
        FilterQueries(FilterQueries) = "filter_queries",
        /// Makes one value of each column.
        Reduce(Reduce) = "reduce",
        /// Makes columns of labels.
        LabelsToFields(LabelsToFields) = "labels_to_fields",
        /// Sorts rows.
        Sort(SortBy) = "sort",
        /// Makes one row of those that agree.
        GroupBy(GroupBy) = "group_by",
        /// Adds a column.
        Calculate(Calculate) = "calculate",
        /// Gives columns other names by an expression.
        Rename(Rename) = "rename",
        /// Keeps rows by their values.
        FilterRows(FilterRows) = "filter_rows",
        /// Puts columns of all tables into one.
        Concatenate(Nothing) = "concatenate",
        /// Keeps the first rows.
        Limit(Limit) = "limit",
        /// Makes one table of series: time, name, value.
        SeriesToRows(Nothing) = "series_to_rows",
        /// Makes columns rows and rows columns.
        Transpose(Nothing) = "transpose",
        /// Makes another type of columns.
        Convert(Convert) = "convert",
        /// Makes columns of the values of one column.
        Matrix(Matrix) = "matrix",
        /// Makes a small graph of each series in a table.
        SeriesToTable(SeriesToTable) = "series_to_table",
        /// Makes tables by the values of columns.
        Partition(Partition) = "partition",
        /// Makes settings of fields of rows: name, value and others.
        RowsToFields(Pairings) = "rows_to_fields",
        /// Makes settings of other fields of a query's answer.
        ConfigFromQuery(ConfigFromQuery) = "config_from_query",
    }
}

impl Default for Transformation {
    fn default() -> Self {
        Self::Merge(Nothing)
    }
}

/// There is nothing to be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Nothing;

impl Form for Nothing {
    fn read(node: &Node, reader: &mut Reader) -> Self {
        if let Some(entries) = reader.mapping(node)
            && let Some((key, value)) = entries.first()
        {
            reader.at_key(key, |reader| {
                reader.refuse(value, "is no key here: want kind alone")
            });
        }
        Self
    }

    fn write(&self, _style: Style) -> Option<Node> {
        Some(Node::new(NodeValue::Mapping(Vec::new())))
    }

    fn describe(_types: &mut Types) -> String {
        "{}".to_owned()
    }
}

record! {
    /// See [`Transformation::Organize`].
    Organize => {
        /// Columns that are left out.
        exclude: Vec<String> = Vec::new(),
        /// Columns that are kept; empty: all.
        include: Vec<String> = Vec::new(),
        /// Names and what they become.
        rename: Pairs = Pairs::default(),
        /// Columns in their order; others follow.
        order: Vec<String> = Vec::new(),
    }
}

record! {
    /// See [`Transformation::Join`].
    Join => {
        /// The column; empty: the time.
        field: String = String::new(),
        /// Which rows are kept.
        mode: JoinMode = JoinMode::Outer,
    }
}

words! {
    /// Which rows a join keeps.
    JoinMode => {
        /// All.
        Outer = "outer",
        /// All, and one for each pair that agrees.
        OuterTabular = "outer_tabular",
        /// Those that are in all tables.
        Inner = "inner",
    }
}

record! {
    /// See [`Transformation::FilterFields`].
    FilterFields => {
        /// Names that are kept.
        include: Vec<String> = Vec::new(),
        /// An expression of names that are kept; empty: none.
        include_regex: String = String::new(),
        /// Names that are left out.
        exclude: Vec<String> = Vec::new(),
        /// An expression of names that are left out; empty: none.
        exclude_regex: String = String::new(),
        /// A variable whose values are the names that are kept.
        include_variable: String = String::new(),
    }
}

record! {
    /// See [`Transformation::FilterQueries`].
    FilterQueries => {
        /// The queries that are kept, as an expression: `A|B`.
        include: String = String::new(),
        /// The queries that are left out.
        exclude: String = String::new(),
    }
}

record! {
    /// See [`Transformation::Reduce`].
    Reduce => {
        /// What becomes of many values.
        calcs: Vec<Calc> = vec![Calc::Max],
        /// Whether columns stay, with one row, rather than become rows.
        keep_fields: bool = false,
        /// Whether the time is one of the columns.
        include_time: bool = false,
        /// Whether each label is a column.
        labels_to_fields: bool = false,
    }
}

record! {
    /// See [`Transformation::LabelsToFields`].
    LabelsToFields => {
        /// Whether labels become rows of name and value, rather than columns.
        as_rows: bool = false,
        /// Labels that are taken; empty: all.
        keep: Vec<String> = Vec::new(),
        /// The label whose value is the name of the value's column.
        value_label: String = String::new(),
    }
}

record! {
    /// See [`Transformation::GroupBy`].
    GroupBy => {
        /// Columns in which rows agree.
        by: Vec<String> = Vec::new(),
        /// What becomes of the others.
        aggregate: Vec<Aggregate> = Vec::new(),
    }
}

record! {
    /// What becomes of a column.
    Aggregate => {
        /// Which.
        field: String = String::new(),
        /// What.
        calcs: Vec<Calc> = Vec::new(),
    }
}

record! {
    /// See [`Transformation::Calculate`].
    Calculate => {
        /// How.
        mode: CalculateMode = CalculateMode::Binary,
        /// What it is called; empty: by what it is of.
        alias: String = String::new(),
        /// Whether the other columns are left out.
        replace: bool = false,
        /// The first operand: a column or a number.
        left: String = String::new(),
        /// `+`, `-`, `*`, `/`, `**`, `%`; of `unary` abs, exp, ln, floor, ceil, round, trunc.
        operator: String = "+".to_owned(),
        /// The second operand.
        right: String = String::new(),
        /// Of `reduce` and `cumulative`: what of the columns of a row.
        calc: Calc = Calc::Sum,
        /// Of `reduce` and `cumulative`: which columns; empty: all.
        fields: Vec<String> = Vec::new(),
        /// Of `index`: whether it goes from 0 to 1.
        as_percentile: bool = false,
        /// Of `window`: how many rows, or 0 to 1 as a share.
        window: f64 = 0.1,
        /// Of `window`: whether as many come before as behind.
        is_centered: bool = false,
    }
}

words! {
    /// How a column is made.
    CalculateMode => {
        /// Of two operands.
        Binary = "binary",
        /// Of all columns of a row.
        Reduce = "reduce",
        /// Of one.
        Unary = "unary",
        /// The number of the row.
        Index = "index",
        /// Of all rows so far.
        Cumulative = "cumulative",
        /// Of the rows around.
        Window = "window",
    }
}

record! {
    /// See [`Transformation::Rename`].
    Rename => {
        /// The expression.
        regex: String = String::new(),
        /// What it becomes; `$1` is its first group.
        replacement: String = String::new(),
    }
}

record! {
    /// See [`Transformation::FilterRows`].
    FilterRows => {
        /// Whether what fits is left out, rather than kept.
        is_exclude: bool = false,
        /// Whether one condition is enough.
        any: bool = false,
        /// Conditions.
        conditions: Vec<Condition> = Vec::new(),
    }
}

record! {
    /// Something that holds of a value.
    Condition => {
        /// The column.
        field: String = String::new(),
        /// What.
        op: ConditionOp = ConditionOp::Equal,
        /// The value, expression, or the least of a range; variables are put in.
        value: String = String::new(),
        /// The greatest of a range.
        to: String = String::new(),
    }
}

words! {
    /// What holds of a value.
    ConditionOp => {
        /// It is this one.
        Equal = "equal",
        /// It is not.
        NotEqual = "not_equal",
        /// It is greater.
        Greater = "greater",
        /// It is greater or equal.
        GreaterOrEqual = "greater_or_equal",
        /// It is lower.
        Lower = "lower",
        /// It is lower or equal.
        LowerOrEqual = "lower_or_equal",
        /// It is in a range.
        Range = "range",
        /// It matches an expression.
        Regex = "regex",
        /// It has this text in it.
        Contains = "contains",
        /// It has not.
        NotContains = "not_contains",
        /// It is nothing.
        IsNull = "is_null",
        /// It is something.
        IsNotNull = "is_not_null",
    }
}

record! {
    /// See [`Transformation::Limit`].
    Limit => {
        /// How many.
        rows: u32 = 10,
    }
}

record! {
    /// See [`Transformation::Convert`].
    Convert => {
        /// Columns and what they become: number, string, time, boolean.
        to: Pairs = Pairs::default(),
    }
}

record! {
    /// See [`Transformation::Matrix`].
    Matrix => {
        /// The column whose values are the columns.
        column: String = String::new(),
        /// The column whose values are the rows.
        row: String = String::new(),
        /// The column of the values.
        value: String = String::new(),
        /// What stands where there is none: null, zero, empty, true, false.
        empty: String = String::new(),
    }
}

record! {
    /// See [`Transformation::SeriesToTable`].
    SeriesToTable => {
        /// Queries and what stands beside the graph.
        calcs: Pairs = Pairs::default(),
    }
}

record! {
    /// See [`Transformation::Partition`].
    Partition => {
        /// The columns.
        fields: Vec<String> = Vec::new(),
        /// Whether these are kept.
        keep_fields: bool = false,
        /// Whether names of tables have the names of the columns.
        with_names: bool = false,
    }
}

record! {
    /// See [`Transformation::RowsToFields`].
    Pairings => {
        /// Columns and what they are: `name`, `value`, `unit`, `min`, `max`, `color`, `label`, `ignore` ….
        fields: Pairs = Pairs::default(),
    }
}

record! {
    /// See [`Transformation::ConfigFromQuery`].
    ConfigFromQuery => {
        /// The query.
        query: String = String::new(),
        /// Columns and the settings that they are.
        fields: Pairs = Pairs::default(),
        /// A regular expression of the fields that have them; empty: all.
        apply_to: String = String::new(),
    }
}
