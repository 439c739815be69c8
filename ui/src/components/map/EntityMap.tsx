/** All entities, who depends on whom, and how each is. Where it is narrow it is a list by kind. */

import { type CSSProperties, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { UnstyledButton } from "@mantine/core";
import type { Entity } from "@/api/own";
import { Mark, toneOf } from "@/components/State";
import { entityGraph, type EntityGraph, type MapGroup, neighbours } from "./graph";
import { FULL_MOST, mapLayout, type MapLayout } from "./layout";
import type { EntityNumbers } from "./numbers";
import { EntityNode } from "./EntityNode";
import { Flow } from "./Flow";
import classes from "./EntityMap.module.css";

/** What an objective says of an entity. */
export interface Risk { tone: "bad" | "warn"; words: string; objective: string }

interface EntityMapProps {
  entities: readonly Entity[];
  numbers: EntityNumbers;
  /** By entity. */
  risks?: ReadonlyMap<string, Risk>;
  /** The entity that the page is about. */
  self?: string;
}

/** Narrower than this it is a list. */
const LIST_BELOW = 760;
const NO_RISKS: ReadonlyMap<string, Risk> = new Map();

export function EntityMap({ entities, numbers, risks = NO_RISKS, self }: EntityMapProps) {
  const host = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  useEffect(() => {
    const element = host.current;
    if (!element) return undefined;
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry?.contentRect.width ?? 0)));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const graph = useMemo(() => entityGraph(entities), [entities]);
  const toggle = useCallback((kind: string) => setOpen((old) => {
    const next = new Set(old);
    if (!next.delete(kind)) next.add(kind);
    return next;
  }), []);
  const shared = { graph, numbers, risks, open, toggle, self };
  return (
    <div ref={host} className={classes.host}>
      {width > 0 && (width < LIST_BELOW ? <List {...shared} /> : <Drawing {...shared} width={width} />)}
    </div>
  );
}

interface Shared { graph: EntityGraph; numbers: EntityNumbers; risks: ReadonlyMap<string, Risk>; open: ReadonlySet<string>; toggle: (kind: string) => void; self: string | undefined }

function Drawing({ graph, numbers, risks, open, toggle, self, width }: Shared & { width: number }) {
  const [at, setAt] = useState<string | null>(null);
  const layout = useMemo(() => mapLayout(graph, width, open), [graph, width, open]);
  const near = useMemo(() => (at !== null && graph.nodes.has(at) ? neighbours(graph.edges, at) : null), [graph, at]);
  const look = useCallback((id: string | null) => setAt(id), []);
  return (
    <div className={classes.drawing} style={{ height: layout.height }} onPointerLeave={() => setAt(null)}>
      <Lines layout={layout} at={near === null ? null : at} />
      <Flow layout={layout} numbers={numbers} />
      {layout.groups.map(({ group, x, y, width: groupWidth, more }) => (
        <section key={group.kind} aria-label={group.name}>
          <div className={classes.groupHead} style={{ ...place(x, y), width: groupWidth }}><GroupHead group={group} /></div>
          {layout.nodes.filter(({ node }) => node.kind === group.kind).map(({ node, size, x: left, y: top, width: own, height }) => (
            <div key={node.id} className={classes.place} style={{ ...place(left, top), width: own, height }}>
              <EntityNode node={node} size={size} numbers={numbers.get(node.id)} risk={risks.get(node.id)} isSelf={node.id === self} isDim={near !== null && !near.has(node.id)} onLook={look} />
            </div>
          ))}
          {more && <More style={{ ...place(x, more.y), width: groupWidth }} group={group} hidden={more.hidden} isOpen={more.isOpen} toggle={toggle} />}
        </section>
      ))}
    </div>
  );
}

const place = (x: number, y: number): CSSProperties => ({ transform: `translate(${Math.round(x)}px, ${Math.round(y)}px)` });

function Lines({ layout, at }: { layout: MapLayout; at: string | null }) {
  // What explains is drawn last, above the others.
  const edges = useMemo(() => [...layout.edges].sort((a, b) => Number(a.edge.isCause) - Number(b.edge.isCause)), [layout]);
  const tones = useMemo(() => new Map(layout.nodes.map(({ node }) => [node.id, node.tone])), [layout]);
  return (
    <svg className={classes.lines} width="100%" height={layout.height} aria-hidden>
      {edges.map(({ edge, path, isLoose }) => {
        const isNear = at !== null && (edge.from === at || edge.to === at);
        const tone = edge.isCause ? (tones.get(edge.from) ?? "unknown") : "";
        return <path key={`${edge.from} ${edge.to}`} d={path} className={classes.line} data-near={isNear || undefined} data-dim={(at !== null && !isNear) || undefined} data-cause={tone || undefined} data-loose={isLoose || undefined} />;
      })}
    </svg>
  );
}

function GroupHead({ group }: { group: MapGroup }) {
  const bad = (["down", "degraded", "unknown"] as const).map((state) => [state, group.nodes.filter((node) => node.entity.state === state).length] as const).filter(([, count]) => count > 0);
  return (
    <>
      <h3 className={classes.kind}>{group.name}</h3>
      <span className={classes.count}>{group.nodes.length}</span>
      {bad.map(([state, count]) => <span key={state} className={classes.badCount}><Mark tone={toneOf(state)} size={9} />{count} {state}</span>)}
    </>
  );
}

function More({ group, hidden, isOpen, toggle, style }: { group: MapGroup; hidden: number; isOpen: boolean; toggle: (kind: string) => void; style?: CSSProperties }) {
  const shown = new Set(group.nodes.filter((node) => node.entity.state !== "up"));
  const areUp = hidden <= group.nodes.length - shown.size;
  return (
    <UnstyledButton className={classes.more} {...(style ? { style: { ...style, position: "absolute" } } : {})} aria-expanded={isOpen} onClick={() => toggle(group.kind)}>
      {isOpen ? "Show fewer" : `${hidden} more${areUp ? ", all up" : ""}`}
    </UnstyledButton>
  );
}

function List({ graph, numbers, risks, open, toggle, self }: Shared) {
  return (
    <div className={classes.list}>
      {graph.columns.flat().map((group) => {
        const bad = group.nodes.filter((node) => node.entity.state !== "up");
        const up = group.nodes.filter((node) => node.entity.state === "up");
        const isOpen = open.has(group.kind) || group.nodes.length <= FULL_MOST;
        const shown = isOpen ? group.nodes : [...bad.slice(0, 12), ...up.slice(0, Math.max(1, 4 - bad.length))];
        return (
          <section key={group.kind} aria-label={group.name}>
            <div className={classes.listHead}><GroupHead group={group} /></div>
            <div className={classes.listNodes}>
              {shown.map((node) => <EntityNode key={node.id} node={node} size={node.entity.state === "up" ? "line" : "full"} isListed numbers={numbers.get(node.id)} risk={risks.get(node.id)} isSelf={node.id === self} isDim={false} />)}
              {group.nodes.length > FULL_MOST && <More group={group} hidden={group.nodes.length - shown.length} isOpen={isOpen} toggle={toggle} />}
            </div>
          </section>
        );
      })}
    </div>
  );
}
