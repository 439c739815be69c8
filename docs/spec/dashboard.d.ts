// What dashboards look like in JSON. Written from crates/dashboards: UPDATE_EXPECT=1 cargo test -p bellwether-dashboards

export interface Aggregate {
  // Which.
  field: string;
  // What.
  calcs: Calc[];
}

export interface AlertListOptions {
  // Whether only those are that fire, rather than those that are pending too.
  onlyFiring: boolean;
  // What is somewhere in their name.
  name: string;
  // Matchers of their labels, as in PromQL: `{severity="page"}`.
  labels: string;
  // Most of them.
  limit: number;
  // Labels by which they stand together.
  groupBy: string[];
}

export type Align = "auto" | "left" | "center" | "right";

export type AxisSide = "auto" | "left" | "right" | "hidden";

export type BarStyle = "gradient" | "lcd" | "basic";

export interface Bars {
  // Their direction; missing: where there is room.
  orientation: Orientation;
  // The field whose values are the categories; empty: the first text or time.
  xField: string;
  // The field whose value is the colour; empty: none.
  colorField: string;
  // How series stand on one another.
  stacking: Stacking;
  // Whether numbers stand at the bars.
  showValue: When;
  // The width of a group, as a share: 0 to 1.
  groupWidth: number;
  // The width of a bar in its group, as a share: 0 to 1.
  barWidth: number;
  // By how many degrees names of categories are turned.
  labelRotation: number;
  // Most characters of a name; 0: all.
  labelCharsMax: number;
}

export type Calc = "last_not_null" | "last" | "first_not_null" | "first" | "min" | "max" | "mean" | "median" | "sum" | "count" | "range" | "delta" | "step" | "diff" | "diff_percent" | "log_min" | "all_is_zero" | "all_is_null" | "change_count" | "distinct_count" | "variance" | "std_dev" | "all_values" | "unique_values" | "total" | "p1" | "p5" | "p10" | "p25" | "p50" | "p75" | "p90" | "p95" | "p99";

export interface Calculate {
  // How.
  mode: CalculateMode;
  // What it is called; empty: by what it is of.
  alias: string;
  // Whether the other columns are left out.
  replace: boolean;
  // The first operand: a column or a number.
  left: string;
  // `+`, `-`, `*`, `/`, `**`, `%`; of `unary` abs, exp, ln, floor, ceil, round, trunc.
  operator: string;
  // The second operand.
  right: string;
  // Of `reduce` and `cumulative`: what of the columns of a row.
  calc: Calc;
  // Of `reduce` and `cumulative`: which columns; empty: all.
  fields: string[];
  // Of `index`: whether it goes from 0 to 1.
  asPercentile: boolean;
  // Of `window`: how many rows, or 0 to 1 as a share.
  window: number;
  // Of `window`: whether as many come before as behind.
  isCentered: boolean;
}

export type CalculateMode = "binary" | "reduce" | "unary" | "index" | "cumulative" | "window";

export interface Cell {
  // What.
  kind: CellKind;
  // How a gauge is drawn, or a background.
  style: CellStyle;
  // Whether the whole row has the colour.
  wholeRow: boolean;
  // Whether long texts are wrapped.
  wrap: boolean;
  // Of `sparkline`: how it is drawn, as keys of a field.
  sparkline: Record<string, string>;
}

export type CellKind = "text" | "color_text" | "color_background" | "gauge" | "sparkline" | "json" | "image" | "links" | "pills" | "markdown";

export type CellStyle = "basic" | "gradient" | "lcd";

export interface Color {
  // How.
  mode: ColorMode;
  // The colour of `fixed` and `shades`: `red`, `dark-blue`, `#1f60c4`.
  color: string;
  // Which value of a series decides.
  by: ColorBy;
}

export type ColorBy = "last" | "min" | "max";

export type ColorMode = "fixed" | "shades" | "thresholds" | "palette" | "palette_by_name" | "green_yellow_red" | "red_yellow_green" | "blue_yellow_red" | "yellow_red" | "blue_purple" | "yellow_blue" | "blues" | "reds" | "greens" | "purples";

export type ColorPlace = "value" | "background" | "background_solid" | "none";

export interface Condition {
  // The column.
  field: string;
  // What.
  op: ConditionOp;
  // The value, expression, or the least of a range; variables are put in.
  value: string;
  // The greatest of a range.
  to: string;
}

export type ConditionOp = "equal" | "not_equal" | "greater" | "greater_or_equal" | "lower" | "lower_or_equal" | "range" | "regex" | "contains" | "not_contains" | "is_null" | "is_not_null";

export interface ConfigFromQuery {
  // The query.
  query: string;
  // Columns and the settings that they are.
  fields: Record<string, string>;
  // A regular expression of the fields that have them; empty: all.
  applyTo: string;
}

export interface Convert {
  // Columns and what they become: number, string, time, boolean.
  to: Record<string, string>;
}

export type Crosshair = "none" | "line" | "tooltip";

export interface Dashboard {
  // What it is found by: 1 to 100 letters, digits, `-`, `_` and `.`.
  uid: string;
  // What people call it.
  title: string;
  // What it is for; Markdown.
  description: string;
  // Words to find it by.
  tags: string[];
  // Where one goes from here.
  links: DashboardLink[];
  // The range of time that it opens with.
  time: TimeRange;
  // How often it is refreshed, such as `30s`; empty: not by itself.
  refresh: string;
  // `browser`, `utc`, or the name of a time zone.
  timeZone: string;
  // What panels show of the pointer in another panel.
  crosshair: Crosshair;
  // What is chosen above the panels, in order.
  variables: Variable[];
  // The panels. A row without a title has no header; only the first may have none.
  rows: Row[];
}

export interface DashboardLink {
  // What it says.
  title: string;
  // What it leads to.
  kind: LinkKind;
  // Where it leads; variables are put in.
  url: string;
  // Tags of the dashboards that it leads to.
  tags: string[];
  // What it says when it is pointed at.
  tooltip: string;
  // Whether it opens a new tab.
  newTab: boolean;
  // Whether the dashboards are a menu rather than links side by side.
  asMenu: boolean;
  // Whether the range of time goes along.
  keepTime: boolean;
  // Whether the values of variables go along.
  keepVariables: boolean;
}

export type Direction = "horizontal" | "vertical";

export type Draw = "line" | "bars" | "points";

export type DrawTransform = "none" | "negative" | "constant";

export interface Field {
  // A unit: see docs/user/dashboards.md. Any other text stands behind the number.
  unit?: string;
  // Digits behind the point.
  decimals?: number;
  // The least value of an axis or gauge.
  min?: number;
  // The greatest.
  max?: number;
  // The least where values do not go beyond it.
  softMin?: number;
  // The greatest where values do not go beyond it.
  softMax?: number;
  // What it is called, in place of the legend; `${__field.name}`, `${__field.labels.x}` and `${__series.name}` are put in.
  displayName?: string;
  // What is shown where there is no value.
  noValue?: string;
  // Its colour.
  color?: Color;
  // Values from which on it has another colour.
  thresholds?: Thresholds;
  // Whether thresholds are drawn in graphs, and how.
  thresholdStyle?: ThresholdStyle;
  // Texts and colours in place of values.
  mappings?: Mapping[];
  // Links of a value.
  dataLinks?: Link[];
  // What is drawn of a series.
  draw?: Draw;
  // The width of lines, in pixels.
  lineWidth?: number;
  // How opaque what is below a line is: 0 to 100. More than 0 makes an area.
  fill?: number;
  // What the fill does on its way down.
  gradient?: Gradient;
  // The series down to whose line this one is filled.
  fillBelowTo?: string;
  // How points are joined.
  interpolation?: Interpolation;
  // How lines are drawn.
  lineStyle?: LineStyle;
  // When points are drawn.
  points?: ShowPoints;
  // The diameter of points, in pixels.
  pointSize?: number;
  // What a line does where there is nothing.
  nulls?: Nulls;
  // Up to which gap `connect` joins, such as `1h`; missing: any.
  connectUpTo?: string;
  // How series stand on one another.
  stacking?: Stacking;
  // The stack that a series belongs to.
  stackGroup?: string;
  // What is done with values before they are drawn.
  transform?: DrawTransform;
  // How wide bars are, as a share of what there is: 0 to 1.
  barWidth?: number;
  // Where bars stand beside their time: before (-1), on (0) or behind it (1).
  barAlignment?: number;
  // Which axis it belongs to.
  axis?: AxisSide;
  // What stands along the axis.
  axisLabel?: string;
  // The width of the axis, in pixels.
  axisWidth?: number;
  // How values are spread along the axis.
  scale?: Scale;
  // The base of `log`.
  logBase?: number;
  // Up to which value `symlog` is linear.
  linearThreshold?: number;
  // Whether zero stands in the middle.
  centeredZero?: boolean;
  // Whether the grid of the axis is drawn; missing: of the first axis.
  gridLines?: boolean;
  // Whether the axis has the colour of its series.
  axisInSeriesColor?: boolean;
  // Where it is not shown.
  hiddenIn?: HiddenIn[];
  // Of tables: whether the column is left out.
  hidden?: boolean;
  // Of tables: the width of the column, in pixels.
  columnWidth?: number;
  // Of tables: the least width of the column, in pixels.
  columnWidthMin?: number;
  // Of tables: where texts stand in the column.
  align?: Align;
  // Of tables: what a cell shows.
  cell?: Cell;
  // Of tables: whether the column can be filtered.
  filterable?: boolean;
  // Of tables: what the last row says of the column.
  footerCalcs?: Calc[];
}

export interface FilterFields {
  // Names that are kept.
  include: string[];
  // An expression of names that are kept; empty: none.
  includeRegex: string;
  // Names that are left out.
  exclude: string[];
  // An expression of names that are left out; empty: none.
  excludeRegex: string;
  // A variable whose values are the names that are kept.
  includeVariable: string;
}

export interface FilterQueries {
  // The queries that are kept, as an expression: `A|B`.
  include: string;
  // The queries that are left out.
  exclude: string;
}

export interface FilterRows {
  // Whether what fits is left out, rather than kept.
  isExclude: boolean;
  // Whether one condition is enough.
  any: boolean;
  // Conditions.
  conditions: Condition[];
}

export interface Finding {
  // What, such as `query B`, `transformation heatmap`, `variable pod`.
  what: string;
  // Why, and what there is in its place.
  why: string;
  // What that means.
  severity: Severity;
}

export type Gradient = "none" | "opacity" | "hue" | "scheme";

export interface Grid {
  // Columns to its left, of 24.
  x: number;
  // Rows above it, in its row of panels.
  y: number;
  // Columns that it takes.
  w: number;
  // Rows of 30 pixels that it takes.
  h: number;
}

export interface GroupBy {
  // Columns in which rows agree.
  by: string[];
  // What becomes of the others.
  aggregate: Aggregate[];
}

export interface HeatmapOptions {
  // Whether values are counted into buckets here, rather than by the query.
  calculate: boolean;
  // The width of buckets of `calculate`: a duration, or a number of buckets.
  xBucket: string;
  // The height of buckets of `calculate`: a size, or a number of buckets.
  yBucket: string;
  // Whether these are numbers of buckets.
  bucketsAreCounts: boolean;
  // The names of rows are their upper bounds (`le`), their lower ones (`ge`), or neither.
  rows: HeatmapRows;
  // The unit of the axis.
  yUnit: string;
  // Digits of the axis.
  yDecimals?: number;
  // The least of the axis.
  yMin?: number;
  // The greatest of it.
  yMax?: number;
  // Whether it is upside down.
  yReverse: boolean;
  // Where it is.
  yAxis: AxisSide;
  // What stands along it.
  yLabel: string;
  // The colours: the name of a scheme such as `Oranges`, `Turbo`, `Spectral`; empty: `fill`, more or less opaque.
  scheme: string;
  // The colour where there is no scheme.
  fill: string;
  // Whether colours follow the exponential `exponent` or the logarithm.
  exponential: boolean;
  // The exponent.
  exponent: number;
  // How many colours.
  steps: number;
  // Whether they are the other way round.
  reverse: boolean;
  // The value of the first colour; missing: the least.
  colorMin?: number;
  // The value of the last.
  colorMax?: number;
  // Cells up to this value are not drawn.
  hideUpTo?: number;
  // Cells from this value on are not drawn.
  hideFrom?: number;
  // Pixels between cells.
  cellGap: number;
  // Whether the colours are explained.
  showLegend: boolean;
  // Whether what is told of a cell has a histogram.
  tooltipHistogram: boolean;
  // The unit of what is counted.
  cellUnit: string;
}

export type HeatmapRows = "auto" | "le" | "ge" | "unknown";

export type HiddenIn = "graph" | "legend" | "tooltip";

export type Hide = "nothing" | "label" | "variable";

export interface HistogramOptions {
  // The width of a bucket; missing: as `bucket_count` gives it.
  bucketSize?: number;
  // About how many buckets there are.
  bucketCount: number;
  // Where the first begins.
  bucketOffset: number;
  // Whether all series are one.
  combine: boolean;
}

export type Interpolation = "linear" | "smooth" | "step_before" | "step_after";

export interface Join {
  // The column; empty: the time.
  field: string;
  // Which rows are kept.
  mode: JoinMode;
}

export type JoinMode = "outer" | "outer_tabular" | "inner";

export interface LabelsToFields {
  // Whether labels become rows of name and value, rather than columns.
  asRows: boolean;
  // Labels that are taken; empty: all.
  keep: string[];
  // The label whose value is the name of the value's column.
  valueLabel: string;
}

export interface Legend {
  // Its form.
  mode: LegendMode;
  // Where it is.
  placement: Placement;
  // What it says of each series.
  calcs: Calc[];
  // By which column a table is sorted, as people see it: `Name`, `Max`, `Last *`; empty: not at all.
  sortBy: string;
  // Whether the greatest comes first.
  sortDescending: boolean;
  // Its width to the right, in pixels.
  width?: number;
  // Of `pie`: whether it has the value.
  value: boolean;
  // Of `pie`: whether it has the percentage.
  percent: boolean;
}

export type LegendMode = "list" | "table" | "hidden";

export interface Limit {
  // How many.
  rows: number;
}

export type LineStyle = "solid" | "dash" | "dots";

export interface Link {
  // What it says.
  title: string;
  // Where it leads; variables and `${__value.text}`, `${__field.labels.x}` and the like are put in.
  url: string;
  // Whether it opens a new tab.
  newTab: boolean;
}

export type LinkKind = "url" | "dashboards";

export interface Mapping {
  // Which values.
  kind: MappingKind;
  // The value of `value`; the expression of `regex`; of `special` one of null, nan, null+nan, true, false, empty.
  value: string;
  // The least of a range; missing: none.
  from?: number;
  // The greatest.
  to?: number;
  // What is shown; missing: the value. Groups of `regex` are put in as `$1`.
  text?: string;
  // The colour; missing: the one it has.
  color?: string;
}

export type MappingKind = "value" | "range" | "regex" | "special";

export interface Matcher {
  // By what they are found.
  by: MatcherBy;
  // The name, expression, query or type.
  value: string;
  // Of `names`.
  names: string[];
  // Of `names`: all but these.
  isExclude: boolean;
  // Of `value`: what of a series is compared.
  calc?: Calc;
  // Of `value`: how: `>`, `>=`, `<`, `<=`, `==`, `!=`.
  op: string;
}

export type MatcherBy = "name" | "names" | "regex" | "query" | "type" | "value";

export interface Matrix {
  // The column whose values are the columns.
  column: string;
  // The column whose values are the rows.
  row: string;
  // The column of the values.
  value: string;
  // What stands where there is none: null, zero, empty, true, false.
  empty: string;
}

export type Nulls = "gap" | "connect" | "zero";

export interface Organize {
  // Columns that are left out.
  exclude: string[];
  // Columns that are kept; empty: all.
  include: string[];
  // Names and what they become.
  rename: Record<string, string>;
  // Columns in their order; others follow.
  order: string[];
}

export type Orientation = "auto" | "horizontal" | "vertical";

export interface Override {
  // Which.
  matcher: Matcher;
  // How.
  field: Field;
}

export interface Pairings {
  // Columns and what they are: `name`, `value`, `unit`, `min`, `max`, `color`, `label`, `ignore` ….
  fields: Record<string, string>;
}

export interface Panel {
  // A number that no other panel of the dashboard has.
  id: number;
  // What its head says; variables are put in.
  title: string;
  // What it is for; Markdown.
  description: string;
  // What it shows.
  kind: PanelKind;
  // Of `unsupported`: why, for people.
  reason: string;
  // Where it stands.
  grid: Grid;
  // Whether it has no background.
  transparent: boolean;
  // The panel once for each value of a variable.
  repeat?: Repeat;
  // What is asked.
  queries: Query[];
  // The least step of its queries, such as `30s`.
  minStep: string;
  // Most points of a series; missing: the width of the panel in pixels.
  maxPoints?: number;
  // A range of time of its own, that ends with that of the dashboard: `1h`, `now/d`.
  timeFrom: string;
  // How long before that of the dashboard its range ends: `1d`.
  timeShift: string;
  // Whether its head does not say that it has a range of its own.
  hideTimeOverride: boolean;
  // What is done with answers before they are shown, in order.
  transformations: Transformation[];
  // How values are shown.
  field: Field;
  // How those of some are shown; later ones stand over earlier ones.
  overrides: Override[];
  // The legend.
  legend: Legend;
  // What is told of a point.
  tooltip: Tooltip;
  // Where its head leads.
  links: Link[];
  // Of `bar_chart`.
  bars?: Bars;
  // Of `stat`, `gauge`, `bar_gauge` and `pie`: how series become values.
  value?: ValueOptions;
  // Of `table`.
  table?: TableOptions;
  // Of `heatmap`.
  heatmap?: HeatmapOptions;
  // Of `pie`.
  pie?: PieOptions;
  // Of `histogram`.
  histogram?: HistogramOptions;
  // Of `state_timeline` and `status_history`.
  state?: StateOptions;
  // Of `text`.
  text?: TextOptions;
  // Of `alert_list`.
  alerts?: AlertListOptions;
}

export type PanelKind = "time_series" | "stat" | "gauge" | "bar_gauge" | "table" | "heatmap" | "bar_chart" | "pie" | "histogram" | "state_timeline" | "status_history" | "text" | "alert_list" | "unsupported";

export interface PanelReport {
  // Its number in the imported dashboard.
  id: number;
  // Its title.
  title: string;
  // The title of its row; empty: none.
  row: string;
  // What it was: the name of the plugin.
  plugin: string;
  // How much of it is what it was.
  verdict: Verdict;
  // What is not.
  findings: Finding[];
}

export interface Partition {
  // The columns.
  fields: string[];
  // Whether these are kept.
  keepFields: boolean;
  // Whether names of tables have the names of the columns.
  withNames: boolean;
}

export type PieLabel = "name" | "value" | "percent";

export interface PieOptions {
  // Whether it has a hole.
  donut: boolean;
  // What stands in the slices.
  labels: PieLabel[];
  // Their order.
  sort: TooltipSort;
}

export type Placement = "bottom" | "right";

export interface Query {
  // What it is called in overrides and transformations: `A`, `B`, ….
  refId: string;
  // PromQL; variables and `$__interval`, `$__rate_interval`, `$__range` are put in.
  expr: string;
  // What its series are called: `{{label}}` is put in. Empty: by the labels that set them apart; `__verbose`: by metric and all
  // labels; `__auto`: as Grafana calls them by itself.
  legend: string;
  // When it is asked for.
  mode: QueryMode;
  // What its answer is taken for.
  format: QueryFormat;
  // The least step, such as `30s`; variables are put in.
  minStep: string;
  // The step is so many times as long.
  stepFactor: number;
  // Whether it is asked, yet not shown.
  hidden: boolean;
  // Whether exemplars are asked for.
  exemplars: boolean;
}

export type QueryFormat = "time_series" | "table" | "heatmap";

export type QueryMode = "range" | "instant" | "both";

export interface Reduce {
  // What becomes of many values.
  calcs: Calc[];
  // Whether columns stay, with one row, rather than become rows.
  keepFields: boolean;
  // Whether the time is one of the columns.
  includeTime: boolean;
  // Whether each label is a column.
  labelsToFields: boolean;
}

export type Refresh = "load" | "time";

export interface Rename {
  // The expression.
  regex: string;
  // What it becomes; `$1` is its first group.
  replacement: string;
}

export interface Repeat {
  // Which.
  variable: string;
  // Where the next one stands.
  direction: Direction;
  // Most side by side; 0: as many as there is room for.
  maxPerRow: number;
}

export interface Report {
  // How many panels show what they showed.
  same: number;
  // How many show nearly the same.
  approximate: number;
  // How many do not show what they showed.
  lost: number;
  // Panel by panel, in their order.
  panels: PanelReport[];
  // What is about the dashboard as a whole, its variables among it.
  findings: Finding[];
}

export interface Row {
  // What its header says; variables are put in. Empty: it has no header.
  title: string;
  // Whether it opens folded up.
  collapsed: boolean;
  // The row once for each value of a variable.
  repeat?: Repeat;
  // Its panels; `y` counts from the top of the row.
  panels: Panel[];
}

export type RowHeight = "small" | "medium" | "large" | "auto";

export type Scale = "linear" | "log" | "symlog";

export interface SeriesToTable {
  // Queries and what stands beside the graph.
  calcs: Record<string, string>;
}

export type Severity = "lost" | "approximated" | "cosmetic";

export type ShowPoints = "auto" | "always" | "never";

export type Sort = "none" | "alphabetical" | "alphabetical_desc" | "numerical" | "numerical_desc" | "case_insensitive" | "case_insensitive_desc" | "natural" | "natural_desc";

export interface SortBy {
  // Its name.
  field: string;
  // Whether the greatest comes first.
  descending: boolean;
}

export type Stacking = "none" | "normal" | "percent";

export interface StateOptions {
  // Whether values are written into states.
  showValue: When;
  // Whether equal states side by side are one.
  merge: boolean;
  // The height of a row, as a share: 0 to 1.
  rowHeight: number;
  // The width of a step, as a share: 0 to 1.
  columnWidth: number;
  // Where values stand.
  align: Align;
  // Rows of a page; 0: all.
  perPage: number;
}

export interface TableOptions {
  // Whether names stand above columns.
  showHeader: boolean;
  // The height of rows: small, medium or large.
  rowHeight: RowHeight;
  // By which columns it is sorted, as people see their names.
  sortBy: SortBy[];
  // What the last row says; empty: there is none.
  footerCalcs: Calc[];
  // Of which columns; empty: of all numbers.
  footerFields: string[];
  // Whether it has pages.
  hasPages: boolean;
  // Which of several answers is shown at first.
  frame: number;
}

export type TextKind = "markdown" | "html" | "code";

export type TextMode = "auto" | "value" | "value_and_name" | "name" | "none";

export interface TextOptions {
  // How it is written.
  mode: TextKind;
  // What it says; variables are put in.
  content: string;
}

export interface Threshold {
  // From which value on; missing: from the least.
  value?: number;
  // The colour.
  color: string;
}

export type ThresholdMode = "absolute" | "percentage";

export type ThresholdStyle = "off" | "line" | "dashed" | "area" | "line_and_area" | "dashed_and_area";

export interface Thresholds {
  // What the values of the steps are.
  mode: ThresholdMode;
  // In rising order; the first has no value.
  steps: Threshold[];
}

export interface TimeRange {
  // When it begins: `now-6h`, `now/d`, or a time of RFC 3339.
  from: string;
  // When it ends.
  to: string;
}

export interface Tooltip {
  // Of which series.
  mode: TooltipMode;
  // Their order.
  sort: TooltipSort;
  // Whether those at zero are left out.
  hideZeros: boolean;
}

export type TooltipMode = "single" | "all" | "none";

export type TooltipSort = "none" | "asc" | "desc";

export type Transformation = ({ kind: "organize" } & Organize)
  | ({ kind: "merge" } & {})
  | ({ kind: "join" } & Join)
  | ({ kind: "filter_fields" } & FilterFields)
  | ({ kind: "filter_queries" } & FilterQueries)
  | ({ kind: "reduce" } & Reduce)
  | ({ kind: "labels_to_fields" } & LabelsToFields)
  | ({ kind: "sort" } & SortBy)
  | ({ kind: "group_by" } & GroupBy)
  | ({ kind: "calculate" } & Calculate)
  | ({ kind: "rename" } & Rename)
  | ({ kind: "filter_rows" } & FilterRows)
  | ({ kind: "concatenate" } & {})
  | ({ kind: "limit" } & Limit)
  | ({ kind: "series_to_rows" } & {})
  | ({ kind: "transpose" } & {})
  | ({ kind: "convert" } & Convert)
  | ({ kind: "matrix" } & Matrix)
  | ({ kind: "series_to_table" } & SeriesToTable)
  | ({ kind: "partition" } & Partition)
  | ({ kind: "rows_to_fields" } & Pairings)
  | ({ kind: "config_from_query" } & ConfigFromQuery);

export interface ValueOptions {
  // What becomes one value of a series.
  calcs: Calc[];
  // Whether every row is a value, rather than one of each series.
  allValues: boolean;
  // Most values; missing: all.
  limit?: number;
  // Which fields: a name, or /…/; empty: those that are numbers.
  fields: string;
  // Their direction.
  orientation: Orientation;
  // What is written.
  text: TextMode;
  // Of `stat`: what has the colour.
  color: ColorPlace;
  // Of `stat`: whether there is a small graph.
  graph: boolean;
  // Of `stat`: whether the text stands in the middle.
  centered: boolean;
  // Of `stat`: whether the change is told, in percent.
  percentChange: boolean;
  // Of `bar_gauge`: how bars are drawn.
  barStyle: BarStyle;
  // Of `bar_gauge`: whether what is not reached is drawn.
  showUnfilled: boolean;
  // Of `gauge`: whether numbers stand at thresholds.
  thresholdLabels: boolean;
  // Of `gauge`: whether thresholds are drawn.
  thresholdMarkers: boolean;
  // The size of names, in pixels; missing: as large as there is room.
  nameSize?: number;
  // The size of values, in pixels.
  valueSize?: number;
}

export interface Variable {
  // What it is called in queries: `$name`, `${name}`, `[[name]]`.
  name: string;
  // What people see; empty: the name.
  label: string;
  // What it is for.
  description: string;
  // Where its values come from.
  kind: VariableKind;
  // `label_values(metric, label)`, `label_values(label)`, `label_names()`, `metrics(regex)`, `query_result(expr)`; of a constant
  // and a text box the text.
  query: string;
  // The values of `custom` and `interval`.
  options: VariableOption[];
  // What of a value is used: a regular expression, whose first group, or groups `value` and `text`, are taken.
  regex: string;
  // The order of the values.
  sort: Sort;
  // When the query is asked.
  refresh: Refresh;
  // Whether several may be chosen.
  multi: boolean;
  // Whether all may be chosen at once.
  includeAll: boolean;
  // What stands for all, as it is, such as `.*`; empty: the values.
  allValue: string;
  // What is hidden of it.
  hide: Hide;
  // What is chosen at first; `$__all`: all. Empty: the first value, or all where that may be.
  current: string[];
  // Of `interval`: how many steps the range of time has in the choice `auto`; 0: there is no such choice.
  autoSteps: number;
  // Of `interval`: the least that `auto` is, such as `10s`.
  autoMin: string;
}

export type VariableKind = "query" | "custom" | "constant" | "text" | "interval" | "datasource" | "adhoc";

export interface VariableOption {
  // What is put in.
  value: string;
  // What people see; empty: the value.
  text: string;
}

export type Verdict = "same" | "approximate" | "lost";

export type When = "auto" | "always" | "never";
