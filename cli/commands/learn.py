"""`lead-invert learn`: look at clips, learn a concept from them, and report what it does.

Ctrl-C ends the search and keeps the best concept so far. While the search runs, its state lies beside the result, so
that after a crash the same command goes on where it was.
"""

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.command import JsonObject, OptionGroup, command
from cli.console import count_noun, echo, hint, print_table, progress_bar, spinner, warn
from cli.credits import CreditOptions, add_credits, describe_license
from cli.destination import Destination
from cli.errors import UsageError
from cli.jobs.learn_each import learn_each
from cli.jobs.ranks import Ranks
from cli.load_models import load_base
from cli.options import Base, Captions, Device, Json, ReadingOptions, Replace, Seed
from cli.read_inputs import check_clip_count, read_captions, read_clips
from concepts.kinds import Kind
from inversion.choices import MAX_VECTORS, Objective, Quality
from lead.motion.suffixes import READS

if TYPE_CHECKING:
    from concepts import Concept
    from concepts.provenance import Credits
    from inversion.assess import Assessment
    from inversion.encoded_clips import EncodedClips
    from inversion.report import Report
    from lead import Lead, Motion


MOST_CLIPS = 300
"""These take a gigabyte and, on two cores, a minute and more; a concept needs 1 to 30."""
_CHOOSE = (
    "A word is learned from 1 to 30 clips that show one action, style or person: name them, as takes/limp-*.bvh, or "
    "put those of each word into a folder of its own and use --each. `lead-invert check` says which can be read."
)


@dataclass(frozen=True)
class LearnOptions(OptionGroup):
    """What is learned, and how long the search is."""

    kind: Annotated[
        Kind,
        typer.Option(help="What the word stands for: a thing that is done, a way to do it, a person's way of moving."),
    ] = "style"
    quality: Annotated[
        Quality, typer.Option(help="How long to search: fast takes seconds and has no report at the end.")
    ] = "balanced"
    captions: Captions = None
    init: Annotated[str | None, typer.Option(metavar="TEXT", help="Known words that come near, to start from.")] = None
    steps: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Training steps (default: the quality's own).")
    ] = None
    vectors: Annotated[
        int, typer.Option(min=1, max=MAX_VECTORS, metavar="N", help="Token vectors of the word.")
    ] = 2
    objective: Annotated[
        Objective | None, typer.Option(help="What is compared with the clips (default: what measures best).")
    ] = None


@dataclass(frozen=True)
class Learned:
    """A concept that was learned and saved, and how."""

    concept: "Concept"
    steps_asked: int
    """Of which Ctrl-C may have left some out."""
    seconds: float
    """Of the search."""
    report: "Report | None"
    """None for quality "fast"."""


@command
def learn(
    clips: Annotated[
        list[Path], typer.Argument(metavar="DIR_OR_FILES", help=f"Clips ({', '.join(READS)}), or folders of them.")
    ],
    token: Annotated[
        str | None, typer.Option(metavar='"<NAME>"', help="The new word, in angle brackets and quotes.")
    ] = None,
    each: Annotated[
        bool, typer.Option("--each", help="A word from each folder inside DIR, called as the folder is.")
    ] = False,
    jobs: Annotated[int, typer.Option(min=1, metavar="N", help="With --each: words learned at a time.")] = 1,
    options: LearnOptions = LearnOptions(),
    reading: ReadingOptions = ReadingOptions(),
    base: Base = None,
    seed: Seed = 0,
    credits: CreditOptions = CreditOptions(),
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
) -> JsonObject:
    """Learn a new word from 1 to 30 clips.

    All clips show the same action, style or person. They may be BVH, FBX or glTF files of any humanoid rig, AMASS
    or SMPL .npz files, or arrays of joints; `lead-invert check` says how they are read. The result is a small concept
    file in the library, where `generate` finds it when a prompt names its token; -o writes a file of your choice
    instead. What a clip shows is recognized, or read from --captions, captions.jsonl in the clips' folder, or a .txt
    beside each clip. Ctrl-C keeps the best concept so far; after a crash the same command goes on where it was.

    With --each, a folder that fails does not stop the others, and words that are there already are not learned again.
    After a stop the same command goes on, and a launcher's processes share the folders.

    \b
    lead-invert learn takes/ --token "<elderly>" --kind style
    lead-invert learn kick1.bvh kick2.bvh --token "<spin-kick>" --kind action --init "kicks"
    lead-invert learn takes/ --token "<limp>" --license "CC BY 4.0" --source "Studio X" --author "Zoë"
    lead-invert learn takes/ --token "<ann>" --kind persona --quality best -o ann.safetensors
    lead-invert learn styles/ --each --jobs 2 --quality fast
    """
    from concepts import check_token

    if each:
        _check_each(token, options)
        common = [*options.to_arguments(), *reading.to_arguments(), *credits.to_arguments(), "--seed", str(seed)]
        common += ["--device", Ranks.from_environment().device(device), *(["--base", str(base)] if base else [])]
        return learn_each(clips, common, jobs, output, replace, as_json)
    if jobs > 1:
        raise UsageError("--jobs is for --each, which learns several words; one word is learned by one process.")
    if not token:
        raise UsageError('give the new word a name with --token "<name>", or learn one from each folder with --each.')
    destination = Destination.choose(check_token(token), output, replace)
    destination.check_writable()
    check_clip_count(clips, MOST_CLIPS, _CHOOSE)
    paths, motions = read_clips(clips, warn, reading)
    captions = read_captions(paths, options.captions)
    stated = credits.to_credits(ask=not as_json)
    model = load_base(base, device)
    named = set(paths) if reading.strict else {place for place in clips if place.is_file()}
    encoded, assessment = _assess(model, paths, motions, captions, options.kind, named)
    paths = [path for path, clip in zip(paths, assessment.clips, strict=True) if not clip.unusable]
    if not as_json:
        echo(_overview(assessment, bool(captions)))
    learned = _learn_and_save(model, encoded, destination, options, seed, stated)
    if not as_json:
        _print_result(learned, destination, len(paths), options.kind)
    return _to_json(learned, destination, paths, assessment, options)


def _check_each(token: str | None, options: LearnOptions) -> None:
    """UsageError for options that are of one concept."""
    if token or options.init or options.captions:
        raise UsageError(
            "--token, --init and --captions are of one word; with --each a word is called as its folder is, and "
            "captions lie in the folders."
        )


def _assess(
    model: "Lead",
    paths: Sequence[Path],
    motions: "Sequence[Motion]",
    captions: Sequence[str] | None,
    kind: Kind,
    named: set[Path],
) -> "tuple[EncodedClips, Assessment]":
    """The clips that can be used, and what is known of all; prints problems and hints.

    An unusable clip is an error where it was named, or where no other is left; in a folder it is passed over.
    """
    from inversion.assess import assess
    from inversion.encoded_clips import encode_clips

    with spinner("looking at the clips"):
        encoded = encode_clips(model, motions, captions, keep_short=True)
        assessment = assess(model, encoded, kind)
    usable = []
    for row, (path, clip) in enumerate(zip(paths, assessment.clips, strict=True)):
        if not clip.unusable:
            usable.append(row)
        elif path in named:
            raise UsageError(f"{path}: {clip.unusable}. Leave it out, or give another take.")
        else:
            warn(f"passed over {path}: {clip.unusable}")
        for problem in () if clip.unusable else clip.problems:
            warn(f"{path}: {problem}")
    if not usable:
        raise UsageError(f"none of {count_noun(len(paths), 'clip')} can be used; the reasons stand above.")
    for text in assessment.hints:
        hint(text)
    return encoded.select(usable), assessment


def _overview(assessment: "Assessment", captioned: bool) -> str:
    """`5 clips, 71.2 s in all; most like: walks forward`."""
    good = [clip for clip in assessment.clips if not clip.unusable]
    actions = ", ".join(dict.fromkeys(clip.action for clip in good))
    seconds = sum(clip.seconds for clip in good)
    like = "showing" if captioned else "most like"
    return f"{count_noun(len(good), 'clip')}, {seconds:.1f} s in all; {like}: {actions}"


def _learn_and_save(
    model: "Lead",
    encoded: "EncodedClips",
    destination: Destination,
    options: LearnOptions,
    seed: int,
    credits: "Credits",
) -> Learned:
    """Search, save the concept, try it, and save it again with the report's scores."""
    started = time.perf_counter()
    destination.prepare_folder()
    with destination.reserve():
        concept, steps_asked = _search(model, encoded, destination, options, seed)
        concept, seconds = add_credits(concept, credits), time.perf_counter() - started
        destination.save(concept)
    report = None
    if options.quality != "fast":
        report, concept = _report(model, concept, encoded)
        destination.save(concept, replace=True)
    return Learned(concept, steps_asked, round(seconds, 3), report)


def _search(
    model: "Lead", encoded: "EncodedClips", destination: Destination, options: LearnOptions, seed: int
) -> "tuple[Concept, int]":
    """`inversion.learn` with a progress bar, and its number of steps; Ctrl-C before the first step keeps nothing."""
    from inversion import learn as learn_concept

    checkpoint, steps_asked = destination.file.with_name(f".{destination.file.stem}.partial"), 0
    given: dict[str, Any] = {"steps": options.steps, "objective": options.objective}
    given = {name: value for name, value in given.items() if value is not None}
    token = destination.token
    with progress_bar(f"learning {token} from {count_noun(len(encoded.clips), 'clip')}") as bar:

        def advance(done: int, total: int, loss: float, score: float) -> None:
            nonlocal steps_asked
            steps_asked = total
            bar(done, total, loss, score)

        try:
            concept = learn_concept(
                model, encoded, token=token, init=options.init, kind=options.kind, quality=options.quality,
                vectors=options.vectors, seed=seed, checkpoint=checkpoint,
                progress=advance, **given,
            )  # fmt: skip
        except RuntimeError as error:
            if "inline_container" not in str(error):  # torch's message where it cannot write a file
                raise
            raise UsageError(f"{checkpoint} cannot be written: make room and try again.") from error
    if not concept.steps:
        raise KeyboardInterrupt
    return concept, steps_asked or concept.steps


def _report(model: "Lead", concept: "Concept", encoded: "EncodedClips") -> "tuple[Report, Concept]":
    """What the concept does, and the concept with the report's numbers among its scores."""
    from inversion.report import report

    with spinner(f"trying {concept.token}"):
        result = report(model, concept, encoded)
    return result, dataclasses.replace(concept, scores={**concept.scores, **result.scores})


def _print_result(learned: Learned, destination: Destination, clips: int, kind: Kind) -> None:
    concept, token = learned.concept, destination.token
    steps, size = f"{concept.steps} of {learned.steps_asked}", len(concept.to_bytes())
    row = (destination.file, token, kind, clips, steps, f"{learned.seconds:.1f}", f"{size / 1024:.0f}")
    print_table([row], ("file", "token", "kind", "clips", "steps", "seconds", "KB"))
    for sentence in learned.report.sentences if learned.report else ():
        echo(sentence)
    echo(describe_license(concept))
    prompt = f"a person does {token}" if kind == "action" else f"a person walks in {token} style"
    echo(destination.suggest_prompt(concept, prompt))


def _to_json(
    learned: Learned, destination: Destination, paths: Sequence[Path], assessment: "Assessment", options: LearnOptions
) -> JsonObject:
    concept, report = learned.concept, learned.report
    return {
        "file": str(destination.file),
        "token": destination.token,
        "kind": options.kind,
        "quality": options.quality,
        "clips": [str(path) for path in paths],
        "assessment": dataclasses.asdict(assessment) | {"known": assessment.known},
        "steps": concept.steps,
        "steps_asked": learned.steps_asked,
        "license": concept.license,
        "report": report and dataclasses.asdict(report),
        "seconds": learned.seconds,
        "bytes": len(concept.to_bytes()),
    }
