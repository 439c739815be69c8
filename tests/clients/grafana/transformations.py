"""Writes a dashboard of Grafana with transformations that public ones seldom have: transformations.py DIR/dashboards/made.json"""

import json
import sys


def asked(ref, expr, **more):
    return {"refId": ref, "expr": expr, "instant": True, "range": False, "format": "table", "legendFormat": "", **more}


def over_time(ref, expr, legend):
    return {"refId": ref, "expr": expr, "range": True, "legendFormat": legend}


def step(kind, **options):
    return {"id": kind, "options": options}


A = asked("A", "sum by (host, zone) (a_bytes{n})")
B = asked("B", "sum by (host, zone) (b_bytes{n})")
C = asked("C", "max by (host) (c_seconds)")
RA = over_time("A", "sum by (host) (rate(a_total{n}[5m]))", "{{host}}")
RB = over_time("B", "sum by (zone) (rate(b_total{n}[5m]))", "__auto")
RC = over_time("C", 'c_metric{n}{x="1"}', "")
calculated = lambda mode, **options: step("calculateField", mode=mode, **options)
filtered = lambda kind, match, name, **config: step("filterByValue", type=kind, match=match, filters=[{"fieldName": name, "config": config}])
PANELS = [
    ("table", [A], [step("organize", excludeByName={"Time": True}, indexByName={"zone": 0, "host": 1, "Value": 2}, renameByName={"Value": "Used", "zone": "Zone"})]),
    ("table", [A, B], [step("merge")]),
    ("table", [A, B, C], [step("merge"), step("organize", excludeByName={"Time": True}, renameByName={"Value #A": "a", "Value #B": "b", "Value #C": "c"})]),
    *[("table", [A, B], [step("joinByField", byField="host", mode=mode)]) for mode in ("outer", "inner", "outerTabular")],
    ("table", [RA, RB], [step("joinByField", mode="outer")]),
    ("table", [RA], [step("reduce", reducers=["max", "mean", "last", "sum", "count"])]),
    ("table", [RB], [step("reduce", reducers=["max", "lastNotNull"], labelsToFields=True)]),
    ("table", [RA, RB], [step("reduce", reducers=["mean"], mode="reduceFields")]),
    ("table", [A], [step("filterFieldsByName", include={"pattern": "/^(host|Value)$/"})]),
    ("table", [A], [step("filterFieldsByName", exclude={"names": ["Time"]})]),
    ("table", [A, B], [step("filterByRefId", include="A")]),
    ("table", [A], [step("sortBy", sort=[{"field": "Value", "desc": True}])]),
    ("table", [A], [step("sortBy", sort=[{"field": "host"}])]),
    ("table", [A], [step("groupBy", fields={"host": {"operation": "groupby", "aggregations": []}, "Value": {"operation": "aggregate", "aggregations": ["sum", "max", "count"]}})]),
    ("table", [A, B], [step("merge"), calculated("binary", binary={"left": "Value #A", "operator": "/", "right": "Value #B"}, alias="ratio")]),
    ("table", [A, B], [step("merge"), calculated("reduceRow", reduce={"reducer": "sum", "include": ["Value #A", "Value #B"]}, replaceFields=False)]),
    ("table", [A], [calculated("unary", unary={"operator": "round", "fieldName": "Value"})]),
    ("table", [A], [calculated("index")]),
    ("table", [A], [calculated("binary", binary={"left": "Value", "operator": "*", "right": "100"}, replaceFields=True)]),
    ("table", [A], [calculated("cumulativeFunctions", cumulative={"field": "Value", "reducer": "sum"})]),
    ("table", [A], [step("renameByRegex", regex="(.*)alue", renamePattern="$1.")]),
    ("table", [A], [filtered("include", "all", "Value", id="greater", options={"value": 10})]),
    ("table", [A], [filtered("exclude", "any", "host", id="regex", options={"value": "-a"})]),
    ("table", [A], [step("limit", limitField=2)]),
    ("table", [RA], [step("seriesToRows")]),
    ("table", [A], [step("convertFieldType", conversions=[{"targetField": "Value", "destinationType": "string"}])]),
    ("table", [A], [step("groupingToMatrix", columnField="zone", rowField="host", valueField="Value")]),
    ("table", [RC], [step("labelsToFields")]),
    ("table", [RC], [step("labelsToFields", valueLabel="job")]),
    ("table", [RC], [step("labelsToFields", mode="rows")]),
    ("table", [A, B], [step("concatenate")]),
    ("table", [A], [step("transpose")]),
    *[(kind, queries, []) for kind, queries in (("table", [RA]), ("table", [A, B]), ("stat", [A]), ("stat", [RA, RB]), ("stat", [RC]), ("gauge", [RB]), ("bargauge", [RA, RC]))],
    ("timeseries", [RA, RB, RC], [calculated("reduceRow", reduce={"reducer": "sum"}, alias="Total")]),
    ("timeseries", [RA], [step("renameByRegex", regex="host-(.*)", renamePattern="h $1")]),
    ("timeseries", [RA, RB], [step("filterFieldsByName", include={"pattern": ".*a.*"})]),
    ("timeseries", [RA, RB], [step("joinByField", mode="outer"), step("organize", renameByName={"host-a": "first"})]),
    ("piechart", [RA, RB], []),
    ("state-timeline", [RA], []),
]
SETTINGS = [
    {"defaults": {}, "overrides": []},
    {
        "defaults": {
            "unit": "percentunit", "decimals": 1, "min": 0, "max": 1, "noValue": "none",
            "mappings": [
                {"type": "special", "options": {"match": "null+nan", "result": {"text": "N/A", "color": "blue"}}},
                {"type": "range", "options": {"from": 0, "to": 1, "result": {"text": "low", "color": "green"}}},
            ],
            "thresholds": {"mode": "percentage", "steps": [{"color": "green", "value": None}, {"color": "orange", "value": 50}, {"color": "red", "value": 90}]},
        },
        "overrides": [
            {"matcher": {"id": "byType", "options": "number"}, "properties": [{"id": "unit", "value": "bytes"}]},
            {"matcher": {"id": "byRegexp", "options": "/b$/"}, "properties": [{"id": "displayName", "value": "B of ${__field.labels.host}"}]},
            {"matcher": {"id": "byFrameRefID", "options": "B"}, "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": "purple"}}]},
        ],
    },
]
LEGEND = {"displayMode": "table", "calcs": ["mean", "last", "max"], "sortBy": "Max", "sortDesc": True, "showLegend": True}

panels = []
for turn in range(3):
    for kind, queries, steps in PANELS:
        for settings in SETTINGS:
            number = len(panels) + 1
            targets = [{**query, "expr": query["expr"].replace("{n}", str(turn))} for query in queries]
            title = f"{kind} {'+'.join(one['id'] for one in steps)} {number}"
            options = {"legend": LEGEND} if kind == "timeseries" else {}
            place = {"x": 0, "y": number * 8, "w": 12, "h": 8}
            panels.append({"id": number, "type": kind, "title": title, "gridPos": place, "targets": targets, "transformations": steps, "fieldConfig": settings, "options": options})
with open(sys.argv[1], "w", encoding="utf-8") as file:
    json.dump({"title": "Transformations", "schemaVersion": 41, "time": {"from": "now-1h", "to": "now"}, "panels": panels}, file)
