"""Rig maps: TOML files that say which joint of a rig is which of ours, read and drafted.

A line for each of our joints that is named: `left_hip = "LThighBone"`; an empty name says that the rig has none.
"""

import json
import tomllib
from pathlib import Path

from lead.motion.errors import MotionError
from lead.motion.formats.bvh import Bvh
from lead.motion.read_options import ReadOptions
from lead.motion.rigs.match import match
from lead.motion.rigs.match_names import missing_joints, path_up
from lead.motion.rigs.rig import read_rig
from lead.motion.skeleton import JOINTS

MAX_BYTES = 1 << 16


def read_rig_map(path: Path) -> dict[str, str]:
    """A rig map from TOML: a line `left_hip = "LThighBone"` for each of our joints that it knows."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise MotionError(f"{path}: larger than {MAX_BYTES} bytes; expected a rig map of a few lines.")
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MotionError(f"{path}: cannot be read: {error.strerror or error}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MotionError(f'{path}: not a TOML file ({error}); expected lines as left_hip = "LThighBone".') from None
    wrong = [joint for joint, name in table.items() if not isinstance(name, str)]
    if wrong:
        raise MotionError(f'{path}: {wrong[0]!r} is no text; expected lines as left_hip = "LThighBone".')
    try:
        ReadOptions(rig_map=table)
    except MotionError as error:
        raise MotionError(f"{path}: {error}") from None
    return table


def draft_rig_map(bvh: Bvh, reading: ReadOptions = ReadOptions()) -> str:
    """A rig map for this skeleton with what could be matched, the rest to be filled in, and all its joints."""
    try:
        rig, _ = read_rig(bvh, reading)
        found = {
            ours: rig.names[node] for ours, node in zip(JOINTS, rig.nodes, strict=True) if 0 <= node < len(rig.names)
        }
        missing = []
    except MotionError:
        matched, _ = match(bvh, reading.rig_map or {})
        found, missing = {ours: bvh.names[joint] for ours, joint in matched.items()}, missing_joints(matched)
    lines = [
        "# Which joint of the rig is which of ours. Correct what is wrong; joints without a line are found or built."
    ]
    for ours in JOINTS:
        if ours in found:
            lines.append(f"{ours} = {_quoted(found[ours])}")
        else:
            lines.append(f'{"" if ours in missing else "# "}{ours} = ""' + ("  # needed" if ours in missing else ""))
    lines += ["", "# The rig's joints:"]
    depths = [len(path_up(joint, bvh.parents)) for joint in range(len(bvh.names))]
    lines += [f"# {'  ' * depth}{_quoted(name)}" for name, depth in zip(bvh.names, depths, strict=True)]
    return "\n".join(lines) + "\n"


def _quoted(name: str) -> str:
    """A TOML string."""
    return json.dumps(name, ensure_ascii=False).replace("\x7f", "\\u007f")
