"""`generate` with a few prompts: their motions, all in memory, as files and in views that show them together."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cli.beside import choose_exemplars, generate_plain
from cli.command import JsonObject
from cli.console import count_noun, echo, print_table, progress_bar, spinner, warn
from cli.errors import UsageError
from cli.jobs.generate_options import FileOptions, MotionOptions, Sources, Views, ask_for_best, load_models, merge_words
from cli.jobs.keep_best import COLUMNS, NOTES, describe_unshown, keep_best, list_unshown, score_to_cells, score_to_json
from cli.jobs.make_loops import make_loops
from cli.jobs.read_constraints import ConstraintOptions, check_constraints, read_constraints
from cli.load_models import check_seconds
from cli.options import check_unicode, require_path
from cli.prompt_record import record_prompts
from cli.read_inputs import read_clips
from cli.unknown_prompts import find_notices, warn_of_each
from cli.write_outputs import DATA_FORMATS, VIEW_FORMATS, parse_formats, read_rig, write_motions

if TYPE_CHECKING:
    from concepts import Concept, ConceptTensors
    from lead import Lead, Motion
    from lead.control.constraints import Constraint
    from lead.ranking import Score

MOST_AT_ONCE = 1000
"""Motions without --prompts."""


@dataclass(frozen=True, eq=False)
class Written:
    """A motion and its files."""

    prompt: str
    motion: "Motion"
    number: int
    """Among the motions of its prompt, from 1."""
    files: Sequence[Path]
    score: "Score | None"
    """With --keep."""

    def to_json(self) -> JsonObject:
        """What --json has of it."""
        seconds, files = round(self.motion.seconds, 3), [str(path) for path in self.files]
        score = {"number": self.number, "score": score_to_json(self.score)} if self.score else {}
        return {"prompt": self.prompt, "seconds": seconds, "files": files, **score}


def generate_prompts(
    prompts: Sequence[str],
    options: MotionOptions,
    constraint_options: ConstraintOptions,
    files: FileOptions,
    sources: Sources,
    views_asked: Views,
    output: Path,
    as_json: bool,
) -> JsonObject:
    """The motions of a few prompts, all in memory, with views that show them together."""
    formats = parse_formats(files.formats or "bvh,png")
    rig = read_rig(files.rig, formats, files.rig_map)
    _check_number(prompts, options.number)
    place = views_asked.beside.beside
    clips = read_clips([require_path(place, "--beside")], warn)[1] if place else []
    constraints = read_constraints(constraint_options)
    model, concepts = load_models(prompts, sources, sources.device)
    check_seconds(model, options.seconds, longer='A timeline may be longer: --timeline "a person walks 30s".')
    check_constraints(model, constraints, model.count_frames(options.seconds), prompts)
    notices = find_notices(model, prompts, sources.strict)
    warn_of_each(notices)
    every = [prompt for prompt in prompts for _ in range(options.number)]
    started = time.perf_counter()
    words = merge_words(concepts)
    motions = _generate(model, every, words, options, constraints)
    spent = time.perf_counter() - started
    for note in dict.fromkeys(note for motion in motions for note in motion.notes):
        warn(note)
    kept, scores = _choose(model, motions, every, concepts, words, options)
    if options.loop or options.in_place:
        score_of = dict(zip(kept, scores, strict=True))
        motions, kept = make_loops(motions, every, kept, options.loop, options.in_place, rig.fps if rig else None)
        scores = [score_of[row] for row in kept]
    exemplars: Sequence[Motion] = ()
    plain: dict[int, Motion] = {}
    if any(form in VIEW_FORMATS for form in formats) and concepts:
        exemplars = choose_exemplars(
            concepts.values(), [every[row] for row in kept], [motions[row] for row in kept], clips
        )
        if views_asked.beside.plain:
            plain = generate_plain(
                concepts.values(), every, lambda prompt, place: _generate_one(model, prompt, options, place), kept
            )
    groups, views = write_motions(
        motions, every, formats, output, options.seed, rig, exemplars, plain, views_asked.switches, kept
    )
    written = [
        Written(every[row], motions[row], row % options.number + 1, group, score)
        for row, group, score in zip(kept, groups, scores, strict=True)
    ]
    record_prompts(output, [one.prompt for one in written], groups, options.seed)
    if not as_json:
        _print_files(written, views, formats)
    return {
        "motions": [one.to_json() for one in written],
        "views": [str(path) for path in views],
        "notices": [asdict(notice) for notice in notices],
        "seed": options.seed,
        "seconds": round(spent, 3),
    }


def _choose(
    model: "Lead",
    motions: "Sequence[Motion]",
    prompts: Sequence[str],
    concepts: "Mapping[Path, Concept]",
    words: "Mapping[str, ConceptTensors]",
    options: MotionOptions,
) -> "tuple[Sequence[int], Sequence[Score | None]]":
    """The places of the motions that are written, and their scores: without --keep all of them, not ranked."""
    best = ask_for_best(model, concepts, words, options)
    if best is None:
        return range(len(motions)), [None] * len(motions)
    with spinner(f"ranking {count_noun(len(motions), 'motion')}"):
        kept, scores = keep_best(best, motions, prompts)
    for prompt in list_unshown([prompts[row] for row in kept], scores):
        warn(describe_unshown(prompt, options.number))
    return kept, scores


def _generate(
    model: "Lead",
    prompts: Sequence[str],
    words: "Mapping[str, ConceptTensors]",
    options: MotionOptions,
    constraints: "Sequence[Constraint]" = (),
) -> "list[Motion]":
    """A motion for each prompt, with a progress bar."""
    with progress_bar(f"generating {count_noun(len(prompts), 'motion')}") as progress:
        return model.generate(
            prompts,
            seconds=options.seconds,
            words=words,
            seed=options.seed,
            steps=options.steps,
            guidance=options.guidance,
            clean_feet=options.lock_feet,
            batch=8 if constraints else 32,
            progress=progress,
            constraints=constraints,
        )


def _generate_one(model: "Lead", prompt: str, options: MotionOptions, place: int) -> "Motion":
    """The motion of a prompt without concepts, from the noise of a place."""
    return model.generate(
        [prompt],
        seconds=options.seconds,
        seed=options.seed,
        steps=options.steps,
        guidance=options.guidance,
        clean_feet=options.lock_feet,
        first=place,
    )[0]


def _check_number(prompts: Sequence[str], number: int) -> None:
    """UsageError for an empty prompt, and for more motions than are held in memory at once."""
    for prompt in prompts:
        check_unicode(prompt, "the prompt")
    if not all(map(str.strip, prompts)):
        raise UsageError('a prompt is empty; say what the person does, as "a person walks".')
    if len(prompts) * number > MOST_AT_ONCE:
        raise UsageError(
            f"{len(prompts) * number:,} motions, at most {MOST_AT_ONCE:,} at once. Put the prompts into a file, a line "
            "each, and give it with --prompts: that makes any number, in shards."
        )


def _print_files(written: Sequence[Written], views: Sequence[Path], formats: Sequence[str]) -> None:
    """A row for each file, with its score where the motions were ranked."""
    ranked = any(one.score for one in written)
    rows = [
        (path, one.prompt, f"{one.motion.seconds:.1f}", *(score_to_cells(one.score) if one.score else ()))
        for one in written
        for path in one.files
    ]
    columns = ("file", "prompt", "seconds", *(COLUMNS if ranked else ()))
    rows += [(path, "all of them", *[""] * (len(columns) - 2)) for path in views]
    print_table(rows, columns)
    if ranked:
        echo(NOTES)
    if not views:
        echo("For a picture add --format " + ",".join(form for form in formats if form in DATA_FORMATS) + ",png")
