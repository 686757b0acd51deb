"""`lead-invert serve`: motions over HTTP for other programs, by the open protocol MMCP and by a small JSON API."""

import secrets
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from cli.command import JsonObject, OptionGroup, command
from cli.console import count_noun, echo, log
from cli.errors import UsageError
from cli.load_models import check_base, find_concept, load_base, load_concept
from cli.options import AddressOptions, BaseOptions, Device, Json


@dataclass(frozen=True)
class LoadOptions(OptionGroup):
    """How much the server takes on."""

    waiting: Annotated[
        int, typer.Option(min=1, max=1000, metavar="N", help="Requests that may wait; a further one is refused.")
    ] = 64
    timeout: Annotated[
        float, typer.Option(min=1.0, max=3600.0, metavar="S", help="Seconds after which a request is given up.")
    ] = 120.0
    fps: Annotated[
        float,
        typer.Option(min=1.0, max=240.0, metavar="RATE", help="Frames a second for clients that do not state theirs."),
    ] = 30.0


@command
def serve(
    address: AddressOptions = AddressOptions(),
    load: LoadOptions = LoadOptions(),
    concept: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="A concept beside those of the library; repeat for more.")
    ] = None,
    base: BaseOptions = BaseOptions(),
    device: Device = "auto",
    as_json: Json = False,
) -> JsonObject:
    """Serve motions over HTTP: MMCP for animation programs, and a JSON API for scripts.

    Any MMCP client, such as the Blender add-on Proscenium, can use the address that is printed. Prompts may name the
    words of the library. The page /docs describes all that can be asked for. Only programs on this machine can ask,
    unless --host says otherwise; then they need the key. Ctrl-C ends the server.

    \b
    lead-invert serve
    lead-invert serve --port 9000 --concept spin-kick.safetensors
    lead-invert serve --host 0.0.0.0 --key-file key.txt
    """
    try:
        from cli.server.access import Access
        from cli.server.app import make_app, make_server
    except ModuleNotFoundError as error:
        raise UsageError(f'serve needs the package {error.name}: pip install "lead-invert[serve]"') from None
    from cli.server.address import is_loopback, make_url, open_socket, read_key
    from cli.server.generator import Generator
    from cli.server.job_queue import JobQueue
    from cli.server.limits import QueueLimits

    key = read_key(address.key_file) if address.key_file else None
    shown = key is None and not is_loopback(address.host)
    key = secrets.token_urlsafe(24) if shown else key
    listening = open_socket(address.host, address.port)
    with listening:
        port = listening.getsockname()[1]
        model = load_base(base.base, device)
        concepts = [
            check_base(load_concept(path), find_concept(path), model, base.allow_base_mismatch)
            for path in concept or []
        ]
        generator = Generator(model, concepts=concepts, allow_mismatch=base.allow_base_mismatch)
        queue = JobQueue(generator.run, QueueLimits(load.waiting, load.timeout))
        server = make_server(make_app(generator, queue, Access(address.host, port, key), load.fps, log), queue)
        url = make_url(address.host, port)
        tell = log if as_json else echo  # with --json standard output is one object
        tell(f"{model.name} at {url} (what can be asked: {url}/docs). Ctrl-C ends it.")
        if shown:
            tell(f"Clients need this key: {key}")
        sys.stdout.flush()
        try:
            server.run(sockets=[listening])
        except KeyboardInterrupt:  # the usual end of a server
            pass
        finally:
            queue.close()
            generator.close()
    if not as_json:
        echo(f"ended; motions for {count_noun(queue.done, 'request')}")
    return {"url": url, "answered": queue.done}
