"""`lead-invert learn`: look at clips, learn a concept from them, and report what it does.

Ctrl-C ends the search and keeps the best concept so far. While the search runs, its state lies beside the result, so
that after a crash the same command resumes.
"""

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.atomic_folder import check_writable
from cli.command import JsonObject, command
from cli.console import count_noun, echo, hint, print_table, progress_bar, spinner, warn
from cli.credits import CreditOptions, describe_license
from cli.destination import Destination, refuse_existing
from cli.errors import UsageError
from cli.jobs.learn_each import learn_each
from cli.jobs.learn_one import MOST_CLIPS, Learned, LearnOptions, check_init, learn_and_save, save_report, word_action
from cli.jobs.ranks import Ranks
from cli.load_models import load_base, usual_prompt
from cli.options import Base, Device, Json, ReadingOptions, Replace, Seed
from cli.read_inputs import check_clip_count, read_captions, read_clips
from concepts.kinds import Kind
from lead.data.caption_files import LISTING
from lead.motion.suffixes import READS

if TYPE_CHECKING:
    from concepts.provenance import Credits
    from inversion.assess import AssessedClip, Assessment
    from inversion.encoded_clips import EncodedClips
    from lead import Lead, Motion


_CHOOSE = (
    "A word is learned from 1 to 30 clips that show one action, style or person. Name them, as takes/limp-*.bvh, or "
    "put the clips of each word into its own folder and use --each. `lead-invert check` says which can be read."
)


@command
def learn(
    clips: Annotated[
        list[Path], typer.Argument(metavar="DIR_OR_FILES", help=f"Clips ({', '.join(READS)}), or folders of them.")
    ],
    token: Annotated[
        str | None, typer.Option(metavar='"<NAME>"', help="The new word, in angle brackets and quotes.")
    ] = None,
    each: Annotated[
        bool,
        typer.Option("--each", help="Learn one word from each folder inside DIR; the folder's name becomes the word."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the options, show what the clips are taken for, and learn nothing.")
    ] = False,
    draft_captions: Annotated[
        bool,
        typer.Option(
            "--draft-captions",
            help="Write the captions of .txt files beside the clips, else what the clips are taken for, into "
            "captions.jsonl beside them (or the file of --captions), for you to correct, and learn nothing.",
        ),
    ] = False,
    jobs: Annotated[int, typer.Option(min=1, metavar="N", help="With --each: number of words learned at a time.")] = 1,
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
            help="Write this file, or into this folder (default: the library).",
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
    beside each clip. A table says what each clip is taken for, how sure that is, what it may be instead, and what is
    cut. Where it is wrong, correct the file of --draft-captions. Ctrl-C keeps the best concept so far. After a crash,
    run the same command again: it resumes.

    With --each, a folder that fails does not stop the others. Words that exist already are not learned again. After a
    stop, run the same command again: it resumes. The processes of a launcher (accelerate, torchrun) share the folders.

    \b
    lead-invert learn takes/ --token "<elderly>" --kind style
    lead-invert learn takes/ --dry-run
    lead-invert learn takes/ --draft-captions
    lead-invert learn kick1.bvh kick2.bvh --token "<spin-kick>" --kind action --init "kicks"
    lead-invert learn takes/ --token "<limp>" --license "CC BY 4.0" --source "Studio X" --author "Zoë"
    lead-invert learn takes/ --token "<ann>" --kind persona --quality best -o ann.safetensors
    lead-invert learn styles/ --each --jobs 2 --quality fast
    """
    from concepts import check_token

    if each:
        _check_each(token, options, dry_run or draft_captions)
        common = [*options.to_arguments(), *reading.to_arguments(), *credits.to_arguments(), "--seed", str(seed)]
        common += ["--device", Ranks.from_environment().device(device), *(["--base", str(base)] if base else [])]
        return learn_each(clips, common, jobs, output, replace, as_json)
    if jobs > 1:
        raise UsageError("--jobs needs --each. One process learns one word; leave --jobs out.")
    check_init(options.init, hint)
    destination = Destination.choose(token, output, replace or draft_captions) if token and check_token(token) else None
    if destination:
        destination.check_writable()
    if dry_run or draft_captions:
        return _look(clips, draft_captions, replace, options, reading, base, device, as_json)
    if destination is None:
        raise UsageError(
            'the new word has no name. Give it one with --token "<name>", or name words after folders with --each.'
        )
    check_clip_count(clips, MOST_CLIPS, _CHOOSE)
    paths, motions = read_clips(clips, warn, reading, most=MOST_CLIPS)
    captions = read_captions(paths, options.captions)
    stated = credits.to_credits(ask=not as_json)
    model = load_base(base, device)
    named = set(paths) if reading.strict else {place for place in clips if place.is_file()}
    encoded, assessment = _assess(model, paths, motions, captions, options.kind, named)
    paths = [path for path, clip in zip(paths, assessment.clips, strict=True) if not clip.unusable]
    if not as_json:
        _print_clips(assessment, bool(captions))
    learned = _learn(model, encoded, destination, options, seed, stated)
    if not as_json:
        _print_result(learned, destination, len(paths), options.kind)
    return _to_json(learned, destination, paths, assessment, options)


def _check_each(token: str | None, options: LearnOptions, look: bool) -> None:
    """UsageError for options that only one concept can have."""
    if look:
        raise UsageError("--dry-run and --draft-captions are for the clips of one word. Leave out --each.")
    if token or options.init or options.captions:
        raise UsageError(
            "--token, --init and --captions are for one word, and --each learns several. Leave them out: a word gets "
            "its folder's name, and captions are read from the folder."
        )


def _assess(
    model: "Lead",
    paths: Sequence[Path],
    motions: "Sequence[Motion]",
    captions: Sequence[str] | None,
    kind: Kind,
    named: set[Path],
) -> "tuple[EncodedClips, Assessment]":
    """The usable clips, encoded, and the assessment of all clips. Prints problems and hints.

    An unusable clip is an error if it was named, or if no usable clip is left. In a folder it is skipped.
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
            warn(f"skipped {path}: {clip.unusable}")
        for problem in () if clip.unusable else clip.problems:
            warn(f"{path}: {problem}")
    if not usable:
        raise UsageError(f"none of {count_noun(len(paths), 'clip')} can be used; see the reasons above.")
    for text in assessment.hints:
        hint(text)
    return encoded.select(usable), assessment


def _look(
    places: Sequence[Path],
    draft: bool,
    replace: bool,
    options: LearnOptions,
    reading: ReadingOptions,
    base: str | None,
    device: str,
    as_json: bool,
) -> JsonObject:
    """What the clips are taken for, shown; with `draft` also written as captions to correct."""
    check_clip_count(places, MOST_CLIPS, _CHOOSE)
    paths, motions = read_clips(places, warn, reading, most=MOST_CLIPS)
    listings = {path: options.captions or path.parent / LISTING for path in paths}
    for listing in set(listings.values()) if draft else ():
        refuse_existing(listing, "--draft-captions:", replace)
        check_writable(listing.parent, "--captions")
    captions = None if draft else read_captions(paths, options.captions)
    _, assessment = _assess(load_base(base, device), paths, motions, captions, options.kind, set())
    if not as_json:
        _print_clips(assessment, bool(captions))
    if draft:
        _write_drafts(listings, dict(zip(paths, assessment.clips, strict=True)), _say_nothing if as_json else echo)
    drafts = sorted({str(listing) for listing in listings.values()}) if draft else []
    return {"clips": list(map(str, paths)), "assessment": _assessment_to_json(assessment), "drafts": drafts}


def _write_drafts(
    listings: Mapping[Path, Path], clips: "Mapping[Path, AssessedClip]", say: Callable[[str], None]
) -> None:
    """Captions of clips, into each listing those of its clips: of a .txt beside a clip, else what it is taken for."""
    from inversion.templates import action_to_caption
    from lead.data.caption_files import CaptionRow, read_beside, write_listing

    beside = {path: read_beside(path) for path in clips}
    for listing in sorted(set(listings.values())):
        usable = {path: clip for path, clip in clips.items() if listings[path] == listing and not clip.unusable}
        found = {
            path: beside[path] or ((action_to_caption(clip.action),) if clip.known else ())
            for path, clip in usable.items()
        }
        rows = [CaptionRow(os.path.relpath(path, listing.parent), captions) for path, captions in found.items()]
        write_listing(listing, rows)
        count = sum(bool(beside[path]) for path in usable)
        taken = f" ({count} from .txt files beside the clips)" if count else ""
        say(f"{listing}: {count_noun(len(rows), 'caption')} to correct{taken}; `learn` reads them from there")
        if unknown := [path.name for path, captions in found.items() if not captions]:
            warn(f"{listing}: write the captions of {', '.join(unknown)} yourself; they are empty")


def _say_nothing(_: str) -> None:
    """With --json the object says it."""


def _print_clips(assessment: "Assessment", captioned: bool) -> None:
    """A row for each usable clip, and what they are in all."""
    good = [clip for clip in assessment.clips if not clip.unusable]
    rows = [(clip.name, *word_action(clip, captioned), f"{clip.seconds:.1f}", ", ".join(clip.cut)) for clip in good]
    print_table(rows, ("clip", "taken for", "sure", "or", "s", "cut"))
    shown = dict.fromkeys(clip.action for clip in good if clip.known)
    seconds = sum(clip.seconds for clip in good)
    what = f"showing: {', '.join(shown)}" if shown else "no action is recognized"
    echo(f"{count_noun(len(good), 'clip')}, {seconds:.1f} s in all; {what}")


def _learn(
    model: "Lead",
    encoded: "EncodedClips",
    destination: Destination,
    options: LearnOptions,
    seed: int,
    credits: "Credits",
) -> Learned:
    """Learns and saves a concept, tries it, and saves it again with the report's scores."""
    from inversion.report import report

    token = destination.token
    with progress_bar(f"learning {token} from {count_noun(len(encoded.clips), 'clip')}") as bar:
        learned = learn_and_save(model, encoded, destination, options, seed, credits, bar)
    if options.quality == "fast":
        return learned
    try:
        with spinner(f"trying {token}"):
            result = report(model, learned.concept, encoded)
    except KeyboardInterrupt:
        warn(f"stopped before the report; {token} is saved without it")
        return learned
    return save_report(learned, result, destination)


def _print_result(learned: Learned, destination: Destination, clips: int, kind: Kind) -> None:
    concept, token = learned.concept, destination.token
    steps, size = f"{concept.steps} of {learned.steps_asked}", len(concept.to_bytes())
    row = (destination.file, token, kind, clips, steps, f"{learned.seconds:.1f}", f"{size / 1024:.0f}")
    print_table([row], ("file", "token", "kind", "clips", "steps", "seconds", "KB"))
    for sentence in learned.report.sentences if learned.report else ():
        echo(sentence)
    echo(describe_license(concept))
    echo(destination.suggest_prompt(concept, "" if kind == "persona" else usual_prompt(concept)))


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
        "assessment": _assessment_to_json(assessment),
        "steps": concept.steps,
        "steps_asked": learned.steps_asked,
        "license": concept.license,
        "report": report and dataclasses.asdict(report),
        "seconds": learned.seconds,
        "bytes": len(concept.to_bytes()),
    }


def _assessment_to_json(assessment: "Assessment") -> JsonObject:
    return dataclasses.asdict(assessment) | {"known": assessment.known}
