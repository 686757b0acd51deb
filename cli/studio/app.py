"""The studio as a program: NiceGUI's application behind the gate, on a socket, and the browser that shows it."""

import logging
import socket
import webbrowser
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI
from fastapi.responses import Response
from nicegui import core, ui

from cli.studio.gate import Gate
from cli.studio.page import build_page
from cli.studio.view import PLAYER_URL, describe_player
from cli.studio.workshop import Workshop

MESSAGES_KEPT = 64
"""Messages to a page that are kept for when its connection comes back."""


def make_app(workshop: Workshop, ready: Callable[[], None] = lambda: None) -> FastAPI:
    """The application; `ready` is called when it can answer."""

    @asynccontextmanager
    async def live(_: FastAPI) -> AsyncIterator[None]:
        ready()
        yield

    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, lifespan=live)
    app.add_api_route(PLAYER_URL, _send_player, include_in_schema=False)
    ui.run_with(
        app,
        root=lambda: build_page(workshop),
        title="lead-invert studio",
        dark=None,
        message_history_length=MESSAGES_KEPT,
        show_welcome_message=False,
    )
    core.sio.eio.max_http_buffer_size = 2**20  # of a message from a page; files are sent by requests
    return app


def _send_player() -> Response:
    """The script of the player."""
    return Response(describe_player(), media_type="text/javascript", headers={"cache-control": "no-cache"})


def run_studio(workshop: Workshop, listening: socket.socket, host: str, token: str, ready: Callable[[], None]) -> None:
    """Serve until Ctrl-C; `ready` is called when the page can be opened."""
    logging.getLogger("nicegui").setLevel(logging.ERROR)
    port = listening.getsockname()[1]
    server = uvicorn.Server(
        uvicorn.Config(
            Gate(make_app(workshop, ready), host, port, token),
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=1,
            server_header=False,
            lifespan="on",
        )
    )
    server.run(sockets=[listening])


def open_browser(url: str) -> bool:
    """Show an address in the user's browser; False where there is none."""
    try:
        return webbrowser.open(url)
    except webbrowser.Error:
        return False
