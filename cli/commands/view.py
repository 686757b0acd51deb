"""`lead-invert view`: files side by side in one page, picture or video.

Knows nothing of models: any files that can be read, to one file that shows them.
"""

import tempfile
import webbrowser
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.console import Json, UsageError, command, counted, say, warn
from cli.read_inputs import InputFps, RigMap, Strict, Unit, Up, read_clips, reading_of, refuse_more

MOST_SEEN = 200
"""A sheet of more is taller than what programs show."""


@command
def view(
    places: Annotated[list[Path], typer.Argument(metavar="IN...", help="Motion files and folders of them.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="A .html page, .png sheet, .mp4 or .gif to keep."),
    ] = None,
    open_it: Annotated[
        bool | None,
        typer.Option("--open/--no-open", help="Open it in a browser (default: where --output is not given)."),
    ] = None,
    fps: InputFps = None,
    unit: Unit = None,
    up: Up = None,
    rig_map: RigMap = None,
    strict: Strict = False,
    as_json: Json = False,
) -> dict[str, Any]:
    """See motions: a page that plays them side by side, or overlaid, without a network.

    Without --output the page is put into a temporary folder and opened in a browser.

    \b
    lead-invert view out/
    lead-invert view exemplar.bvh out/a-person-waves-seed0-01.bvh
    lead-invert view takes/ --output takes.html
    lead-invert view exemplar.bvh generated.bvh --output beside.mp4
    """
    from cli.atomic_folder import atomic_folder, check_writable
    from cli.write_outputs import VIEW_ENDINGS, write_view

    form = "html" if output is None else output.suffix.lower().removeprefix(".")
    if form not in VIEW_ENDINGS:
        raise UsageError(f"--output {output}: expected a name that ends in {', '.join(VIEW_ENDINGS.values())}.")
    if output:
        check_writable(output.parent)
    refuse_more(places, MOST_SEEN, "Name some of them, or draw each by itself with `lead-invert convert --to png`.")
    paths, motions = read_clips(places, warn, reading_of(fps, unit, up, rig_map), strict, least=1)
    target = output or Path(tempfile.mkdtemp(prefix="lead-invert-")) / f"{paths[0].stem}.html"
    with atomic_folder(target.parent) as folder:
        write_view(motions, titles_of(paths), folder / target.stem, form)
    opened = (output is None if open_it is None else open_it) and webbrowser.open(target.resolve().as_uri())
    if not as_json:
        say(f"{target}: {counted(len(motions), 'motion')}" + ("" if opened or output else "; open it in a browser"))
    return {
        "file": str(target),
        "opened": bool(opened),
        "motions": [
            {"file": str(path), "seconds": round(motion.seconds, 3), "fps": motion.fps}
            for path, motion in zip(paths, motions, strict=True)
        ],
    }


def titles_of(paths: Sequence[Path]) -> list[str]:
    """The files' names, with as much of their endings and folders as tells them apart."""
    for name in (lambda path: path.stem, lambda path: path.name, lambda path: f"{path.parent.name}/{path.name}"):
        titles = [name(path) for path in paths]
        if max(Counter(titles).values()) == 1:
            return titles
    return [str(path) for path in paths]
