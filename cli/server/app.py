"""The application: MMCP, the JSON API, the page that describes them, and the guard around all; and how it is run.

The SDK makes the application of the protocol. The other routes are added to it. The page at /docs is Swagger UI from
files of the package `fastapi-offline`, so that it needs no network.
"""

import socket
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from motionmcp import GenerateRequest, build_app
from starlette.exceptions import HTTPException

from cli.server.access import Access
from cli.server.generator import Generator
from cli.server.guard import Guard
from cli.server.job_queue import JobQueue
from cli.server.json_api import make_router, to_protocol_error
from cli.server.limits import CONNECTIONS
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
            log_config=None,
            access_log=False,
            limit_concurrency=CONNECTIONS,
            timeout_graceful_shutdown=3,
            server_header=False,
            ws="none",
            lifespan="on",
        ),
        queue,
    )
