"""What people state about a concept when they teach it: whose recordings, under which license, by whom."""

import dataclasses
import datetime
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from cli.command import OptionGroup
from cli.console import warn

if TYPE_CHECKING:
    from concepts import Concept
    from concepts.provenance import Credits


@dataclass(frozen=True)
class CreditOptions(OptionGroup):
    """The license and source of the recordings; the author and description of the concept."""

    license: Annotated[
        str | None, typer.Option("--license", metavar="TEXT", help='License of the recordings, as "CC BY 4.0".')
    ] = None
    source: Annotated[
        str,
        typer.Option(metavar="TEXT", help="Source of the recordings: a data set, a performer or a web address."),
    ] = ""
    author: Annotated[
        str, typer.Option(metavar="TEXT", help="Your name as the word's author, as others will see it.")
    ] = ""
    description: Annotated[str, typer.Option(metavar="TEXT", help="What others should know about the word.")] = ""

    def to_credits(self, ask: bool) -> "Credits":
        """The credits as stated. Where no license is stated: with `ask`, ask on a terminal; warn if there is none."""
        from concepts.provenance import Credits

        credits = Credits(self.license or "", self.source, self.author, self.description)
        if self.license is None and ask and sys.stdin.isatty() and sys.stderr.isatty():
            question = 'License of the recordings, as "CC BY 4.0" (Enter: not stated)'
            answer = typer.prompt(question, default="", show_default=False, err=True)
            credits = dataclasses.replace(credits, license=answer)
        if not credits.license:
            problem = "no license of the recordings is stated: others cannot know whether they may use the word"
            warn(f"{problem}; add --license")
        return credits


def add_credits(concept: "Concept", credits: "Credits") -> "Concept":
    """A learned concept with its credits, today's date, and a small picture of its preview."""
    from concepts.thumbnail import png_to_thumbnail
    from lead.motion.motion import Motion
    from lead.motion.render.sheets import thumbnail

    preview = Motion(concept.tensors["preview.joints"], concept.fps)
    today = datetime.date.today().isoformat()
    return dataclasses.replace(
        concept.with_credits(credits), date=today, thumbnail=png_to_thumbnail(thumbnail(preview))
    )


def describe_license(concept: "Concept") -> str:
    """A sentence with the concept's license, and what follows where it is non-commercial."""
    from concepts.provenance import is_noncommercial

    if not is_noncommercial(concept.license):
        return f"License of the word: {concept.license or 'not stated'}."
    return f"License of the word: {concept.license}. Neither it nor motions made with it are for commercial use."
