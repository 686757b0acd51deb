"""`lead-invert learn`: clips are looked at, a word is learned from them, and what it does is told.

The search can be stopped with Ctrl-C, which keeps the best word so far; while it runs its state lies beside the
result, so that after a crash the same command goes on where it was.
"""

import dataclasses
import time
from contextlib import AbstractContextManager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.atomic_folder import check_writable
from cli.commands.library import Replace
from cli.console import Device, Json, Seed, UsageError, command, counted, hint, progress, say, table, warn, working
from cli.credits import Author, Description, License, Source, credited, stated_credits, terms
from cli.jobs.learn_each import learn_each
from cli.jobs.ranks import Ranks
from cli.load_models import Base, Captions, Kind, load_base
from cli.read_inputs import InputFps, RigMap, Strict, Unit, Up, read_captions, read_clips, reading_of, refuse_more

if TYPE_CHECKING:
    from concepts import Concept
    from concepts.library import Library
    from inversion.assess import Assessment
    from inversion.encoded_clips import EncodedClips
    from inversion.report import Report
    from lead import Lead, Motion


MOST_CLIPS = 300
"""These take a gigabyte and, on two cores, a minute and more; a word needs 1 to 30."""
_ROOM = 4 << 20
"""Bytes that a word and the state of its search take at most, but for the largest adapters."""
_CHOOSE = (
    "A word is learned from 1 to 30 clips that show one action, style or person: name them, as takes/limp-*.bvh, or put "
    "those of each word into a folder of its own and use --each. `lead-invert check` says which can be read."
)


class Objective(StrEnum):
    denoising = "denoising"
    realigned = "realigned"
    latent = "latent"
    noise = "noise"
    text = "text"


class Quality(StrEnum):
    fast = "fast"
    balanced = "balanced"
    best = "best"


@command
def learn(
    clips: Annotated[
        list[Path],
        typer.Argument(metavar="DIR_OR_FILES", help="Clips (.bvh, .fbx, .glb, .gltf, .npz, .npy), or folders of them."),
    ],
    token: Annotated[
        str | None, typer.Option(metavar='"<NAME>"', help="The new word, in angle brackets and quotes.")
    ] = None,
    each: Annotated[
        bool, typer.Option("--each", help="A word from each folder inside DIR, called as the folder is.")
    ] = False,
    jobs: Annotated[int, typer.Option(min=1, metavar="N", help="With --each: words learned at a time.")] = 1,
    kind: Annotated[
        Kind,
        typer.Option(help="What the word stands for: a thing that is done, a way to do it, a person's manner."),
    ] = Kind.style,
    quality: Annotated[
        Quality, typer.Option(help="How long to search: fast takes seconds and has no report at the end.")
    ] = Quality.balanced,
    captions: Captions = None,
    init: Annotated[str | None, typer.Option(metavar="TEXT", help="Known words that come near, to start from.")] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Training steps (default: the quality's own).")
    ] = None,
    vectors: Annotated[int, typer.Option(min=1, max=16, metavar="N", help="Token vectors of the word.")] = 2,
    objective: Annotated[
        Objective | None, typer.Option(help="What is compared with the clips (default: what measures best).")
    ] = None,
    fps: InputFps = None,
    unit: Unit = None,
    up: Up = None,
    rig_map: RigMap = None,
    strict: Strict = False,
    base: Base = None,
    seed: Seed = 0,
    license: License = None,
    source: Source = "",
    author: Author = "",
    description: Description = "",
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write this file; with --each, files into this folder (default: into the library).",
        ),
    ] = None,
    replace: Replace = False,
    device: Device = "auto",
    as_json: Json = False,
) -> dict[str, Any]:
    """Learn a new word from 1 to 30 clips.

    All clips show the same action, style or person. They may be BVH, FBX or glTF files of any humanoid rig, AMASS
    or SMPL .npz files, or arrays of joints; `lead-invert check` says how they are read. The result is a small file in
    the library, where `generate` finds it when a prompt names it; -o writes a file of your choice instead. What a clip
    shows is recognized, or read from --captions, captions.jsonl in the clips' folder, or a .txt beside each clip.
    Ctrl-C keeps the best word so far; after a crash the same command goes on where it was.

    With --each, folders that fail do not stop the others, and words that are there already are not learned again; when
    it was stopped, the same command goes on, and a launcher's processes share the folders.

    \b
    lead-invert learn takes/ --token "<elderly>" --kind style
    lead-invert learn kick1.bvh kick2.bvh --token "<spin-kick>" --kind action --init "kicks"
    lead-invert learn takes/ --token "<limp>" --license "CC BY 4.0" --source "Studio X" --author "Zoë"
    lead-invert learn takes/ --token "<ann>" --kind persona --quality best -o ann.safetensors
    lead-invert learn styles/ --each --jobs 2 --quality fast
    """
    from concepts.library import Library
    from concepts.text import check_token, token_slug

    if each:
        if token or init or captions:
            raise UsageError(
                "--token, --init and --captions are of one word; with --each a word is called as its folder is, and "
                "captions lie in the folders."
            )
        flags = {
            "kind": kind.value, "quality": quality.value, "steps": steps, "vectors": vectors,
            "objective": objective and objective.value, "fps": fps, "unit": unit and unit.value, "up": up and up.value,
            "rig-map": rig_map, "base": base, "seed": seed, "license": license, "source": source, "author": author,
            "description": description, "device": Ranks.found().device(device),
        }  # fmt: skip
        return learn_each(clips, flags, ["--strict"] if strict else [], jobs, output, replace, as_json)
    if jobs > 1:
        raise UsageError("--jobs is for --each, which learns several words; one word is learned by one process.")
    if not token:
        raise UsageError('give the new word a name with --token "<name>", or learn one from each folder with --each.')
    check_token(token)
    library = None if output else Library()
    target = _concept_path(output, token_slug(token)) if output else Library().path(token)
    if library and not replace:
        library.refuse_taken(token)
    check_writable(target.parent, "LEAD_CONCEPTS" if library else "--output")
    refuse_more(clips, MOST_CLIPS, _CHOOSE)
    paths, motions = read_clips(clips, warn, reading_of(fps, unit, up, rig_map), strict)
    said = read_captions(paths, captions)
    credits = stated_credits(license, source, author, description, ask=not as_json)
    model = load_base(base, device)
    named = set(paths) if strict else {place for place in clips if place.is_file()}
    encoded, assessment = _assessed(model, paths, motions, kind.value, said, named)
    paths = [path for path, clip in zip(paths, assessment.clips, strict=True) if not clip.unusable]
    if not as_json:
        say(_overview(assessment, bool(said)))

    started = time.perf_counter()
    given = {"steps": steps, "objective": objective and objective.value}
    settings: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    settings |= {"init": init, "kind": kind.value, "quality": quality.value, "vectors": vectors, "seed": seed}
    settings["checkpoint"] = target.with_name(f".{target.stem}.partial")
    target.parent.mkdir(parents=True, exist_ok=True)
    _refuse_unwritable(target)
    with library.reserved(token) if library else _reserved(target):
        concept, asked = _learned(model, encoded, token, settings)
        concept, seconds = credited(concept, credits), time.perf_counter() - started
        _save(concept, target, library, replace)
    report = None
    if quality is not Quality.fast:
        report, concept = _reported(model, concept, encoded)
        _save(concept, target, library, replace=True)
    size = len(concept.to_bytes())
    if not as_json:
        made = f"{concept.steps} of {asked}"
        rows = [(target, token, kind.value, len(encoded.clips), made, f"{seconds:.1f}", f"{size / 1024:.0f}")]
        table(rows, ("file", "token", "kind", "clips", "steps", "seconds", "KB"))
        for sentence in report.sentences if report else ():
            say(sentence)
        say(terms(concept))
        place = f" --concept {target}" if output else ""
        say(f'Try: lead-invert generate "{_example_prompt(kind, token)}"{place}')
    return {
        "file": str(target),
        "token": token,
        "kind": kind.value,
        "quality": quality.value,
        "clips": [str(path) for path in paths],
        "assessment": dataclasses.asdict(assessment) | {"known": assessment.known},
        "steps": concept.steps,
        "steps_asked": asked,
        "license": concept.license,
        "report": report and dataclasses.asdict(report),
        "seconds": round(seconds, 3),
        "bytes": size,
    }


def _assessed(
    model: "Lead", paths: list[Path], motions: "list[Motion]", kind: Any, captions: list[str] | None, named: set[Path]
) -> "tuple[EncodedClips, Assessment]":
    """The clips that can be used, and what is known of them all; problems and hints are said.

    An unusable clip is an error where it was named, or where none is left; in a folder it is passed over.
    """
    from inversion.assess import assess
    from inversion.encoded_clips import encode_clips

    with working("looking at the clips"):
        encoded = encode_clips(model, motions, captions, keep_short=True)
        assessment = assess(model, encoded, kind)
    kept = []
    for row, (path, clip) in enumerate(zip(paths, assessment.clips, strict=True)):
        if not clip.unusable:
            kept.append(row)
        elif path in named:
            raise UsageError(f"{path}: {clip.unusable}. Leave it out, or give another take.")
        else:
            warn(f"passed over {path}: {clip.unusable}")
        for problem in () if clip.unusable else clip.problems:
            warn(f"{path}: {problem}")
    if not kept:
        raise UsageError(f"none of {counted(len(paths), 'clip')} can be used; the reasons stand above.")
    for text in assessment.hints:
        hint(text)
    return encoded.select(kept), assessment


def _overview(assessment: "Assessment", captioned: bool) -> str:
    """`5 clips, 71.2 s in all; most like: walks forward`."""
    good = [clip for clip in assessment.clips if not clip.unusable]
    actions = ", ".join(dict.fromkeys(clip.action for clip in good))
    seconds = sum(clip.seconds for clip in good)
    return f"{counted(len(good), 'clip')}, {seconds:.1f} s in all; {'showing' if captioned else 'most like'}: {actions}"


def _learned(
    model: "Lead", encoded: "EncodedClips", token: str, settings: dict[str, Any]
) -> "tuple[Concept, int]":
    """`inversion.learn` with progress, and of how many steps; before the first step Ctrl-C keeps nothing."""
    from inversion import learn as learn_concept

    asked = 0
    with progress(f"learning {token} from {counted(len(encoded.clips), 'clip')}") as bar:

        def report(done: int, total: int, loss: float, score: float) -> None:
            nonlocal asked
            asked = total
            bar(done, total, loss, score)

        try:
            concept = learn_concept(model, encoded, token=token, progress=report, **settings)
        except RuntimeError as error:
            if "inline_container" not in str(error):  # torch's own words where it cannot write a file
                raise
            raise UsageError(f"{settings['checkpoint']} cannot be written: make room and try again.") from error
    if not concept.steps:
        raise KeyboardInterrupt
    return concept, asked or concept.steps


def _reserved(target: Path) -> AbstractContextManager[None]:
    """Nobody else learns into this file meanwhile."""
    from concepts.lock import locked

    return locked(target.with_name(f".{target.stem}.learning"), patience=0.0, keep=False, needed=False)


def _refuse_unwritable(place: Path) -> None:
    """Says before the search that nothing could be written beside `place` after it."""
    from concepts.container import write_bytes

    probe = place.with_name(f"{place.name}.probe")
    try:
        write_bytes(probe, bytes(_ROOM))
    except ValueError as error:
        raise UsageError(f"{place.parent}: {error} ({_ROOM >> 20} MB are needed).") from None
    probe.unlink()


def _reported(
    model: "Lead", concept: "Concept", encoded: "EncodedClips"
) -> "tuple[Report, Concept]":
    """What the word does, and the concept with the report's numbers among its scores."""
    from inversion.report import report

    with working(f"trying {concept.token}"):
        result = report(model, concept, encoded)
    return result, dataclasses.replace(concept, scores={**concept.scores, **result.scores})


def _concept_path(output: Path, name: str) -> Path:
    """The file of one's choice; refused before the work, not after it."""
    if output.suffix != ".safetensors" or output.is_dir():
        raise UsageError(f"--output {output}: expected a file name that ends in .safetensors, as {name}.safetensors.")
    return output


def _save(concept: "Concept", target: Path, library: "Library | None", replace: bool) -> None:
    """Into the library, or as the file of one's choice."""
    if library:
        library.add(concept, replace)
    else:
        concept.save(target)


def _example_prompt(kind: Kind, token: str) -> str:
    return f"a person does {token}" if kind is Kind.action else f"a person walks in {token} style"
