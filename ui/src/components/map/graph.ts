/** The map of entities as a drawing wants it: columns of kinds, the worst first, and who explains whom. No browser in here. */

import type { Entity } from "@/api/own";
import { type Tone, toneOf } from "@/components/State";

export interface MapNode {
  entity: Entity;
  id: string;
  kind: string;
  /** The short name, and what stands before it. */
  title: string;
  sub: string;
  tone: Tone;
  /** Entities that explain it: those that the server names, then those that its reason names. */
  causes: string[];
  /** Entities that it explains. */
  explains: string[];
}

export interface MapEdge { from: string; to: string; /** The second explains why the first is not up. */ isCause: boolean }
export interface MapGroup { kind: string; name: string; nodes: MapNode[] }
export interface EntityGraph { nodes: ReadonlyMap<string, MapNode>; edges: MapEdge[]; columns: MapGroup[][] }

/** Kinds from who asks to who is asked, left to right. */
const COLUMNS: readonly (readonly string[])[] = [["daemon", "service", "pool"], ["provider", "tool"], ["model", "database", "host"]];

const KIND_NAMES: Readonly<Record<string, string>> = {
  daemon: "Daemons", service: "Services", pool: "Pools", provider: "Providers", tool: "Tools", model: "Models", database: "Databases", host: "Hosts",
};
export const kindName = (kind: string): string => KIND_NAMES[kind] ?? kind;
export const KINDS = Object.keys(KIND_NAMES);

const BADNESS: Readonly<Record<string, number>> = { down: 3, degraded: 2, unknown: 1, up: 0 };
export const badness = (state: string): number => BADNESS[state] ?? 1;

/** `provider/polaris` into kind and name. */
export function splitEntity(id: string): { kind: string; name: string } {
  const at = id.indexOf("/");
  return at < 0 ? { kind: "", name: id } : { kind: id.slice(0, at), name: id.slice(at + 1) };
}

/** The short name of an entity: of a daemon its job, of a model or pool its last part. */
export function entityTitle(id: string): { title: string; sub: string } {
  const { kind, name } = splitEntity(id);
  const isLast = kind === "model" || kind === "pool";
  const at = isLast ? name.lastIndexOf("/") : kind === "daemon" || kind === "service" || kind === "database" ? name.indexOf("/") : -1;
  if (at < 0 || /^[a-z]+:\/\//.test(name)) return { title: name, sub: "" };
  return isLast ? { title: name.slice(at + 1), sub: name.slice(0, at) } : { title: name.slice(0, at), sub: name.slice(at + 1) };
}

/** Entities of `among` that a text names as they are written. */
export function namedIn(text: string, among: readonly string[]): string[] {
  if (text === "") return [];
  return among.filter((id) => {
    const at = text.indexOf(id);
    if (at < 0) return false;
    const next = text[at + id.length] ?? " ";
    return !/[\w/-]/.test(next) && !/[\w/-]/.test(text[at - 1] ?? " ");
  });
}

export function entityGraph(entities: readonly Entity[]): EntityGraph {
  const known = new Set(entities.map((one) => one.entity));
  const nodes = new Map<string, MapNode>();
  for (const entity of entities) {
    const { title, sub } = entityTitle(entity.entity);
    const told = entity.causedBy.filter((id) => known.has(id));
    const causes = entity.state === "up" ? [] : [...new Set([...told, ...namedIn(entity.reason, entity.dependsOn.filter((id) => known.has(id)))])];
    nodes.set(entity.entity, { entity, id: entity.entity, kind: entity.kind, title, sub, tone: toneOf(entity.state), causes, explains: [] });
  }
  for (const node of nodes.values()) for (const cause of node.causes) nodes.get(cause)?.explains.push(node.id);
  const edges: MapEdge[] = [];
  for (const node of nodes.values()) {
    for (const to of node.entity.dependsOn) if (nodes.has(to) && to !== node.id) edges.push({ from: node.id, to, isCause: node.causes.includes(to) });
  }
  return { nodes, edges, columns: columns(nodes) };
}

function columns(nodes: ReadonlyMap<string, MapNode>): MapGroup[][] {
  const kinds = new Map<string, MapNode[]>();
  for (const node of nodes.values()) kinds.set(node.kind, [...(kinds.get(node.kind) ?? []), node]);
  // Of a model the place is that of its provider, so that lines do not cross.
  const providers = sorted(kinds.get("provider") ?? []).map((node) => node.id);
  const place = (node: MapNode) => Math.min(...node.entity.dependsOn.map((id) => providers.indexOf(id)).filter((at) => at >= 0), providers.length);
  const rest = [...kinds.keys()].filter((kind) => !COLUMNS.flat().includes(kind));
  const all = COLUMNS.map((names, index) => (index === COLUMNS.length - 1 ? [...names, ...rest] : names));
  return all
    .map((names) => names.flatMap((kind): MapGroup[] => {
      const own = kinds.get(kind);
      if (!own) return [];
      const ordered = sorted(own);
      return [{ kind, name: kindName(kind), nodes: kind === "model" && own.length <= 8 ? ordered.sort((a, b) => place(a) - place(b)) : ordered }];
    }))
    .filter((groups) => groups.length > 0);
}

const byName = new Intl.Collator("en", { numeric: true });

/** What is worst first, then by name. */
export function sorted(nodes: readonly MapNode[]): MapNode[] {
  return [...nodes].sort((a, b) => badness(b.entity.state) - badness(a.entity.state) || byName.compare(a.id, b.id));
}

/** An entity, what it depends on and what depends on it. */
export function neighbours(edges: readonly MapEdge[], id: string): ReadonlySet<string> {
  const near = new Set([id]);
  for (const edge of edges) {
    if (edge.from === id) near.add(edge.to);
    if (edge.to === id) near.add(edge.from);
  }
  return near;
}

/** From an entity along what explains it, to what nothing explains. */
export function roots(nodes: ReadonlyMap<string, MapNode>, id: string): MapNode[] {
  const found = new Map<string, MapNode>();
  const seen = new Set<string>();
  const follow = (at: string) => {
    if (seen.has(at)) return;
    seen.add(at);
    const node = nodes.get(at);
    if (!node) return;
    if (node.causes.length === 0) found.set(at, node);
    else node.causes.forEach(follow);
  };
  follow(id);
  found.delete(id);
  return [...found.values()];
}
