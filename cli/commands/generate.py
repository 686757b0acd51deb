"""`lead-invert generate`: motions from prompts, as files of any format; with --prompts any number, in shards."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.atomic_folder import check_writable
from cli.beside import choose_exemplars, generate_plain
from cli.command import JsonObject, OptionGroup, command
from cli.console import count_noun, echo, print_table, progress_bar, spinner, warn
from cli.errors import UsageError
from cli.jobs.keep_best import (
    COLUMNS,
    NOTES,
    BestOf,
    check_keep,
    describe_unshown,
    keep_best,
    list_unshown,
    make_rank,
    score_to_cells,
    score_to_json,
)
from cli.jobs.make_loops import make_loops
from cli.jobs.prompts_file import read_jobs
from cli.jobs.ranks import Ranks
from cli.jobs.read_constraints import ConstraintOptions, check_constraints, read_constraints
from cli.load_models import check_base, check_seconds, load_base, load_concepts_for
from cli.options import (
    BaseOptions,
    Device,
    InPlace,
    Json,
    Loop,
    OnRig,
    OutputFolder,
    RigMap,
    Seed,
    ViewSwitches,
    check_unicode,
    require_path,
)
from cli.prompt_record import record_prompts
from cli.read_inputs import read_clips
from cli.unknown_prompts import find_notices, warn_of_all, warn_of_each
from cli.write_outputs import DATA_FORMATS, VIEW_FORMATS, parse_formats, read_rig, write_motions

if TYPE_CHECKING:
    from concepts import Concept, ConceptTensors
    from lead import Lead, Motion
    from lead.control.constraints import Constraint
    from lead.ranking import Score

MOST_AT_ONCE = 1000
"""Motions without --prompts."""


@dataclass(frozen=True)
class MotionOptions(OptionGroup):
    """How motions are generated, for all prompts."""

    number: Annotated[int, typer.Option("-n", "--number", min=1, metavar="N", help="Motions for each prompt.")] = 1
    keep: Annotated[
        int | None,
        typer.Option(min=1, metavar="K", help="Of the motions for each prompt, rank them and write the K best only."),
    ] = None
    seconds: Annotated[float, typer.Option(metavar="S", help="Length of each motion.")] = 4.0
    steps: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Sampling steps (default: the base model's own).")
    ] = None
    guidance: Annotated[
        float | None,
        typer.Option(metavar="G", help="How strictly to follow the prompt (default: the base model's own)."),
    ] = None
    seed: Seed = 0
    lock_feet: Annotated[
        bool, typer.Option("--foot-lock/--no-foot-lock", help="Keep standing feet from sliding; the legs follow by IK.")
    ] = True
    loop: Loop = False
    in_place: InPlace = False


@dataclass(frozen=True)
class FileOptions(OptionGroup):
    """What the motions are written as, and on which skeleton."""

    rig: OnRig = None
    rig_map: RigMap = None
    formats: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="LIST",
            help=f"Any of {','.join(DATA_FORMATS)} (data), {','.join(VIEW_FORMATS)} (views; not with --prompts). "
            "Default: bvh,png; bvh with --prompts.",
        ),
    ] = None


@dataclass(frozen=True)
class BesideOptions(OptionGroup):
    """What views show beside the motions of concepts."""

    beside: Annotated[
        Path | None,
        typer.Option(
            metavar="PLACE",
            help="Clips, as those a word was learned from: views show the nearest one to the motions "
            "(default: the exemplar in the concept's file).",
        ),
    ] = None
    plain: Annotated[
        bool, typer.Option("--plain/--no-plain", help="Views also show the same seed without the learned words.")
    ] = True


@dataclass(frozen=True)
class Sources:
    """What motions are generated with."""

    concept_files: Sequence[Path]
    """Those given with --concept."""
    base: BaseOptions
    device: str
    strict: bool
    """Whether a prompt that is outside of what the base was trained on is an error."""


@dataclass(frozen=True)
class Views:
    """What views show."""

    beside: BesideOptions
    switches: ViewSwitches


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


@command
def generate(
    prompts: Annotated[
        list[str] | None, typer.Argument(metavar="PROMPT", help="What the person does. May contain learned words.")
    ] = None,
    prompts_file: Annotated[
        Path | None,
        typer.Option(
            "--prompts",
            metavar="FILE",
            help="A file with many prompts: one a line, or JSON lines with prompt, seconds, seed.",
        ),
    ] = None,
    timeline: Annotated[
        str | None,
        typer.Option(
            "--timeline",
            metavar="FILE|TEXT",
            help="One motion of several prompts in time: a .toml or .json file of segments, or a text as in "
            '"a person walks 4s, then sits down 3s".',
        ),
    ] = None,
    concept: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="A concept file; repeat for more (default: words from the library)."),
    ] = None,
    motion: MotionOptions = MotionOptions(),
    constraints: ConstraintOptions = ConstraintOptions(),
    files: FileOptions = FileOptions(),
    beside: BesideOptions = BesideOptions(),
    switches: ViewSwitches = ViewSwitches(),
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at a prompt that is outside of what the base was trained on.")
    ] = False,
    base: BaseOptions = BaseOptions(),
    output: OutputFolder = Path("out"),
    device: Device = "auto",
    as_json: Json = False,
) -> JsonObject:
    """Generate motions from prompts.

    With --keep the motions of each prompt are ranked: by what their joints show of the prompt, the text, the concept's
    exemplar, sliding feet and smoothness. The best are written, with their scores; a file's name says which of all
    motions it is.

    A word in angle brackets is a concept's token. Concepts come from the files given with --concept, else from the
    library. Each motion becomes a file of each data format; prompts.jsonl says the prompt of each file. Views (a
    contact sheet, a page that plays, a video) show all motions together, beside an exemplar of each concept and the
    same seed without the concept. A prompt that is outside of what the base was trained on gets a warning;
    `lead-invert vocabulary` lists what the base can do.

    With --timeline a person does one thing after the other in one motion of any length. Segments are joined while they
    are generated, so each begins where the one before it ends.

    With --prompts the motions go into shards: folders of 64, each with an index.jsonl. After a stop, run
    the same command again: it resumes. The processes of a launcher share the work.

    \b
    lead-invert generate "a person waves"
    lead-invert generate "a person walks in <elderly> style" -n 4
    lead-invert generate "a person walks and then sits down" -n 16 --keep 3
    lead-invert generate "a person does <spin-kick>" --concept spin-kick.safetensors --rig my-character.bvh
    lead-invert generate "a person walks" --seconds 6 --format bvh,html --output results
    lead-invert generate "a person runs" --loop --in-place
    lead-invert generate --timeline "a person walks 4s, then sits down 3s, then stands up 3s" --format bvh,html
    lead-invert generate --timeline story.toml --rig my-character.bvh
    lead-invert generate "a person walks" --path "0,0 2,0 2,2" --seconds 5
    lead-invert generate "a person sits down" --start walk.bvh:120 --end sit.bvh:0
    lead-invert generate --prompts prompts.txt -n 10 --format npz --output many
    accelerate launch --multi_gpu --num_processes 2 --no_python lead-invert generate --prompts prompts.txt
    """
    for name, value in (("--seconds", motion.seconds), ("--guidance", motion.guidance or 0.0)):
        if not math.isfinite(value):
            raise UsageError(f"{name} {value}: expected a number, as 4.0.")
    if bool(prompts) + bool(prompts_file) + (timeline is not None) != 1:
        raise UsageError('give either prompts, as "a person walks", a file of prompts with --prompts, or --timeline.')
    check_keep(motion.keep, motion.number)
    check_writable(output)
    sources = Sources(concept or [], base, device, strict)
    if prompts_file and constraints.given:
        raise UsageError("--prompts: constraints (--start, --end, --keyframe, --path, --reach) are not for files.")
    if motion.in_place and constraints.path is not None:
        raise UsageError("--in-place takes the path out and --path asks for one; give one of them.")
    if timeline is not None:
        views = Views(beside, switches)
        return _generate_timeline(timeline, motion, constraints, files, sources, views, output, as_json)
    if prompts_file:
        return _generate_file(prompts_file, motion, files, sources, output, as_json)
    views = Views(beside, switches)
    return _generate_prompts(prompts or [], motion, constraints, files, sources, views, output, as_json)


def _generate_prompts(
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
    model, concepts = _load(prompts, sources, sources.device)
    check_seconds(model, options.seconds)
    check_constraints(model, constraints, model.count_frames(options.seconds), prompts)
    notices = find_notices(model, prompts, sources.strict)
    warn_of_each(notices)
    every = [prompt for prompt in prompts for _ in range(options.number)]
    started = time.perf_counter()
    words = _merge_words(concepts)
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
    best = _best_of(model, concepts, words, options)
    if best is None:
        return range(len(motions)), [None] * len(motions)
    with spinner(f"ranking {count_noun(len(motions), 'motion')}"):
        kept, scores = keep_best(best, motions, prompts)
    for prompt in list_unshown([prompts[row] for row in kept], scores):
        warn(describe_unshown(prompt, options.number))
    return kept, scores


def _best_of(
    model: "Lead", concepts: "Mapping[Path, Concept]", words: "Mapping[str, ConceptTensors]", options: MotionOptions
) -> BestOf | None:
    """What --keep asks for; None without it."""
    if options.keep is None:
        return None
    return BestOf(options.number, options.keep, make_rank(model, list(concepts.values()), words))


def _generate_file(
    prompts_file: Path, options: MotionOptions, files: FileOptions, sources: Sources, output: Path, as_json: bool
) -> JsonObject:
    """The motions of a file of prompts, in shards."""
    from cli.jobs.generate_batch import Settings, Word, check_data_formats, generate_batch, hash_files, print_summary

    if options.loop or options.in_place:
        raise UsageError("--loop and --in-place are not for --prompts; use `lead-invert process` on its motions.")
    formats = parse_formats(files.formats or "bvh")
    check_data_formats(formats)
    rig = read_rig(files.rig, formats, files.rig_map)
    jobs = read_jobs(prompts_file, options.number, options.seconds, options.seed)
    device = Ranks.from_environment().device(sources.device)
    prompts = list(dict.fromkeys(job.prompt for job in jobs))
    model, concepts = _load(prompts, sources, device)
    notices = find_notices(model, prompts, sources.strict)
    warn_of_all(notices, len(prompts))
    rig_sha256 = hash_files(*filter(None, (files.rig, files.rig_map)))
    vectors = _merge_words(concepts)
    best = _best_of(model, concepts, vectors, options)
    kept = best.name if best else None
    settings = Settings(
        model.fingerprints, options.steps, options.guidance, options.lock_feet, formats, rig_sha256, kept
    )
    words = {one.token: Word(vectors[one.token], hash_files(path)) for path, one in concepts.items()}
    said = {notice.prompt: notice.message for notice in notices}
    summary = generate_batch(model, jobs, words, settings, output, rig, said, best)
    if not as_json:
        print_summary(summary)
    return {**asdict(summary), "notices": [asdict(notice) for notice in notices]}


def _generate_timeline(
    text: str,
    options: MotionOptions,
    constraint_options: ConstraintOptions,
    files: FileOptions,
    sources: Sources,
    views: Views,
    output: Path,
    as_json: bool,
) -> JsonObject:
    """One motion of several prompts in time, or several variations of it."""
    from cli.jobs.generate_timeline import TimelineOptions, generate_timelines, read_timeline

    if options.seconds != MotionOptions.seconds:
        raise UsageError("--seconds: a timeline says how long each of its segments is; leave it out.")
    if options.loop or options.in_place:
        raise UsageError("--loop and --in-place are for one prompt; use `lead-invert process` on a timeline's motion.")
    if options.keep or views.beside.beside:
        option = "--keep ranks motions of one prompt" if options.keep else "--beside shows clips beside one prompt"
        raise UsageError(f"{option}, a timeline has several; leave it out.")
    (timeline, name), formats = read_timeline(text, options.number), parse_formats(files.formats or "bvh,png")
    rig = read_rig(files.rig, formats, files.rig_map)
    constraints = read_constraints(constraint_options)
    model, concepts = _load(timeline.prompts, sources, sources.device)
    notices = find_notices(model, timeline.prompts, sources.strict)
    warn_of_each(notices)
    asked = TimelineOptions(
        options.number,
        options.seed,
        options.steps,
        options.guidance,
        options.lock_feet,
        formats,
        rig,
        views.switches,
        constraints,
    )
    result = generate_timelines(model, timeline, _merge_words(concepts), asked, output, name, quiet=as_json)
    return {**result, "notices": [asdict(notice) for notice in notices]}


def _load(prompts: Sequence[str], sources: Sources, device: str) -> "tuple[Lead, dict[Path, Concept]]":
    """The base model, and the concepts that were given or that the prompts name, as this base can use them."""
    concepts = load_concepts_for(prompts, sources.concept_files)
    model, allow_mismatch = load_base(sources.base.base, device), sources.base.allow_base_mismatch
    return model, {path: check_base(concept, path, model, allow_mismatch) for path, concept in concepts.items()}


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


def _merge_words(concepts: "Mapping[Path, Concept]") -> "dict[str, ConceptTensors]":
    """What the base takes as words, of all concepts; UsageError where two have the same token."""
    tokens: set[str] = set()
    for path, concept in concepts.items():
        if concept.token in tokens:
            raise UsageError(f"{path}: another --concept has the token {concept.token} too; give one of them.")
        tokens.add(concept.token)
    return {token: word for concept in concepts.values() for token, word in concept.words.items()}


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
