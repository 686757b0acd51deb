"""`generate --timeline`: one motion of several segments, of any length, from a file or a line of text."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cli.command import JsonObject
from cli.console import count_noun, print_table, progress_bar, warn
from cli.errors import UsageError
from cli.jobs.read_constraints import check_constraints
from cli.options import ViewSwitches, check_unicode
from cli.prompt_record import record_prompts
from cli.write_outputs import write_motions

if TYPE_CHECKING:
    from concepts import ConceptTensors
    from lead import Lead, Motion
    from lead.control.constraints import Constraint
    from lead.control.timeline import Timeline
    from lead.motion import Rig

MOST_SECONDS_AT_ONCE = 3600.0
"""Of all motions of a command together, which are in memory at once."""


@dataclass(frozen=True)
class TimelineOptions:
    """How the motions of a timeline are generated, and written."""

    number: int
    seed: int
    steps: int | None
    guidance: float | None
    lock_feet: bool
    formats: Sequence[str]
    rig: "Rig | None"
    switches: ViewSwitches
    constraints: "Sequence[Constraint]" = ()


def read_timeline(text: str, number: int) -> "tuple[Timeline, str]":
    """The timeline of a .toml or .json file, or of a line of text, and its name: the file's, or the text.

    UsageError where it is none, or too long for so many motions at once.
    """
    from lead.control.timeline import SUFFIXES, Timeline
    from lead.errors import LeadError

    check_unicode(text, "--timeline")
    is_file = text.lower().endswith(SUFFIXES)
    try:
        timeline = Timeline.read(text) if is_file else Timeline.parse(text)
    except LeadError as error:
        raise UsageError(f"--timeline: {error}.") from None
    for prompt in timeline.prompts:
        check_unicode(prompt, "--timeline: a prompt")
    if number * timeline.seconds > MOST_SECONDS_AT_ONCE:
        asked = f"{number} motions of {timeline.seconds:g} s"
        raise UsageError(f"--timeline: {asked}; at most {MOST_SECONDS_AT_ONCE:g} s at once: give a smaller -n.")
    return timeline, Path(text).stem if is_file else timeline.to_text()


def generate_timelines(
    model: "Lead",
    timeline: "Timeline",
    words: "Mapping[str, ConceptTensors]",
    options: TimelineOptions,
    output: Path,
    name: str,
    quiet: bool = False,
) -> JsonObject:
    """Motions of the timeline, written under this name, with views; the seeds count up from the first motion's."""
    plan = model.plan_timeline(timeline)  # errors are told before any motion is made
    check_constraints(model, options.constraints, plan.frames, timeline.prompts)
    started = time.perf_counter()
    motions = [_generate(model, timeline, words, options, number) for number in range(options.number)]
    spent = time.perf_counter() - started
    for note in dict.fromkeys(note for motion in motions for note in motion.notes):
        warn(note)
    groups, views = write_motions(
        motions, [name] * len(motions), options.formats, output, options.seed, options.rig, switches=options.switches
    )
    record_prompts(output, [timeline.to_text()] * len(motions), groups, options.seed)
    if not quiet:
        _print(motions[0], len(timeline.segments), groups, views)
    marks = motions[0].marks[: len(timeline.segments)]
    segments = [{"prompt": mark.title, "start": mark.start, "end": mark.end} for mark in marks]
    return {
        "motions": [
            {"seconds": round(motion.seconds, 3), "files": [str(path) for path in group]}
            for motion, group in zip(motions, groups, strict=True)
        ],
        "segments": segments,
        "views": [str(path) for path in views],
        "seed": options.seed,
        "seconds": round(spent, 3),
    }


def _generate(
    model: "Lead", timeline: "Timeline", words: "Mapping[str, ConceptTensors]", options: TimelineOptions, number: int
) -> "Motion":
    """The motion of this number, from 0, with a progress bar."""
    name = f"generating {timeline.seconds:g} s of {count_noun(len(timeline.segments), 'segment')}"
    with progress_bar(name if options.number == 1 else f"{name}, {number + 1} of {options.number}") as progress:
        return model.generate_timeline(
            timeline.vary(number),
            words=words,
            seed=options.seed + number,
            steps=options.steps,
            guidance=options.guidance,
            clean_feet=options.lock_feet,
            progress=progress,
            constraints=options.constraints,
        )


def _print(motion: "Motion", segments: int, groups: Sequence[Sequence[Path]], views: Sequence[Path]) -> None:
    """When each segment is, and the files."""
    rows = [(mark.title, f"{mark.start:.1f}", f"{mark.end:.1f}") for mark in motion.marks[:segments]]
    print_table(rows, ("segment", "from", "to, s"))
    files = [(path, f"{motion.seconds:.1f}") for group in groups for path in group]
    print_table([*files, *((path, "") for path in views)], ("file", "seconds"))
