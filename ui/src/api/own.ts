/** Our own API and Alertmanager's, with the types of the server's description of itself. */

import { ask, type Params } from "./client";
import type { paths } from "./schema";

type Method = "get" | "post" | "put" | "delete";
type With<M extends Method> = { [P in keyof paths]: paths[P][M] extends { responses: object } ? P : never }[keyof paths];
type Answer<O> = O extends { responses: { 200: { content: { "application/json": infer T } } } } ? T : O extends { responses: { 202: { content: { "application/json": infer T } } } } ? T : unknown;
/** What is inside of `{status, data}`. */
type Inner<T> = T extends { data: infer D } ? D : T;
/** What a GET of this path holds. */
export type Got<P extends With<"get">> = Inner<Answer<paths[P]["get"]>>;

interface Options { path?: Readonly<Record<string, string>>; params?: Params; signal?: AbortSignal | undefined }

function filled(path: string, parts: Readonly<Record<string, string>> = {}): string {
  return path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(parts[name] ?? ""));
}

function inner<T>(answer: unknown): T {
  return typeof answer === "object" && answer !== null && !Array.isArray(answer) && "data" in answer ? (answer as { data: T }).data : (answer as T);
}

/** Asks one of the described paths; `{status, data}` is taken off. */
export async function get<P extends With<"get">>(path: P, options: Options = {}): Promise<Got<P>> {
  return inner(await ask(filled(path, options.path), { ...(options.params ? { params: options.params } : {}), signal: options.signal }));
}

/** Changes something, by a described path. */
export async function send<M extends "post" | "put" | "delete", P extends With<M>>(method: M, path: P, options: Options & { json?: unknown; text?: string } = {}): Promise<Inner<Answer<paths[P][M]>>> {
  const verb = { post: "POST", put: "PUT", delete: "DELETE" } as const;
  const { json, text, params, signal } = options;
  return inner(await ask(filled(path, options.path), { method: verb[method], signal, ...(params ? { params } : {}), ...(json === undefined ? {} : { json }), ...(text === undefined ? {} : { text }) }));
}

export type Entities = Got<"/api/bellwether/v1/entities">["entities"];
export type Entity = Entities[number];
export type Objectives = Got<"/api/bellwether/v1/objectives">["objectives"];
export type Objective = Objectives[number];
export type Forecasts = Got<"/api/bellwether/v1/forecasts">["forecasts"];
export type Scalers = Got<"/api/bellwether/v1/scalers">["scalers"];
export type TimelineRow = Got<"/api/bellwether/v1/timeline">["rows"][number];
