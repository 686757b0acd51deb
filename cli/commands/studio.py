"""`lead-invert studio`: clips to words to motions in the browser, without a shell."""

import secrets
import sys
from typing import Annotated

import typer

from cli.command import JsonObject, command
from cli.console import echo, log
from cli.errors import UsageError
from cli.options import AddressOptions, BaseOptions, Device, Json


@command
def studio(
    address: AddressOptions = AddressOptions(port=0),
    open_page: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the page in the browser, or only print its address.")
    ] = True,
    base: BaseOptions = BaseOptions(),
    device: Device = "auto",
    as_json: Json = False,
) -> JsonObject:
    """Open the studio in the browser: clips, learning, generating, blending, the library, export.

    The address that is printed has a token: only who has it can use the studio. Only this machine can reach it, unless
    --host says otherwise; then the token is the key of --key-file. Nothing is fetched from a network. Ctrl-C ends it.

    \b
    lead-invert studio
    lead-invert studio --no-open --port 8765
    """
    try:
        from cli.studio.app import open_browser, run_studio
    except ModuleNotFoundError as error:
        raise UsageError(f'studio needs the package {error.name}: pip install "lead-invert[studio]"') from None
    from cli.load_models import load_base
    from cli.server.address import is_loopback, make_url, open_socket, read_key
    from cli.studio.workshop import Settings, Workshop

    if address.key_file is None and not is_loopback(address.host):
        raise UsageError(f"--host {address.host} lets other machines in; state their key with --key-file.")
    token = read_key(address.key_file) if address.key_file else secrets.token_urlsafe(24)
    tell = log if as_json else echo  # with --json standard output is one object
    with open_socket(address.host, address.port) as listening:
        url = make_url(address.host, listening.getsockname()[1])
        workshop = Workshop(Settings(lambda: load_base(base.base, device), allow_mismatch=base.allow_base_mismatch))

        def ready() -> None:
            page = f"{url}/?token={token}"
            tell(f"the studio is at {page} (Ctrl-C ends it)")
            sys.stdout.flush()
            if open_page and not open_browser(page):
                tell("no browser was found here: open that address in one.")
                sys.stdout.flush()

        try:
            run_studio(workshop, listening, address.host, token, ready)
        except KeyboardInterrupt:  # the usual end
            pass
        finally:
            workshop.close()
    if not as_json:
        echo("ended")
    return {"url": url}
