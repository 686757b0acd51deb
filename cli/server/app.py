"""The application: MMCP, the JSON API, the page that describes them, and the guard around all; and how it is run.

The SDK makes the application of the protocol. The other routes are added to it. The page at /docs is Swagger UI from
files of the package `fastapi-offline`, so that it needs no network.
"""

import asyncio
import json
import socket
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import h11
import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from motionmcp import GenerateRequest, build_app
from motionmcp.errors import ProtocolError
from starlette.exceptions import HTTPException
from uvicorn.protocols.http.h11_impl import H11Protocol

from cli.server.access import Access
from cli.server.generator import Generator
from cli.server.guard import Guard
from cli.server.job_queue import JobQueue
from cli.server.json_api import make_router, to_protocol_error
from cli.server.limits import BODY_SECONDS, CONNECTIONS, IDLE_SECONDS
from cli.server.mmcp import LeadBackbone, check_types
from lead.version import __version__

TITLE = "lead-invert"
_FILES = "/docs-files"
_REPLACED = {"/docs", "/redoc", "/docs/oauth2-redirect", "/openapi.json"}
"""Routes of FastAPI's own, whose pages load scripts from the network."""


def make_app(generator: Generator, queue: JobQueue, access: Access, fps: float, log: Callable[[str], None]) -> Guard:
    """The whole application."""
    app = build_app(LeadBackbone(generator, queue, fps), title=TITLE)
    app.router.routes[:] = [route for route in app.router.routes if getattr(route, "path", "") not in _REPLACED]
    app.include_router(make_router(generator, queue))
    app.add_exception_handler(RequestValidationError, _refuse_body)
    app.add_exception_handler(HTTPException, _refuse_path)
    app.add_exception_handler(Exception, _tell_fault)
    _add_pages(app, access)
    return Guard(app, access, check_types, log)


async def _refuse_body(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError), error
    refused = to_protocol_error(error)
    return JSONResponse(refused.to_envelope(), refused.status_code)


async def _refuse_path(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException), error
    found = {"code": "schema_validation", "message": f"{error.detail}; /docs lists what there is", "details": {}}
    return JSONResponse({"error": found}, error.status_code)


async def _tell_fault(_: Request, error: Exception) -> JSONResponse:
    """A fault of ours, which goes on to the guard and its log."""
    failed = ProtocolError("internal_error", "the server failed; its log says why")
    return JSONResponse(failed.to_envelope(), failed.status_code)


def _add_pages(app: FastAPI, access: Access) -> None:
    """/docs, /openapi.json and /health."""
    app.mount(_FILES, StaticFiles(directory=str(files("fastapi_offline") / "static")), name="docs-files")

    async def show_docs() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="/openapi.json",
            title=TITLE,
            swagger_js_url=f"{_FILES}/swagger-ui-bundle.js",
            swagger_css_url=f"{_FILES}/swagger-ui.css",
            swagger_favicon_url=f"{_FILES}/favicon.png",
        )

    async def show_openapi() -> JSONResponse:
        return JSONResponse(describe(app, access.key is not None))

    async def health() -> JSONResponse:
        """Whether the server works, as clients of the protocol ask."""
        return JSONResponse({"status": "ok", "retargeting": "ready"})

    app.add_api_route("/docs", show_docs, include_in_schema=False)
    app.add_api_route("/openapi.json", show_openapi, include_in_schema=False)
    app.add_api_route("/health", health)


def describe(app: FastAPI, needs_key: bool) -> dict[str, Any]:
    """The OpenAPI description, with the body of the protocol's requests, which the SDK reads by itself."""
    document: dict[str, Any] = get_openapi(
        title=TITLE, version=__version__, description=__doc__.split("\n")[0], routes=app.routes
    )
    schema = GenerateRequest.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas |= schema.pop("$defs", {})
    schemas["GenerateRequest"] = schema
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/GenerateRequest"}}}
    document["paths"]["/generate"]["post"]["requestBody"] = {"required": True, "content": content}
    if needs_key:
        document["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{"key": []}]
    return document


class Connection(H11Protocol):
    """A connection that cannot be held without end: not by a head that does not come, nor by an answer not taken.

    h11 bounds a head to 64 KiB. Bodies have the bounds of `guard`.
    """

    late: asyncio.TimerHandle | None = None
    """Runs while a head is due, and while the client takes no more of an answer."""
    refused = False
    """What else arrives is thrown away."""

    def connection_made(self, transport: Any) -> None:
        """Wait for the first head."""
        super().connection_made(transport)
        self.limit(BODY_SECONDS)

    def data_received(self, data: bytes) -> None:
        """Read on; a head that has begun has its time."""
        if self.refused:
            return
        super().data_received(data)
        if self.refused:
            return
        if self.conn.their_state is not h11.IDLE:
            self.limit(None)
        elif self.late is None:
            self.limit(BODY_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """The end."""
        self.limit(None)
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Wait until the client takes its answer."""
        super().pause_writing()
        self.limit(IDLE_SECONDS)

    def resume_writing(self) -> None:
        """It does."""
        super().resume_writing()
        self.limit(None)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no request; the client may send the rest of it before it reads why."""
        self.refused = True
        if self.cycle is not None and not self.cycle.response_complete:  # its body is none: nobody waits for it
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            if self.cycle.response_started:
                self.transport.close()
                return
        error = ProtocolError("schema_validation", "not a request of HTTP/1.1 with at most 64 KiB of headers")
        content = json.dumps(error.to_envelope()).encode()
        head = f"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: {len(content)}\r\n"
        self.transport.write(f"{head}connection: close\r\n\r\n".encode() + content)
        self.transport.write_eof()
        self.limit(BODY_SECONDS)

    def shutdown(self) -> None:
        """The server ends."""
        if self.refused:
            self.transport.close()
        else:
            super().shutdown()

    def limit(self, seconds: float | None) -> None:
        """Cut the connection after so many seconds, in place of an earlier limit."""
        if self.late is not None:
            self.late.cancel()
        self.late = None if seconds is None else self.loop.call_later(seconds, self.transport.abort)


class Server(uvicorn.Server):
    """A server that refuses what is asked once it ends."""

    def __init__(self, config: uvicorn.Config, queue: JobQueue) -> None:
        super().__init__(config)
        self.queue = queue

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Refuse what waits, then end."""
        self.queue.refuse_all()
        await super().shutdown(sockets)


def make_server(app: Guard, queue: JobQueue) -> Server:
    """A server of the application, which prints nothing by itself but warnings."""
    return Server(
        uvicorn.Config(
            app,
            http=Connection,
            log_config=None,
            access_log=False,
            limit_concurrency=CONNECTIONS,
            timeout_keep_alive=IDLE_SECONDS,
            timeout_graceful_shutdown=3,
            server_header=False,
            ws="none",
            lifespan="on",
        ),
        queue,
    )
