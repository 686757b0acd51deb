"""`lead-invert process`: clips trimmed, looped, put in place, mirrored, sped up, each on its own rig.

Knows nothing of models. The steps are methods of `Motion`; here are their order, options and words.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.atomic_folder import atomic_folder, check_writable, name_anew
from cli.command import JsonObject, OptionGroup, command
from cli.console import count_noun, print_table, warn
from cli.errors import UsageError
from cli.options import InPlace, Json, Loop, OnRig, OutputFolder, ReadingOptions, ViewSwitches
from cli.read_inputs import MANY, Listing, count_files, file_progress, iterate_clips, list_clips, name_clip
from cli.write_outputs import (
    DATA_FORMATS,
    ON_RIGS,
    VIEW_FORMATS,
    Formats,
    Target,
    parse_formats,
    read_rig,
    tell_lost_rates,
    write_data,
    write_view,
)

if TYPE_CHECKING:
    from lead.motion import Motion, Rig
    from lead.motion.processing.loop import Cycle


@dataclass(frozen=True)
class Edits(OptionGroup):
    """What is done to a clip, in this order."""

    trim: Annotated[
        str | None,
        typer.Option(
            metavar="A:B", help="Keep the seconds from A to B; without A from the start, without B to the end."
        ),
    ] = None
    trim_still: Annotated[bool, typer.Option("--trim-still", help="Cut a quiet beginning and end away.")] = False
    speed: Annotated[
        float | None, typer.Option(metavar="X", help="X times as fast; feet that stand still do so after it.")
    ] = None
    rate: Annotated[
        float | None, typer.Option(metavar="FPS", help="Frames per second of the output (default: the clip's own).")
    ] = None
    mirror: Annotated[bool, typer.Option("--mirror", help="Exchange left and right.")] = False
    loop: Loop = False
    loop_at: Annotated[
        str | None, typer.Option(metavar="A:B", help="Make a loop of the clip's seconds from A to B instead.")
    ] = None
    in_place: InPlace = False
    cycles: Annotated[
        int, typer.Option(min=1, max=1000, metavar="N", help="Write the loop N times, one after another.")
    ] = 1
    root_motion: Annotated[
        bool,
        typer.Option(
            "--root-motion",
            help=f"In {', '.join(ON_RIGS)}, have a joint above the hips carry the path (the body stays as it is).",
        ),
    ] = False

    @property
    def loops(self) -> bool:
        """Whether the clip becomes a loop."""
        return self.loop or self.loop_at is not None


@dataclass(frozen=True, eq=False)
class Processed:
    """A clip after its steps."""

    motion: "Motion"
    steps: list[str] = field(default_factory=list)
    """What was done, in words."""
    tags: list[str] = field(default_factory=list)
    """The same, for the file's name."""
    cycle: JsonObject | None = None

    def then(self, motion: "Motion", step: str, tag: str) -> "Processed":
        """After one step more."""
        return replace(self, motion=motion, steps=[*self.steps, step], tags=[*self.tags, tag])


@dataclass(frozen=True, eq=False)
class Written:
    """A processed clip and its files."""

    source: Path
    done: Processed
    files: Sequence[Path]

    def to_json(self) -> JsonObject:
        """What --json has of it."""
        motion = self.done.motion
        return {
            "from": str(self.source), "files": [str(file) for file in self.files], "steps": self.done.steps,
            "frames": len(motion.joints), "fps": motion.fps, "seconds": round(motion.seconds, 3),
            "cycle": self.done.cycle, "notes": list(motion.notes),
        }  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """What every clip becomes."""

    edits: Edits
    formats: Sequence[str]
    rig: "Rig | None"
    """The skeleton of the files of ON_RIGS; None for the clip's own."""
    switches: ViewSwitches


@command
def process(
    places: Annotated[list[Path], typer.Argument(metavar="IN...", help="Motion files and folders of them.")],
    edits: Edits = Edits(),
    rig: OnRig = None,
    formats: Formats = "bvh,png",
    output: OutputFolder = Path("out"),
    switches: ViewSwitches = ViewSwitches(),
    reading: ReadingOptions = ReadingOptions(),
    as_json: Json = False,
) -> JsonObject:
    """Make clips ready for a game: trim, speed up, resample, mirror, loop, put in place; in this order.

    No model is needed. A BVH is written on the clip's own rig, with the rotations that it had where a step does not
    change the body. Times are the clip's own seconds. A loop has one frame more than it lasts: its last frame is the
    first of the next cycle. A clip without a cycle is an error; in a folder it is skipped with a warning. Views show
    each clip above what became of it. Names say what was done; where other files have them, new ones get a number.

    \b
    lead-invert process walk.bvh --loop --in-place
    lead-invert process walk.bvh --loop --root-motion --rate 30
    lead-invert process wave.bvh --loop-at 1.2:2.4 --cycles 10 --format html
    lead-invert process takes/ --trim-still --speed 1.5 --format bvh,glb
    lead-invert process kick.bvh --trim 0.5:3.2 --mirror --rig my-character.bvh
    """
    wanted = parse_formats(formats)
    _check_edits(edits, rig, wanted)
    check_writable(output)
    target = read_rig(rig, wanted, reading.rig_map)
    if target and edits.rate is None:
        edits = replace(edits, rate=target.fps)
    clips = _process_clips(list_clips(places), reading, Settings(edits, wanted, target, switches), output)
    tell_lost_rates(wanted, (one.done.motion.fps for one in clips))
    if not as_json:
        rows = [
            (file, one.source.name, f"{one.done.motion.seconds:.2f}", "; ".join(one.done.steps))
            for one in clips
            for file in one.files
        ]
        print_table(rows, ("file", "from", "seconds", "steps"))
    return {"clips": [one.to_json() for one in clips]}


def edit_clip(clip: "Motion", edits: Edits) -> Processed:
    """The clip after all steps. Raises MotionError where a step cannot be done with it."""
    done, start, speed = Processed(clip), 0.0, edits.speed or 1.0
    if edits.trim is not None:
        since, until = parse_span(edits.trim, "--trim")
        start = since or 0.0
        done = done.then(done.motion.trim(since, until), f"trimmed to {edits.trim} s", "trim")
    if edits.trim_still:
        moves = done.motion.find_movement()
        start += moves[0]
        step = f"moves from {start:.2f} to {start + moves[1] - moves[0]:.2f} s"
        done = done.then(done.motion.trim(*moves), step, "trim")
    if edits.speed is not None:
        done = done.then(done.motion.change_speed(speed), f"{speed:g} times as fast", f"x{speed:g}".replace(".", "_"))
    if edits.rate is not None and edits.rate != done.motion.fps:
        done = done.then(done.motion.change_rate(edits.rate), f"{edits.rate:g} fps", f"{edits.rate:g}fps")
    if edits.mirror:
        done = done.then(done.motion.mirror(), "mirrored", "mirror")
    if edits.loops:
        done = _loop(done, clip, edits, start, speed)
    if edits.in_place:
        done = done.then(done.motion.in_place(), "in place", "in-place")
    if edits.cycles > 1:
        done = done.then(done.motion.repeat(edits.cycles), f"{edits.cycles} cycles", f"{edits.cycles}cycles")
    if edits.root_motion:
        done = done.then(done.motion.carry_on_root(), "path on a root joint", "root-motion")
    return done


def _loop(done: Processed, clip: "Motion", edits: Edits, start: float, speed: float) -> Processed:
    """The motion as a loop. `start` and `speed` take its times to those of the clip."""
    from lead.motion.processing.loop import measure_seam

    motion = done.motion
    if edits.loop_at is not None:
        since, until = parse_span(edits.loop_at, "--loop-at")
        end = clip.seconds if until is None else until
        if end > clip.seconds:
            clip.measure_cycle(since or 0.0, end)  # raises, and says it in the clip's own seconds
        last = (len(motion.joints) - 1) / motion.fps
        cycle = motion.measure_cycle((since or 0.0) / speed, min(end / speed, last))
        if not cycle.is_good:
            warn(f"{motion.name}: the ends of --loop-at {edits.loop_at} are {_describe_gap(cycle)} apart: see the seam")
    else:
        cycle = motion.find_cycle()
        cycle.require_good(motion.fps)
    looped = motion.loop(cycle)
    seam = measure_seam(looped.joints, looped.fps)
    begin, end = (start + speed * frame / motion.fps for frame in (cycle.first, cycle.last))
    seconds = cycle.frames / motion.fps
    step = f"loop of {seconds:.2f} s ({begin:.2f} to {end:.2f} s, ends {_describe_gap(cycle)} apart)"
    figures: JsonObject = {
        "start": round(begin, 4), "end": round(end, 4), "seconds": round(seconds, 4), "gap": round(cycle.gap, 5),
        "velocity_gap": round(cycle.velocity_gap, 5), "openness": round(cycle.openness, 4),
        "seam": {name: round(value, 5) for name, value in asdict(seam).items()},
    }  # fmt: skip
    return replace(done.then(looped, step, "loop"), cycle=figures)


def _describe_gap(cycle: "Cycle") -> str:
    return f"{100 * cycle.gap:.1f} cm and {cycle.velocity_gap:.2f} m/s"


def _process_clips(listing: Listing, reading: ReadingOptions, settings: Settings, output: Path) -> list[Written]:
    """The files of each clip, one clip after the other: all of them, or none."""
    from lead.motion.errors import MotionError

    named = {path for place, files in listing for path in files if not place.is_dir()}
    clips: list[Written] = []
    failed: list[str] = []
    stems: dict[str, Path] = {}
    quiet = count_files(listing) >= MANY
    with atomic_folder(output) as folder:
        with file_progress("processing", listing) as progress:
            for path, clip in iterate_clips(listing, warn, reading, least=1, progress=progress):
                try:
                    done = edit_clip(clip, settings.edits)
                except MotionError as error:
                    if path in named or reading.strict:
                        raise UsageError(f"{name_clip(path, clip)}: {error}") from None
                    failed.append(f"{name_clip(path, clip)}: {error}")
                    warn(f"skipped {failed[-1]}")
                    continue
                stem = "-".join([clip.name, *done.tags])
                if (other := stems.setdefault(stem, path)) != path:
                    raise UsageError(f"{path} and {other} would both be written as {stem}; use different folders.")
                clips.append(Written(path, done, _write(clip, done, folder / stem, settings, quiet)))
        if not clips:
            more = f" ({count_noun(len(failed) - 1, 'other clip')} neither)" if len(failed) > 1 else ""
            raise UsageError(f"no clip that can be processed. {failed[0]}{more}")
        names = name_anew(folder, output)
    return [replace(one, files=[output / names[file.name] for file in one.files]) for one in clips]


def _write(clip: "Motion", done: Processed, stem: Path, settings: Settings, quiet: bool) -> list[Path]:
    """A motion in every format, data before views, which show it below the clip that it came from."""
    data = [form for form in settings.formats if form in DATA_FORMATS]
    views = [form for form in settings.formats if form in VIEW_FORMATS]
    target = _find_target(done.motion, settings)
    written = [write_data(done.motion, stem, form, target) for form in data]
    shown, titles = [clip, done.motion], [clip.name, ", ".join(done.steps) or stem.name]
    return written + [write_view(shown, titles, stem, form, quiet, settings.switches) for form in views]


def _find_target(motion: "Motion", settings: Settings) -> Target:
    """The skeleton of files on rigs, at the motion's rate: the one that was asked for, else the motion's own."""
    if settings.rig is None:
        return Target(motion.rig)
    from lead.motion.rigs.root_motion import carry_on_root

    rig = replace(settings.rig, fps=motion.fps, recorded=None)
    return Target(carry_on_root(rig) if settings.edits.root_motion else rig)


def parse_span(text: str, option: str) -> tuple[float | None, float | None]:
    """`A:B` to two times in seconds, None for one that is left out; UsageError for anything else."""
    parts = text.split(":")
    try:
        start, end = (float(part) if part.strip() else None for part in parts)
    except ValueError:
        start = end = None
    times = [time for time in (start, end) if time is not None]
    if not times or not all(math.isfinite(time) and time >= 0 for time in times) or times != sorted(set(times)):
        raise UsageError(
            f"{option} {text}: expected two times in seconds, the first one earlier, as 0.5:3.2, 0.5: or :3.2."
        )
    return start, end


def _check_edits(edits: Edits, rig: Path | None, formats: Sequence[str]) -> None:
    """UsageError for options that contradict each other, and where there is nothing to do; before any clip is read."""
    for name, value in (("--trim", edits.trim), ("--loop-at", edits.loop_at)):
        if value is not None:
            parse_span(value, name)
    for name, number in (("--speed", edits.speed), ("--rate", edits.rate)):
        if number is not None and not (math.isfinite(number) and number > 0):
            raise UsageError(f"{name} {number}: expected a number above 0.")
    if edits.loop and edits.loop_at is not None:
        raise UsageError("--loop finds the best cycle and --loop-at states it; give one of them.")
    if edits.loop_at is not None and (edits.trim is not None or edits.trim_still):
        raise UsageError("--loop-at says which part is kept, and so does --trim or --trim-still; give one of them.")
    if edits.in_place and edits.root_motion:
        raise UsageError("--in-place takes the path out and --root-motion keeps it on a joint; give one of them.")
    if edits.root_motion and not set(ON_RIGS) & set(formats):
        raise UsageError(f"--root-motion is for {', '.join(ON_RIGS)} files: add one to the formats, or leave it out.")
    if edits == Edits() and rig is None:
        raise UsageError(
            "nothing to do: give a step, as --loop, --in-place or --trim 0.5:3.2 (see --help); `lead-invert convert` "
            "changes formats alone."
        )
