"""Rig maps: TOML files that say which joint of a rig is which of ours, read and drafted.

Each line names one joint: `left_hip = "LThighBone"`. An empty name says that the rig has no such joint.
"""

import json
import tomllib
from pathlib import Path

from lead.motion.errors import MotionError, name_file_in_errors
from lead.motion.formats.bvh import Bvh
from lead.motion.formats.joint_tree import path_to_root
from lead.motion.read_options import ReadOptions
from lead.motion.rigs.match import match_joints
from lead.motion.rigs.match_names import list_missing_joints
from lead.motion.rigs.rig import read_rig
from lead.motion.skeleton import JOINTS

MAX_BYTES = 1 << 16


def read_rig_map(path: Path) -> dict[str, str]:
    """Our joint's name -> the rig's, from a TOML file; raises MotionError naming the file and what is wrong with it."""
    with name_file_in_errors(path):
        if path.stat().st_size > MAX_BYTES:
            raise MotionError(f"larger than {MAX_BYTES} bytes; expected a rig map of a few lines.")
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:  # ValueError: no TOML, no UTF-8, or an integer of 4,300 digits
            raise MotionError(f'not a TOML file ({error}); expected lines as left_hip = "LThighBone".') from None
        wrong = [joint for joint, name in table.items() if not isinstance(name, str)]
        if wrong:
            raise MotionError(f'{wrong[0]!r} is no text; expected lines as left_hip = "LThighBone".')
        ReadOptions(rig_map=table)
        return table


def draft_rig_map(bvh: Bvh, options: ReadOptions = ReadOptions()) -> str:
    """A rig map for this skeleton: what could be matched, lines to fill in for the rest, and all its joints."""
    found, missing = _match_drafted(bvh, options)
    lines = [
        "# Which joint of the rig is which of ours. Correct what is wrong; joints without a line are found or built."
    ]
    for ours in JOINTS:
        if ours in found:
            lines.append(f"{ours} = {_format_string(found[ours])}")
        else:
            lines.append(f'{"" if ours in missing else "# "}{ours} = ""' + ("  # needed" if ours in missing else ""))
    lines += ["", "# The rig's joints:"]
    depths = [len(path_to_root(joint, bvh.parents)) for joint in range(len(bvh.names))]
    lines += [f"# {'  ' * depth}{_format_string(name)}" for name, depth in zip(bvh.names, depths, strict=True)]
    return "\n".join(lines) + "\n"


def _match_drafted(bvh: Bvh, options: ReadOptions) -> tuple[dict[str, str], list[str]]:
    """Our joint's name -> the rig's, as far as they are found, and our joints that are needed and missing."""
    try:
        rig, _ = read_rig(bvh, options)
    except MotionError:
        matched, _ = match_joints(bvh, options.rig_map or {})
        return {ours: bvh.names[joint] for ours, joint in matched.items()}, list_missing_joints(matched)
    nodes = zip(JOINTS, rig.nodes, strict=True)
    return {ours: rig.names[node] for ours, node in nodes if 0 <= node < len(rig.names)}, []


def _format_string(name: str) -> str:
    """A TOML string."""
    return json.dumps(name, ensure_ascii=False).replace("\x7f", "\\u007f")
