// An MCP server of the official TypeScript SDK 1.x, whose newest revision is 2025-11-25.
//
// Usage: mcp_v1.mjs stdio | http HOST:PORT
// NODE_PATH names the folder with the packages.

import { createRequire } from "node:module";
import { createServer } from "node:http";
import { randomUUID } from "node:crypto";

const require = createRequire(`${process.env.NODE_PATH}/`);
const sdk = "@modelcontextprotocol/sdk";
const { McpServer } = require(`${sdk}/server/mcp.js`);
const { StdioServerTransport } = require(`${sdk}/server/stdio.js`);
const { StreamableHTTPServerTransport } = require(`${sdk}/server/streamableHttp.js`);
const { z } = require("zod");

function makeServer() {
  const server = new McpServer({ name: "interop", version: "1.0.0" });
  server.registerTool(
    "add",
    { description: "Adds two numbers.", inputSchema: { a: z.number(), b: z.number() } },
    async ({ a, b }) => ({ content: [{ type: "text", text: String(a + b) }] }),
  );
  return server;
}

const [transport, address] = process.argv.slice(2);
if (transport === "stdio") {
  await makeServer().connect(new StdioServerTransport());
} else {
  const [host, port] = address.split(":");
  const sessions = new Map();
  const http = createServer(async (request, response) => {
    if (request.method === "GET") {
      response.writeHead(405).end();
      return;
    }
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = chunks.length ? JSON.parse(Buffer.concat(chunks).toString()) : undefined;
    const id = request.headers["mcp-session-id"];
    let session = id && sessions.get(id);
    if (!session) {
      session = new StreamableHTTPServerTransport({
        sessionIdGenerator: () => randomUUID(),
        onsessioninitialized: (made) => sessions.set(made, session),
        onsessionclosed: (ended) => sessions.delete(ended),
      });
      await makeServer().connect(session);
    }
    await session.handleRequest(request, response, body);
  });
  http.listen(Number(port), host);
}
