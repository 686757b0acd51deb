"""`lead-invert restyle`: existing clips in the style of a learned word, each on its own rig."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.atomic_folder import check_writable
from cli.command import JsonObject, command
from cli.console import count_noun, print_table, progress_bar, warn
from cli.load_models import check_base, find_concept, load_base, load_concept
from cli.options import BaseOptions, Device, Json, OutputFolder, ReadingOptions, Seed, ViewSwitches, check_unicode
from cli.prompt_record import record_prompts
from cli.read_inputs import check_clip_count, read_captions, read_clips
from cli.write_outputs import Formats, parse_formats, write_motions

if TYPE_CHECKING:
    from concepts import Concept
    from lead import Lead, Motion

MOST_CLIPS = 200
"""More of them are many minutes of work, all of which is written at once."""


@dataclass(frozen=True)
class Settings:
    """How clips are restyled."""

    strength: float
    seed: int
    lock_feet: bool


@command
def restyle(
    places: Annotated[list[Path], typer.Argument(metavar="IN...", help="Motion files and folders of them.")],
    word: Annotated[Path, typer.Argument(metavar="WORD", help="A style: a concept file, or a word in the library.")],
    strength: Annotated[
        float, typer.Option(min=0.0, max=2.0, metavar="S", help="How strong the style is; 1 is as it was learned.")
    ] = 1.0,
    caption: Annotated[
        str,
        typer.Option(
            metavar="TEXT",
            help='What the clips show, as "a person waves" (default: as captions.jsonl or a .txt beside them says, '
            "else recognized).",
        ),
    ] = "",
    formats: Formats = "bvh,png",
    seed: Seed = 0,
    lock_feet: Annotated[
        bool, typer.Option("--foot-lock/--no-foot-lock", help="Keep standing feet from sliding; the legs follow by IK.")
    ] = True,
    output: OutputFolder = Path("out"),
    switches: ViewSwitches = ViewSwitches(),
    reading: ReadingOptions = ReadingOptions(),
    base: BaseOptions = BaseOptions(),
    device: Device = "auto",
    as_json: Json = False,
) -> JsonObject:
    """Give existing clips the style of a learned word.

    Action and timing stay, and the path as far as the style allows: a slower style walks less far. A BVH is written on
    the clip's own rig, at its rate. Views show each clip above its restyled motion, on the same body. Where other files
    have their names, new ones get a number.

    \b
    lead-invert restyle walk.bvh "<elderly>"
    lead-invert restyle takes/ elderly.safetensors --strength 0.6 --format bvh,html
    lead-invert restyle wave.bvh "<elderly>" --caption "a person waves with the left hand"
    """
    wanted = parse_formats(formats)
    check_unicode(caption, "--caption")
    check_writable(output)
    check_clip_count(places, MOST_CLIPS, "Restyle them in several runs.")
    paths, clips = read_clips(places, warn, reading, most=MOST_CLIPS, keep_rotations=True)
    captions = [caption] * len(clips) if caption.strip() else read_captions(paths, None) or [""] * len(clips)
    concept = load_concept(word)
    model = load_base(base.base, device)
    concept = check_base(concept, find_concept(word), model, base.allow_base_mismatch)
    motions = _restyle(model, clips, captions, concept, Settings(strength, seed, lock_feet))
    titles = [f"{clip.name or 'clip'} in {concept.token} style" for clip in clips]
    before = {place: clip.on_one_skeleton() for place, clip in enumerate(clips)}
    files, views = write_motions(motions, titles, wanted, output, seed, plain=before, switches=switches)
    record_prompts(output, titles, files, seed)
    if not as_json:
        rows: list[tuple[object, ...]] = [
            (clip.name, ", ".join(motion.notes), f"{motion.seconds:.1f}", path)
            for clip, motion, group in zip(clips, motions, files, strict=True)
            for path in group
        ]
        rows += [("all of them", "", "", path) for path in views]
        print_table(rows, ("clip", "taken for", "seconds", f"in {concept.token} style"))
    return {
        "token": concept.token,
        "strength": strength,
        "motions": [
            {
                "clip": clip.name,
                "captions": list(motion.notes),
                "seconds": round(motion.seconds, 3),
                "files": [str(path) for path in group],
            }
            for clip, motion, group in zip(clips, motions, files, strict=True)
        ],
        "views": [str(path) for path in views],
        "seed": seed,
    }


def _restyle(
    model: "Lead", clips: "Sequence[Motion]", captions: Sequence[str], concept: "Concept", settings: Settings
) -> "list[Motion]":
    """Each clip in the concept's style, with a progress bar."""
    from inversion.restyle import restyle

    motions = []
    with progress_bar(f"restyling {count_noun(len(clips), 'clip')}") as progress:
        for number, (clip, caption) in enumerate(zip(clips, captions, strict=True), start=1):
            motions.append(
                restyle(
                    model,
                    clip,
                    concept,
                    strength=settings.strength,
                    caption=caption,
                    seed=settings.seed,
                    clean_feet=settings.lock_feet,
                )
            )
            progress(number, len(clips))
    return motions
