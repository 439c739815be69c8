/** What a panel asks. */

import { ActionIcon, Button, Select, TextInput, Tooltip } from "@mantine/core";
import { IconCopy, IconEye, IconEyeOff, IconPlus, IconTrash } from "@tabler/icons-react";
import type { Panel, Query } from "@/api/dashboards";
import { QueryEditor } from "@/components/query/QueryEditor";
import { newQuery } from "../defaults";
import type { Change } from "./PanelEditor";
import classes from "../dashboards.module.css";

export function Queries({ panel, change }: { panel: Panel; change: Change }) {
  const set = (index: number, next: Partial<Query>) => change({ queries: panel.queries.map((one, at) => (at === index ? { ...one, ...next } : one)) });
  return (
    <>
      {panel.queries.map((query, index) => (
        <div key={query.refId} className={classes.query}>
          <div className={classes.queryHead}>
            <b>{query.refId}</b>
            <span className={classes.headEnd}>
              <Tooltip label={query.hidden ? "Show" : "Hide: ask it for transformations only"}><ActionIcon size={26} aria-label={`${query.hidden ? "Show" : "Hide"} query ${query.refId}`} aria-pressed={query.hidden} onClick={() => set(index, { hidden: !query.hidden })}>{query.hidden ? <IconEyeOff size={15} /> : <IconEye size={15} />}</ActionIcon></Tooltip>
              <Tooltip label="Duplicate"><ActionIcon size={26} aria-label={`Duplicate query ${query.refId}`} onClick={() => change({ queries: [...panel.queries, { ...query, refId: newQuery(panel.queries).refId }] })}><IconCopy size={15} /></ActionIcon></Tooltip>
              <Tooltip label="Remove"><ActionIcon size={26} aria-label={`Remove query ${query.refId}`} onClick={() => change({ queries: panel.queries.filter((_, at) => at !== index) })}><IconTrash size={15} /></ActionIcon></Tooltip>
            </span>
          </div>
          <QueryEditor label={`Query ${query.refId}`} value={query.expr} onChange={(expr) => set(index, { expr })} placeholder="A query in PromQL; $variables are put in" />
          <div className={classes.pair}>
            <TextInput label="Legend" placeholder="{{label}}, or by what differs" value={query.legend} onChange={(event) => set(index, { legend: event.currentTarget.value })} />
            <Select label="Asked for" data={[{ value: "range", label: "the range" }, { value: "instant", label: "its end" }, { value: "both", label: "both" }]} value={query.mode} onChange={(mode) => set(index, { mode: (mode ?? "range") })} />
            <Select label="Taken for" data={[{ value: "time_series", label: "series" }, { value: "table", label: "a table" }, { value: "heatmap", label: "a heat map" }]} value={query.format} onChange={(format) => set(index, { format: (format ?? "time_series") })} />
            <TextInput label="Least step" placeholder="auto" value={query.minStep} onChange={(event) => set(index, { minStep: event.currentTarget.value })} />
          </div>
        </div>
      ))}
      <div><Button leftSection={<IconPlus size={14} />} onClick={() => change({ queries: [...panel.queries, newQuery(panel.queries)] })}>Query</Button></div>
    </>
  );
}
