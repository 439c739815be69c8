import { describe, expect, it } from "vitest";
import type { Entity } from "@/api/own";
import { entityGraph, entityTitle, namedIn, neighbours, roots } from "./graph";
import { mapLayout } from "./layout";

const entity = (id: string, state = "up", more: Partial<Entity> = {}): Entity => ({ entity: id, kind: id.split("/")[0] ?? "", name: id.slice(id.indexOf("/") + 1), state, reason: "", since: 1, dependsOn: [], causedBy: [], sources: [], ...more });

describe("titles", () => {
  it("are short, and say what stands before", () => {
    expect(entityTitle("daemon/chat/host:1")).toEqual({ title: "chat", sub: "host:1" });
    expect(entityTitle("model/polaris/flash")).toEqual({ title: "flash", sub: "polaris" });
    expect(entityTitle("pool/chat/host:1/requests")).toEqual({ title: "requests", sub: "chat/host:1" });
    expect(entityTitle("tool/browser")).toEqual({ title: "browser", sub: "" });
    expect(entityTitle("service/http://x/y")).toEqual({ title: "http://x/y", sub: "" });
  });
});

describe("causes", () => {
  it("are those of the server, then those that the reason names as whole words", () => {
    expect(namedIn("provider/a is down", ["provider/a", "provider/ab"])).toEqual(["provider/a"]);
    expect(namedIn("provider/ab is down", ["provider/a"])).toEqual([]);
    const graph = entityGraph([entity("daemon/d/i", "degraded", { dependsOn: ["provider/a", "tool/t"], causedBy: ["provider/a"], reason: "tool/t is down" }), entity("provider/a", "degraded"), entity("tool/t", "down")]);
    expect(graph.nodes.get("daemon/d/i")?.causes).toEqual(["provider/a", "tool/t"]);
    expect(graph.nodes.get("tool/t")?.explains).toEqual(["daemon/d/i"]);
    expect(graph.edges.every((edge) => edge.isCause)).toBe(true);
  });

  it("are followed to their end, and circles end too", () => {
    const { nodes } = entityGraph([
      entity("daemon/a/i", "down", { dependsOn: ["service/b"], causedBy: ["service/b"] }), entity("service/b", "down", { causedBy: ["database/c"] }), entity("database/c", "down"),
      entity("tool/x", "down", { causedBy: ["tool/y"] }), entity("tool/y", "down", { causedBy: ["tool/x"] }),
    ]);
    expect(roots(nodes, "daemon/a/i").map((node) => node.id)).toEqual(["database/c"]);
    expect(roots(nodes, "tool/x")).toEqual([]);
  });
});

describe("the layout", () => {
  const many = [entity("daemon/d/i", "up", { dependsOn: Array.from({ length: 150 }, (_, index) => `tool/t${index}`) }), ...Array.from({ length: 150 }, (_, index) => entity(`tool/t${index}`, index === 77 ? "down" : "up"))];
  it("shows what is bad of a large group, and hides the rest behind one line", () => {
    const layout = mapLayout(entityGraph(many), 1200, new Set());
    const tools = layout.nodes.filter(({ node }) => node.kind === "tool");
    expect(tools[0]?.node.id).toBe("tool/t77");
    expect(tools.length).toBeLessThan(8);
    expect(layout.groups.find(({ group }) => group.kind === "tool")?.more?.hidden).toBe(150 - tools.length);
    expect(layout.edges.length).toBe(tools.length + 1);
    expect(layout.height).toBeLessThan(600);
  });

  it("shows all where it is opened, none on another", () => {
    const layout = mapLayout(entityGraph(many), 1200, new Set(["tool"]));
    const tools = layout.nodes.filter(({ node }) => node.kind === "tool");
    expect(tools.length).toBe(150);
    for (let index = 1; index < tools.length; index += 1) expect((tools[index]?.y ?? 0) - (tools[index - 1]?.y ?? 0)).toBeGreaterThanOrEqual(tools[index - 1]?.height ?? 0);
  });

  it("knows neighbours on both sides", () => {
    const { edges } = entityGraph([entity("daemon/d/i", "up", { dependsOn: ["provider/a"] }), entity("provider/a"), entity("model/a/m", "up", { dependsOn: ["provider/a"] })]);
    expect([...neighbours(edges, "provider/a")].sort()).toEqual(["daemon/d/i", "model/a/m", "provider/a"]);
  });
});
