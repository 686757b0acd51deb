"""`lead-invert view`: files side by side in one page, picture or video.

Knows nothing of models: it reads any motion files and writes one file that shows them.
"""

import tempfile
import webbrowser
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from cli.atomic_folder import atomic_folder, check_writable
from cli.command import JsonObject, command
from cli.console import count_noun, echo, warn
from cli.errors import UsageError
from cli.options import Json, ReadingOptions, Replace, ViewSwitches
from cli.prompt_record import find_prompt
from cli.read_inputs import check_clip_count, read_clips
from cli.write_outputs import VIEW_FORMATS, write_view

MOST_SEEN = 200
"""Motions on one sheet; programs do not show a taller one."""


@command
def view(
    places: Annotated[list[Path], typer.Argument(metavar="IN...", help="Motion files and folders of them.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Keep the result: a .html page, a .png sheet, an .mp4 or .gif; or a folder.",
        ),
    ] = None,
    open_it: Annotated[
        bool | None,
        typer.Option("--open/--no-open", help="Open the result (default: only without --output)."),
    ] = None,
    replace: Replace = False,
    switches: ViewSwitches = ViewSwitches(),
    reading: ReadingOptions = ReadingOptions(),
    as_json: Json = False,
) -> JsonObject:
    """Show motions on a page that plays them side by side or overlaid. It works offline.

    Generated motions are titled with their prompts, which prompts.jsonl beside them says, others with their names.
    Without --output the page is put into a temporary folder and opened in a browser.

    \b
    lead-invert view out/
    lead-invert view exemplar.bvh out/a-person-waves-seed0-01.bvh
    lead-invert view takes/ --output takes.html
    lead-invert view exemplar.bvh generated.bvh --output beside.mp4 --repeat --trail --contacts
    """
    if output is not None and output.is_dir():
        output = output / f"{places[0].resolve().stem}.html"
    form = "html" if output is None else output.suffix.lower().removeprefix(".")
    if form not in VIEW_FORMATS:
        endings = ", ".join(view.ending for view in VIEW_FORMATS.values())
        raise UsageError(f"--output {output}: expected a name that ends in {endings}.")
    if output:
        check_writable(output.parent)
    check_clip_count(
        places, MOST_SEEN, "Name some of them, or draw each by itself with `lead-invert convert --to png`."
    )
    paths, motions = read_clips(places, _warn_of_others, reading, least=1, most=MOST_SEEN)
    names = titles_of([path.with_name(motion.name + path.suffix) for path, motion in zip(paths, motions, strict=True)])
    titles = _add_prompts(names, paths)
    target = output or Path(tempfile.mkdtemp(prefix="lead-invert-")) / f"{paths[0].stem}.html"
    with atomic_folder(target.parent, replace) as folder:
        write_view(motions, titles, folder / target.stem, form, switches=switches)
    opened = (output is None if open_it is None else open_it) and webbrowser.open(target.resolve().as_uri())
    if not as_json:
        advice = "" if opened or output else "; open it in a browser"
        echo(f"{target}: {count_noun(len(motions), 'motion')}{advice}")
    return {
        "file": str(target),
        "opened": bool(opened),
        "motions": [
            {"file": str(path), "title": title, "seconds": round(motion.seconds, 3), "fps": motion.fps}
            for path, title, motion in zip(paths, titles, motions, strict=True)
        ],
    }


def _warn_of_others(text: str) -> None:
    """Warn of what cannot be shown, but for the pictures and pages that commands put beside motions."""
    if not any(f"a file of type {view.ending} is not" in text for view in VIEW_FORMATS.values()):
        warn(text)


def _add_prompts(names: Sequence[str], paths: Sequence[Path]) -> list[str]:
    """The prompts of generated files, numbered where they are equal; the names of others."""
    prompts = [find_prompt(path) for path in paths]
    total, number = Counter(prompts), Counter[str]()
    titles = []
    for name, prompt in zip(names, prompts, strict=True):
        number[prompt] += 1
        titles.append((f"{number[prompt]}. {prompt}" if total[prompt] > 1 else prompt) if prompt else name)
    return titles


def titles_of(paths: Sequence[Path]) -> list[str]:
    """The names of files, with as much of their suffixes and folders as tells them apart."""
    for titles in (
        [path.stem for path in paths],
        [path.name for path in paths],
        [f"{path.parent.name}/{path.name}" for path in paths],
    ):
        if max(Counter(titles).values()) == 1:
            return titles
    return [str(path) for path in paths]
