/** All providers, models or tools: as a table, on phones as cards; what got worst stands first. */

import { useMemo } from "react";
import { Link, useNavigate } from "@tanstack/react-router";
import { useMediaQuery } from "@mantine/hooks";
import { IconSparkles } from "@tabler/icons-react";
import type { Entity } from "@/api/own";
import { DataTable } from "@/components/DataTable";
import { Empty, Failure, Waiting } from "@/components/Panel";
import { formatValue } from "@/lib/units";
import type { Catalog } from "./catalog";
import { type By, ChangeCell, changeOf, columnsOf, dollarsAnHour, Name, Room } from "./columns";
import type { Kind, Row } from "./rows";
import type { Rows } from "./useAi";
import classes from "./Ai.module.css";

interface SubjectsProps { kind: Kind; catalog: Catalog; answer: Rows; by: By; words: string; entities: ReadonlyMap<string, Entity>; chosen: string | undefined }

const TITLES: Readonly<Record<Kind, string>> = { provider: "Providers", model: "Models", tool: "Tools" };

export function Subjects({ kind, catalog, answer, by, words, entities, chosen }: SubjectsProps) {
  const navigate = useNavigate();
  const isSmall = useMediaQuery("(max-width: 760px)", matchMedia("(max-width: 760px)").matches);
  const columns = useMemo(() => columnsOf(kind, catalog, by, words, entities), [kind, catalog, by, words, entities]);
  const byChange = useMemo(() => [...answer.rows].sort((a, b) => (changeOf(b, by)?.score ?? -Infinity) - (changeOf(a, by)?.score ?? -Infinity)), [answer.rows, by]);
  if (answer.rows.length === 0) {
    if (answer.error !== null) return <div className={classes.tools}><Failure error={answer.error} retry={answer.refetch} /></div>;
    if (answer.isPending) return <Waiting height={180} />;
    return <Empty title={`No ${TITLES[kind].toLowerCase()} were called in this time`} icon={<IconSparkles size={26} />}>Choose a longer time above (key t), or see below how such series come to be.</Empty>;
  }
  const open = (row: Row) => void navigate({ to: "/ai", search: (old) => ({ ...old, [kind]: row.id }) });
  return (
    <>
      {answer.error !== null && <div className={classes.tools}><Failure error={answer.error} retry={answer.refetch} /></div>}
      {isSmall
        ? <ul className={classes.cards} aria-label={TITLES[kind]}>{byChange.map((row) => <li key={row.id}><Card row={row} kind={kind} by={by} words={words} entity={entities.get(row.entity)} /></li>)}</ul>
        : <DataTable key={`${kind} ${by}`} label={TITLES[kind]} rows={byChange} columns={columns} rowKey={(row) => row.id} sorted={{ by: "change", down: true }} onOpen={open} isChosen={(row) => row.id === chosen} rowHeight={52} />}
    </>
  );
}

function Card({ row, kind, by, words, entity }: { row: Row; kind: Kind; by: By; words: string; entity: Entity | undefined }) {
  const fact = (title: string, value: string, tone?: string) => <span className={classes.fact}><span>{title}</span><span className={tone}>{value}</span></span>;
  return (
    <Link className={classes.card} to="/ai" search={(old) => ({ ...old, [kind]: row.id })}>
      <span className={classes.cardHead}><Name row={row} entity={entity} /><ChangeCell row={row} change={changeOf(row, by)} words={words} /></span>
      <span className={classes.facts}>
        {fact("Calls", formatValue(row.calls.now, "per-second"))}
        {fact("Failed", formatValue(row.failedShare.now, "ratio"), (row.failedShare.now ?? 0) >= 0.05 ? "bad" : undefined)}
        {fact("p95", formatValue(row.p95.now, "s"))}
        {row.firstToken.now !== null && fact("First token", formatValue(row.firstToken.now, "s"))}
        {row.cost.now !== null && fact("Cost", dollarsAnHour(row.cost.now))}
        {row.room !== null && <span className={classes.fact}><span>Rate limit left</span><Room row={row} /></span>}
      </span>
    </Link>
  );
}
