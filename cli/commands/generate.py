"""`lead-invert generate`: motions from prompts, as files of any format; with --prompts any number, in shards."""

import math
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cli.atomic_folder import check_writable
from cli.command import JsonObject, command
from cli.errors import UsageError
from cli.jobs.generate_options import (
    BesideOptions,
    FileOptions,
    MotionOptions,
    Sources,
    Views,
    ask_for_best,
    load_models,
    merge_words,
)
from cli.jobs.generate_prompts import generate_prompts
from cli.jobs.keep_best import check_keep
from cli.jobs.prompts_file import read_jobs
from cli.jobs.ranks import Ranks
from cli.jobs.read_constraints import ConstraintOptions, read_constraints
from cli.options import BaseOptions, Device, Json, OutputFolder, ViewSwitches
from cli.unknown_prompts import find_notices, warn_of_all, warn_of_each
from cli.write_outputs import parse_formats, read_rig


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
    return generate_prompts(prompts or [], motion, constraints, files, sources, views, output, as_json)


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
    model, concepts = load_models(prompts, sources, device)
    notices = find_notices(model, prompts, sources.strict)
    warn_of_all(notices, len(prompts))
    rig_sha256 = hash_files(*filter(None, (files.rig, files.rig_map)))
    vectors = merge_words(concepts)
    best = ask_for_best(model, concepts, vectors, options)
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
    model, concepts = load_models(timeline.prompts, sources, sources.device)
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
    result = generate_timelines(model, timeline, merge_words(concepts), asked, output, name, quiet=as_json)
    return {**result, "notices": [asdict(notice) for notice in notices]}
