"""The constraints of `generate`: options and files to `lead.control.constraints`.

A pose is FILE:FRAME[:JOINTS][@X,Z[,HEADING]]: a whole number is a frame of the file, from 0 (-1 is the last), and
`2.5s` seconds of it. Times of the generated motion are in seconds. Knows nothing of how constraints are met.
"""

import csv
import json
import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.command import OptionGroup
from cli.errors import UsageError, shorten_option
from cli.options import require_file
from cli.read_inputs import read_clip
from lead.errors import LeadError, show_value

if TYPE_CHECKING:
    from lead import Lead
    from lead.control.constraints import Constraint, JointTarget, PathConstraint, Place, PoseConstraint
    from lead.motion import Motion

LARGEST_FILE = 1_000_000
"""Bytes of a file of waypoints."""
MOST = 100
"""Keyframes, and targets."""
FILES = (".toml", ".json", ".csv")
FIELDS = ("x", "z", "heading", "seconds")
"""Of a waypoint in a file; the last two may be left out."""
_POSE = re.compile(
    r"(?P<file>.+?):(?P<frame>-?\d{1,9}|\d{1,9}(\.\d*)?s)(:(?P<joints>[a-z0-9_,]+))?(@(?P<place>[-+\d.,eE]+))?",
    re.DOTALL,
)


@dataclass(frozen=True)
class ConstraintOptions(OptionGroup):
    """What the motions have to meet. Not with --prompts."""

    start: Annotated[
        str | None,
        typer.Option(
            metavar="FILE:FRAME", help="The first pose: a frame of a clip, from 0, or seconds: walk.bvh:1.5s."
        ),
    ] = None
    end: Annotated[
        str | None,
        typer.Option(
            metavar="FILE:FRAME",
            help="The last pose; with @X,Z or @X,Z,HEADING it stands at that place, else anywhere.",
        ),
    ] = None
    keyframe: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TIME=FILE:FRAME",
            help="A pose at a time in seconds, as 2.5=pose.bvh:30; with :left_arm only those joints. Repeat for more.",
        ),
    ] = None
    path: Annotated[
        str | None,
        typer.Option(
            metavar="WAYPOINTS",
            help='Where the person goes: "0,0 2,0 2,2" (x,z in meters; x,z,heading@seconds), or a .toml, .json, .csv.',
        ),
    ] = None
    reach: Annotated[
        list[str] | None,
        typer.Option(
            metavar="JOINT@TIME=X,Y,Z",
            help="A place for a hand, a foot or the pelvis, as right_hand@1.5=0.3,1.4,0.4. Repeat for more.",
        ),
    ] = None

    @property
    def given(self) -> bool:
        return any((self.start, self.end, self.keyframe, self.path, self.reach))


def read_constraints(options: ConstraintOptions) -> "list[Constraint]":
    """The constraints that the options ask for, with the poses of their files.

    Raises UsageError, LeadError or MotionError that says which option is wrong, what was found and what is expected.
    """
    keyframes, reaches = options.keyframe or [], options.reach or []
    for name, values in (("--keyframe", keyframes), ("--reach", reaches)):
        if len(values) > MOST:
            raise UsageError(f"{name}: found {len(values)}, at most {MOST} can be given.")
    clips: dict[Path, Motion] = {}
    constraints: list[Constraint] = []
    if options.start is not None:
        start = _read_pose("--start", options.start, options.start, 0.0, clips)
        constraints.append(stand_at_start(start, follows_path=options.path is not None))
    if options.end is not None:
        constraints.append(_read_pose("--end", options.end, options.end, None, clips))
    for text in keyframes:
        time, equals, pose = text.partition("=")
        if not equals:
            raise UsageError(f"--keyframe {text}: found no '='; expected TIME=FILE:FRAME, as 2.5=pose.bvh:30.")
        constraints.append(_read_pose("--keyframe", text, pose, _to_seconds("--keyframe", text, time), clips))
    if options.path is not None:
        constraints.append(_read_path(options.path))
    return constraints + [_parse_target(text) for text in reaches]


def check_constraints(model: "Lead", constraints: "Sequence[Constraint]", frames: int, prompts: Sequence[str]) -> None:
    """LeadError for times and places that motions of so many frames cannot meet, before any is made."""
    from lead.control.reach import limit_to_body

    if constraints:
        limit_to_body(constraints, frames, model.skeleton.fps, prompts)


def stand_at_start(start: "PoseConstraint", follows_path: bool) -> "PoseConstraint":
    """A start pose that has no place stands where motions begin, unless a path says where."""
    from lead.control.constraints import Place, put_at

    if start.placed or follows_path:
        return start
    return replace(start, pose=put_at(start.pose, Place(0.0, 0.0)), placed=True)


def _read_pose(
    option: str, given: str, text: str, seconds: float | None, clips: "dict[Path, Motion]"
) -> "PoseConstraint":
    from lead.control.constraints import PoseConstraint, find_joints

    found = _POSE.fullmatch(text)
    if not found:
        raise UsageError(
            f"{option} {given}: expected FILE:FRAME[:JOINTS][@X,Z[,HEADING]], as walk.bvh:120, walk.bvh:1.5s, "
            "walk.bvh:120:left_arm or walk.bvh:-1@2,0,90 (a frame from 0, or seconds with an s)."
        )
    path, name = Path(found["file"]), f"{option} {given}"
    if path not in clips:
        clips[path] = read_pose_clip(path, option)
    clip, frame = clips[path], found["frame"]
    number = round(float(frame[:-1]) * clip.fps) if frame.endswith("s") else int(frame)
    try:
        joints = find_joints(found["joints"].split(",")) if found["joints"] else tuple(range(22))
    except LeadError as error:
        raise UsageError(f"{name}: {error}.") from None
    place = _parse_place(name, found["place"]) if found["place"] else None
    return PoseConstraint.from_motion(clip, number, seconds, joints=joints, place=place, name=name)


def read_pose_clip(path: Path, option: str) -> "Motion":
    """A clip with all its frames, also those of a T-pose at its start, so that frames have the file's numbers."""
    from lead.motion import ReadOptions

    return read_clip(require_file(path, option, "a motion file"), ReadOptions(trim=False), least=1).forget_rotations()


def _parse_place(name: str, text: str) -> "Place":
    from lead.control.constraints import Place

    numbers = _to_numbers(name, text)
    if len(numbers) not in (2, 3):
        raise UsageError(f"{name}: found a place of {len(numbers)} numbers; expected X,Z or X,Z,HEADING after the @.")
    try:
        return Place(*numbers)
    except LeadError as error:
        raise UsageError(f"{name}: {error}.") from None


def _parse_target(text: str) -> "JointTarget":
    from lead.control.constraints import TARGET_JOINTS, JointTarget

    found = re.fullmatch(r"([^@=]+)@([^@=]+)=([^@=]+)", text)
    if not found:
        raise UsageError(f"--reach {text}: expected JOINT@TIME=X,Y,Z, as right_hand@1.5=0.3,1.4,0.4.")
    joint, time, place = found.groups()
    if joint not in TARGET_JOINTS:
        raise UsageError(f"--reach {text}: there is no {joint!r} to send; expected one of {', '.join(TARGET_JOINTS)}.")
    numbers = _to_numbers(f"--reach {text}", place)
    if len(numbers) != 3:
        raise UsageError(f"--reach {text}: found {len(numbers)} numbers as a place; expected X,Y,Z in meters.")
    x, y, z = numbers
    return JointTarget(TARGET_JOINTS[joint], _to_seconds("--reach", text, time), (x, y, z), f"--reach {text}")


def _read_path(text: str) -> "PathConstraint":
    """A path from a file if the text names one, else from the text itself."""
    if Path(text).suffix.lower() in FILES:
        return _to_path(_read_waypoints(require_file(Path(text), "--path", "a file of waypoints")), f"--path {text}")
    waypoints, given = [], shorten_option(text)
    for word in text.split():
        place, at, time = word.partition("@")
        numbers = _to_numbers(f"--path {given}", place)
        if len(numbers) not in (2, 3):
            raise UsageError(
                f"--path {given}: {show_value(word)} has {len(numbers)} numbers; expected X,Z or X,Z,HEADING, and "
                '@SECONDS, as "0,0 2,0@2.5 2,2", or a file ending in .toml, .json or .csv.'
            )
        waypoint = dict(zip(FIELDS, numbers, strict=False))
        waypoints.append(waypoint | ({"seconds": _to_seconds("--path", given, time)} if at else {}))
    return _to_path(waypoints, f"--path {given}")


def _read_waypoints(path: Path) -> list[dict[str, float]]:
    """The rows of a file: `[[waypoints]]` in TOML, a list of objects in JSON, a header and rows in CSV."""
    expected = (
        "[[waypoints]] with x, z and maybe heading, seconds (TOML); a list of such objects (JSON); or a header "
        "x,z,heading,seconds and rows (CSV)"
    )
    if path.stat().st_size > LARGEST_FILE:
        raise UsageError(f"{path}: {path.stat().st_size:,} bytes, at most {LARGEST_FILE:,} are read as waypoints.")
    from lead.control.timeline import read_pairs

    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix.lower() == ".csv":
            reader = csv.DictReader(text.splitlines(), skipinitialspace=True)
            rows: Any = list(reader)
            columns = reader.fieldnames or ()
            if twice := [name for name in columns if list(columns).count(name) > 1]:
                raise ValueError(f"the column {twice[0]!r} stands twice")
        else:
            rows = (
                tomllib.loads(text)
                if path.suffix.lower() == ".toml"
                else json.loads(text, object_pairs_hook=read_pairs)
            )
            if isinstance(rows, dict):
                if others := sorted(set(rows) - {"waypoints"}):
                    raise ValueError(f"{others[0]!r} beside the waypoints is not known")
                rows = rows.get("waypoints")
    except (ValueError, RecursionError, csv.Error) as error:
        raise UsageError(f"{path}: cannot be read ({error!s:.200}); expected {expected}.") from None
    if not isinstance(rows, list) or not rows:
        raise UsageError(f"{path}: found no waypoints; expected {expected}.")
    return [_to_waypoint(f"{path}: waypoint {number}", row, expected) for number, row in enumerate(rows, start=1)]


def _to_waypoint(name: str, row: object, expected: str) -> dict[str, float]:
    if not isinstance(row, Mapping) or not {"x", "z"} <= set(row) <= {*FIELDS}:
        raise UsageError(f"{name}: found {show_value(row)}; expected {expected}.")
    waypoint = {}
    for field, value in row.items():
        if value in ("", None) and field in FIELDS[2:]:
            continue
        try:
            if isinstance(value, bool) or not isinstance(value, int | float | str):
                raise ValueError
            waypoint[field] = float(value)
            if not math.isfinite(waypoint[field]):
                raise ValueError
        except (ValueError, OverflowError):
            raise UsageError(f"{name}: found {show_value(value)} as {field}; expected a number.") from None
    return waypoint


def _to_path(waypoints: Sequence[Mapping[str, float]], name: str) -> "PathConstraint":
    import numpy as np

    from lead.control.constraints import PathConstraint

    points = np.array([[one["x"], one["z"]] for one in waypoints]).reshape(-1, 2)
    times = tuple(one.get("seconds") for one in waypoints)
    headings = tuple(one.get("heading") for one in waypoints)
    return PathConstraint(points, times, headings, name)


def _to_seconds(option: str, given: str, text: str) -> float:
    try:
        return float(text.removesuffix("s"))
    except ValueError:
        raise UsageError(f"{option} {given}: found {show_value(text)} as a time; expected seconds, as 2.5.") from None


def _to_numbers(name: str, text: str) -> list[float]:
    """Numbers with commas between them."""
    try:
        return [float(word) for word in text.split(",")]
    except ValueError:
        raise UsageError(
            f"{name}: found {show_value(text)}; expected numbers with commas between them, as 0.3,1.4."
        ) from None
