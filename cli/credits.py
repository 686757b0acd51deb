"""What `learn` is told by people and puts into a concept: whose recordings, under which terms, by whom; a picture."""

import dataclasses
import datetime
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from cli.console import warn

if TYPE_CHECKING:
    from concepts import Concept
    from concepts.credits import Credits

License = Annotated[
    str | None, typer.Option("--license", metavar="TEXT", help='License of the recordings, as "CC BY 4.0".')
]
Source = Annotated[
    str, typer.Option(metavar="TEXT", help="Whose recordings: a data set's or a performer's name, or a web address.")
]
Author = Annotated[str, typer.Option(metavar="TEXT", help="Who teaches the word, as others shall read it.")]
Description = Annotated[str, typer.Option(metavar="TEXT", help="What others should know of the word.")]


def stated_credits(license: str | None, source: str, author: str, description: str, ask: bool) -> "Credits":
    """The credits as the options state them; a license that is not stated is asked for on a terminal, else missed."""
    from concepts.credits import Credits

    stated = Credits(license or "", source, author, description)
    if license is None and ask and sys.stdin.isatty() and sys.stderr.isatty():
        question = 'License of the recordings, as "CC BY 4.0" (Enter: not stated)'
        said = typer.prompt(question, default="", show_default=False, err=True)
        stated = dataclasses.replace(stated, license=said)
    if not stated.license:
        warn("no license of the recordings is stated: others cannot know whether they may use the word; add --license")
    return stated


def credited(concept: "Concept", credits: "Credits") -> "Concept":
    """A learned concept with its credits, the day, and a small picture of its preview."""
    from concepts.thumbnail import png_to_thumbnail
    from lead.motion.motion import Motion
    from lead.motion.render.sheets import thumbnail

    preview = Motion(concept.tensors["preview.joints"], concept.fps)
    today = datetime.date.today().isoformat()
    return dataclasses.replace(
        credits.given_to(concept), date=today, thumbnail=png_to_thumbnail(thumbnail(preview))
    )


def terms(concept: "Concept") -> str:
    """The word's license, and what follows where it is non-commercial."""
    from concepts.credits import noncommercial

    if not noncommercial(concept.license):
        return f"License of the word: {concept.license or 'not stated'}."
    return f"License of the word: {concept.license}. Neither it nor motions made with it are for commercial use."
