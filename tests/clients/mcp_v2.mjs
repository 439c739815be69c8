// An MCP server of the official TypeScript SDK 2.x, which speaks revision 2026-07-28.
//
// Usage: mcp_v2.mjs stdio | http HOST:PORT [reject]
// With `reject`, older revisions are refused. NODE_PATH names the folder with the packages.

import { createRequire } from "node:module";
import { createServer } from "node:http";

const require = createRequire(`${process.env.NODE_PATH}/`);
const { McpServer, createMcpHandler } = require("@modelcontextprotocol/server");
const { serveStdio } = require("@modelcontextprotocol/server/stdio");
const { toNodeHandler } = require("@modelcontextprotocol/node");
const { z } = require("zod");

function makeServer() {
  const server = new McpServer({ name: "interop", version: "2.0.0" });
  server.registerTool(
    "add",
    {
      description: "Adds two numbers.",
      inputSchema: z.object({ a: z.number(), b: z.number() }),
    },
    async ({ a, b }) => ({ content: [{ type: "text", text: String(a + b) }] }),
  );
  return server;
}

const [transport, address, mode] = process.argv.slice(2);
if (transport === "stdio") {
  serveStdio(makeServer);
} else {
  const [host, port] = address.split(":");
  const legacy = mode === "reject" ? "reject" : "stateless";
  const handler = toNodeHandler(createMcpHandler(makeServer, { legacy }));
  createServer((request, response) => handler(request, response)).listen(Number(port), host);
}
