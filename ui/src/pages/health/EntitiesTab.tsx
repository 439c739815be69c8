/** All entities as a table: how each is, why, and who depends on whom. */

import { useMemo } from "react";
import { TextInput } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { Link, useNavigate } from "@tanstack/react-router";
import { IconMap2, IconSearch } from "@tabler/icons-react";
import type { UseQueryResult } from "@tanstack/react-query";
import type { Entity } from "@/api/own";
import { type Column, DataTable } from "@/components/DataTable";
import { visible } from "@/components/LabelSet";
import { badness, entityTitle, kindName, KINDS } from "@/components/map/graph";
import { Empty, Loaded, Panel } from "@/components/Panel";
import { keepTimes } from "@/components/places";
import { Mark, State, toneOf } from "@/components/State";
import { When } from "@/components/When";
import { StateChips, toggled } from "./StateChips";
import filters from "./Health.module.css";
import classes from "./EntitiesTab.module.css";

interface EntitiesTabProps { entities: UseQueryResult<Entity[]>; search: { find?: string; state?: string; kind?: string } }

export function EntitiesTab({ entities, search }: EntitiesTabProps) {
  const navigate = useNavigate({ from: "/health" });
  const isNarrow = useMediaQuery("(max-width: 860px)");
  const { find = "", state = "", kind = "" } = search;
  const states = state === "" ? [] : state.split(",");
  const kinds = kind === "" ? [] : kind.split(",");
  const all = entities.data;
  const shown = useMemo(() => (all ?? []).filter((one) =>
    (state === "" || state.split(",").includes(one.state)) && (kind === "" || kind.split(",").includes(one.kind)) && `${one.entity} ${one.reason}`.toLowerCase().includes(find.toLowerCase())).sort((a, b) => badness(b.state) - badness(a.state)), [all, state, kind, find]);
  const columns = useMemo(() => columnsFor(new Map((all ?? []).map((one) => [one.entity, one])), isNarrow), [all, isNarrow]);
  return (
    <>
      <div className={filters.filters}>
        <TextInput aria-label="Find an entity" placeholder="Find an entity or a reason" leftSection={<IconSearch size={14} />} value={find} onChange={(event) => void navigate({ search: (old) => ({ ...old, find: event.target.value === "" ? undefined : event.target.value }), replace: true })} />
        <StateChips all={all ?? []} chosen={states} />
        <div className={filters.chips} role="group" aria-label="By kind">
          {KINDS.map((one) => {
            const count = (all ?? []).filter((entity) => entity.kind === one).length;
            return count === 0 && !kinds.includes(one) ? null : <Link key={one} to="/health" search={(old) => ({ ...old, kind: toggled(kinds, one) })} className={filters.chip} data-on={kinds.includes(one) || undefined} role="button" aria-pressed={kinds.includes(one)}>{kindName(one)}<span>{count}</span></Link>;
          })}
        </div>
      </div>
      <Panel title="Entities" hint={all && shown.length !== all.length ? `${shown.length} of ${all.length}` : undefined} actions={<Link to="/" search={keepTimes}>As a map</Link>} flush>
        <Loaded answer={entities} height={400}>
          {() => (
            <DataTable
              label="Entities" rows={shown} columns={columns} rowKey={(one) => one.entity} height={760} rowHeight={isNarrow ? 56 : 40}
              onOpen={(one) => void navigate({ to: "/health/entities/$entity", params: { entity: one.entity }, search: keepTimes })}
              empty={all?.length === 0
                ? <Empty title="No entities yet" icon={<IconMap2 size={26} />}>They come from probes, scrapes, health checks and calls of models by themselves.</Empty>
                : <Empty title="No entity fits">Of {all?.length ?? 0} entities none is like this. <Link to="/health" search={(old) => ({ ...keepTimes(old), tab: "entities" })}>Show all</Link></Empty>}
            />
          )}
        </Loaded>
      </Panel>
    </>
  );
}

const link = (id: string, words?: string) => <Link to="/health/entities/$entity" params={{ entity: id }} search={keepTimes} className="foreign">{words ?? visible(entityTitle(id).title.slice(0, 80))}</Link>;

function columnsFor(known: ReadonlyMap<string, Entity>, isNarrow: boolean): Column<Entity>[] {
  const name: Column<Entity> = {
    id: "name", title: "Entity", width: isNarrow ? "minmax(0, 1fr)" : "minmax(190px, 1.4fr)", sort: (one) => `${String(9 - badness(one.state))} ${one.entity}`,
    cell: (one) => {
      const { title, sub } = entityTitle(one.entity);
      return <div className={classes.entity}><span className={classes.line}>{link(one.entity, visible(title.slice(0, 120)))}<span className={`${classes.sub ?? ""} foreign`}>{one.kind}{sub === "" ? "" : ` of ${visible(sub.slice(0, 80))}`}</span></span>{isNarrow && one.reason !== "" && <span className={`${classes.reason ?? ""} foreign`}>{visible(one.reason.slice(0, 200))}</span>}</div>;
    },
  };
  const state: Column<Entity> = { id: "state", title: "State", width: "104px", sort: (one) => -badness(one.state), cell: (one) => <State state={one.state} /> };
  if (isNarrow) return [state, name];
  return [
    state, name,
    { id: "reason", title: "Why", width: "minmax(180px, 2fr)", cell: (one) => (one.reason === "" ? <span className="faint">–</span> : <span className={`${classes.reason ?? ""} foreign`} title={one.reason.slice(0, 400)}>{visible(one.reason.slice(0, 200))}</span>) },
    { id: "causes", title: "Explained by", width: "minmax(100px, 0.8fr)", cell: (one) => (one.causedBy.length === 0 ? <span className="faint">–</span> : <span className={classes.line}>{one.causedBy.slice(0, 3).map((id) => <span key={id}>{link(id)}</span>)}</span>) },
    { id: "depends", title: "Depends on", width: "minmax(110px, 0.9fr)", sort: (one) => one.dependsOn.length, cell: (one) => <Dependencies ids={one.dependsOn} known={known} /> },
    { id: "sources", title: "Known from", width: "minmax(100px, 0.8fr)", cell: (one) => <span className="muted">{one.sources.join(", ")}</span> },
    { id: "since", title: "Since", width: "110px", align: "right", sort: (one) => one.since, cell: (one) => <When ms={one.since * 1000} /> },
  ];
}

function Dependencies({ ids, known }: { ids: readonly string[]; known: ReadonlyMap<string, Entity> }) {
  if (ids.length === 0) return <span className="faint">–</span>;
  const bad = ids.filter((id) => (known.get(id)?.state ?? "unknown") !== "up");
  return <span className={classes.line}><span>{ids.length}</span>{bad.slice(0, 2).map((id) => <span key={id} className={classes.bad}><Mark tone={toneOf(known.get(id)?.state ?? "unknown")} size={9} label={known.get(id)?.state ?? "unknown"} />{link(id)}</span>)}</span>;
}
