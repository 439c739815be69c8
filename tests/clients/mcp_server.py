"""An MCP server of the official Python SDK, 1.x or 2.x: stdio, streamable HTTP or (1.x) a WebSocket.

Usage: mcp_server.py stdio | http HOST:PORT [json] | ws HOST:PORT
"""

import sys

try:
    from mcp.server.mcpserver import MCPServer

    MAJOR = 2
except ImportError:
    from mcp.server.fastmcp import FastMCP as MCPServer

    MAJOR = 1

from mcp.types import ToolAnnotations

server = MCPServer("interop")


@server.tool(annotations=ToolAnnotations(readOnlyHint=True) if MAJOR == 1 else ToolAnnotations(read_only_hint=True))
def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


@server.tool()
def fail() -> str:
    """Fails."""
    raise ValueError("it is broken")


@server.tool(annotations=ToolAnnotations(destructiveHint=True) if MAJOR == 1 else ToolAnnotations(destructive_hint=True))
def wipe() -> str:
    """Removes everything."""
    return "gone"


def main() -> None:
    transport = sys.argv[1]
    if transport == "stdio":
        server.run("stdio")
        return
    host, port = sys.argv[2].rsplit(":", 1)
    if transport == "http":
        json_response = "json" in sys.argv[3:]
        if MAJOR == 2:
            server.run("streamable-http", host=host, port=int(port), json_response=json_response)
        else:
            server.settings.host = host
            server.settings.port = int(port)
            server.settings.json_response = json_response
            server.run("streamable-http")
        return
    import uvicorn
    from mcp.server.websocket import websocket_server
    from starlette.applications import Starlette
    from starlette.routing import WebSocketRoute

    async def talk(websocket):
        async with websocket_server(websocket.scope, websocket.receive, websocket.send) as streams:
            lowlevel = server._mcp_server
            await lowlevel.run(streams[0], streams[1], lowlevel.create_initialization_options())

    app = Starlette(routes=[WebSocketRoute("/mcp", talk)])
    uvicorn.run(app, host=host, port=int(port), log_level="warning")


main()
