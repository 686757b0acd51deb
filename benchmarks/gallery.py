"""The starter gallery: words that come with the package, from free clips to files, cards, moving pictures and a page.

    python -m benchmarks.gallery OUT [--only NAME ...] [--replace] [--base PATH]

OUT is laid out as a checkout: `concepts/starter/<name>.safetensors`, and under `docs` the page `gallery.md` and in
`gallery/` the card and the moving picture of each word. The words and their clips are those of
`benchmarks.gallery_words`. Each word is learned, reported on, and evaluated beside clips that it was not learned from.
One that is reproduced badly, or is not found to be the word for those clips, is left out, and the exit code is 1. A
word whose file is there is not learned again without --replace, nor its picture drawn again. What the page and the
cards say is read from the files.
"""

import argparse
import io
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image
from rich.console import Console
from rich.table import Table

from benchmarks.gallery_words import AUTHOR, WORDS, Clip, Word, read_clips, read_other_clips
from cli.credits import add_credits
from concepts import Concept, ConceptError
from concepts.card import concept_to_card
from concepts.provenance import Credits
from inversion import learn
from inversion.encoded_clips import EncodedClips, encode_clips
from inversion.errors import InversionError
from inversion.evaluate import evaluate
from inversion.report import report
from lead import Lead, LeadError
from lead.motion.atomic import write_atomically
from lead.motion.render.video import Layout, Movie

RANK = 2
"""Of the adapters: half of what `learn` takes, and half of a file's size."""
SEED = 1
"""Of the motions that are shown."""
SECONDS, FPS = 3.0, 8.0
PICTURE = Layout((144, 168), 20, 11)
COMPRESSION = {"quality": 20, "method": 6}
"""Of the WebP, which then takes about 23 KB a motion; a GIF takes five times as much."""

HEAD = """# The starter gallery

Words that come with the package. `lead-invert starter` lists them, and puts those that you name into your library:

```
lead-invert starter
lead-invert starter sneaky whirl
lead-invert starter --all
lead-invert generate "a person walks in <sneaky> style"
```

In Python, `Library.starter()` is the library of these words:

```python
from concepts import Library
from lead import Lead

words = Library.starter().load("<sneaky>").words
motions = Lead.load().generate(["a person walks in <sneaky> style"], words=words)
```

- The pictures show motions from prompts: of a style a walk, and an action that its clips do not show. All have seed 1;
  none was picked.
- The text below each word is the report of `learn` and the verdict of `evaluate`. Styles are evaluated on other walks,
  actions on their own clips at another speed.
- A word that is reproduced badly, or is not the word for the clips that it is evaluated on, is not in the gallery.
- Styles are the project's own: procedural styles on walks, a jog and a wave, and the zombie march of the example. Their
  clips, and those of the actions, are free for all uses: CC0, MIT, or CMU's terms. The embedded base is not, so the
  words have [its license](model-card.md) beside that of their clips. Each card has both.
- `python -m benchmarks.gallery OUT` makes all of this again, with `--base` for another base.
"""


def learn_word(base: Lead, word: Word) -> tuple[Concept, str]:
    """The word as a concept that says what was measured, and what is wrong with it; empty if it is good enough."""
    clips, others = read_clips(word), read_other_clips(word)
    encoded = _encode(base, clips)
    concept = learn(base, encoded, word.token, kind=word.kind, rank=RANK)
    found = report(base, concept, encoded)
    verdict = evaluate(base, concept, _encode(base, others)).verdict
    problems = ["it reproduces its clips badly"] if found.grade == "badly" else []
    problems += [f"on other clips the verdict is {verdict.fit!r}"] if verdict.fit != "this word" else []
    said = [f"{word.title}.", *found.sentences, f"Other clips: {verdict.describe(word.token, word.kind)}"]
    licenses = ", ".join(dict.fromkeys(clip.credits.license for clip in clips))
    credits = Credits(licenses, author=AUTHOR, description="\n".join(said))
    concept = add_credits(replace(concept, scores={**concept.scores, **found.scores}), credits)
    exemplars = tuple(
        replace(exemplar, source=clip.credits.source, license=clip.credits.license)
        for exemplar, clip in zip(concept.exemplars, clips, strict=True)
    )
    return replace(concept, title=word.title, exemplars=exemplars), "; ".join(problems)


def _encode(base: Lead, clips: Sequence[Clip]) -> EncodedClips:
    """The clips with their captions; where they have none, their action is recognized."""
    captions = [clip.caption for clip in clips if clip.caption]
    return encode_clips(base, [clip.motion for clip in clips], captions or None)


def draw(base: Lead, word: Word, concept: Concept, path: Path) -> None:
    """Write the word's moving picture: a motion of each of its prompts, side by side."""
    motions = base.generate(word.prompts, seconds=[SECONDS] * len(word.prompts), words=concept.words, seed=SEED)
    titles = [prompt.removeprefix("a person ").removesuffix(f" in {word.token} style") for prompt in word.prompts]
    movie = Movie(motions, titles, FPS, PICTURE)
    first, *rest = [Image.fromarray(picture.copy()) for picture in movie.draw_all(lambda done, total: None)]
    file, duration = io.BytesIO(), round(1000 / FPS)
    first.save(file, "WEBP", save_all=True, append_images=rest, duration=duration, loop=0, **COMPRESSION)
    write_atomically(path, file.getvalue())


def write_page(concepts: Sequence[tuple[Word, Concept]]) -> str:
    """docs/gallery.md."""
    sections = [HEAD]
    for word, concept in concepts:
        meaning, *said = concept.description.splitlines()
        clips = ", ".join(dict.fromkeys(f"{one.source} ({one.license})" for one in concept.exemplars))
        prompts = ", ".join(f"`{prompt}`" for prompt in word.prompts)
        lines = [line.replace(word.token, f"`{word.token}`") for line in said]
        lines.append(f"{len(concept.exemplars)} clips: {clips}. [Card](gallery/{word.name}.md)")
        sections.append(
            f"## `{word.token}`\n{meaning} Prompts: {prompts}\n\n![{word.name}](gallery/{word.name}.webp)\n\n"
            + "".join(f"- {line}\n" for line in lines)
        )
    return "\n".join(sections)


def make_gallery(out: Path, only: Sequence[str], again: bool, base: Lead, console: Console) -> int:
    """Make what is missing, and the page of all that is there; returns how many words were left out."""
    files, pages = out / "concepts" / "starter", out / "docs" / "gallery"
    for folder in (files, pages):
        folder.mkdir(parents=True, exist_ok=True)
    table, left_out, shown = Table("word", "result", "KB"), 0, []
    for word in WORDS:
        file = files / f"{word.name}.safetensors"
        learned = (not only or word.name in only) and (again or not file.is_file())
        if learned:
            console.print(f"learning {word.token}", markup=False)
            concept, problem = learn_word(base, word)
            if problem:
                table.add_row(word.name, f"left out: {problem}", "")
                left_out += 1
                continue
            concept.save(file)
            table.add_row(word.name, concept.description.splitlines()[1], f"{file.stat().st_size / 1024:.0f}")
        if file.is_file():
            concept = Concept.load(file)
            if learned or not (pages / f"{word.name}.webp").is_file():
                draw(base, word, concept, pages / f"{word.name}.webp")
                card = concept_to_card(concept, file.name, f"{word.name}.webp")
                write_atomically(pages / f"{word.name}.md", card.encode())
            shown.append((word, concept))
    write_atomically(out / "docs" / "gallery.md", write_page(shown).encode())
    console.print(table)
    return left_out


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the gallery."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gallery", description=main.__doc__)
    parser.add_argument("out", type=Path, help="a checkout, or a folder that is laid out as one")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", choices=[word.name for word in WORDS])
    parser.add_argument("--replace", action="store_true", help="learn words again that are there")
    parser.add_argument("--base", help="another base than the embedded one")
    options = parser.parse_args(arguments)
    try:
        base = Lead.load(options.base)
        return 1 if make_gallery(options.out, options.only, options.replace, base, Console()) else 0
    except (LeadError, InversionError, ConceptError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
