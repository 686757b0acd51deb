"""A motion as a binary FBX, written by Blender in a process of its own.

Blender is licensed under the GNU GPL 3, this package under Apache 2.0. So none of its modules imports Blender, which
is no part of it: it writes an NPZ of plain arrays, and starts a small script (`blender_fbx`) in the user's Blender, or
in a Python with the package bpy. What a program writes has not the program's license.
On our 22 joints the FBX has the mannequin as its skin; on a rig it has the rig's skeleton, with the joints' names and,
where the rig is from an FBX or glTF file, its axes, so that the animation fits the character that the rig is of.
Conventions: Y up, centimeters. The reverse is `lead.motion.formats.fbx`.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from lead.motion.atomic import write_atomically
from lead.motion.bodies.mannequin import Mesh, mannequin
from lead.motion.errors import MotionError
from lead.motion.formats.baked import BakedAnimation, turn_rotations

VARIABLE = "LEAD_BLENDER"
"""The environment variable that names the Blender to use."""
SCRIPT = Path(__file__).with_name("blender_fbx.py")
_APART = 1e-4
"""Meters by which a joint with keys of its translation is moved at rest if it is at the tip of its parent's bone."""
_TOP = "Armature"
"""What Blender calls the node above a skeleton."""
_UNIT = 100
"""Centimeters in a meter."""
_LINES = 3
"""Of what a failed Blender said, the lines that a message shows."""


def find_blender() -> list[str]:
    """The command that runs a script with Blender: this Python if it has bpy, or a Blender program.

    The program is what the variable LEAD_BLENDER names (a Blender, or another Python that has bpy), else `blender` on
    the path. Raises MotionError that says how to get Blender where there is none.
    """
    stated = os.environ.get(VARIABLE)
    if stated:
        program = shutil.which(stated)
        if program is None:
            raise MotionError(f"{VARIABLE}={stated}: no such program; name a Blender, or a Python that has bpy.")
        return _command_of(program)
    if importlib.util.find_spec("bpy") is not None:
        return _command_of(sys.executable)
    if program := shutil.which("blender"):
        return _command_of(program)
    raise MotionError(
        "fbx is written by Blender, which was not found: pip install 'lead-invert[fbx]' (the package bpy; that of "
        f"Blender 4.2 to 5.0 is for Python 3.11), or install Blender and name it in the variable {VARIABLE}. Blender "
        "is free, under the GNU GPL, and runs in a process of its own. bvh, glb, vrma and usd need nothing more."
    )


def write_fbx(motion: BakedAnimation, path: str | os.PathLike[str], title: str = "", skin: bool = False) -> Path:
    """Write an FBX, atomically; with `skin`, for our own 22 joints, it has the mannequin.

    Raises MotionError where Blender is missing or fails.
    """
    path, command = Path(path), find_blender()
    mesh = mannequin(motion.places_at_rest()) if skin else None
    if motion.names[0] == _TOP and len(motion.names) > 1 and motion.is_still(0):
        motion = motion.drop_root()  # Blender writes one of its own
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "motion.npz"), Path(folder, "motion.fbx")
        _write_arrays(_part_bones(motion.add_tips()), mesh, title or "motion", source)
        run = subprocess.run(
            [*command, str(source), str(target)], capture_output=True, text=True, errors="replace", check=False,
            env=_environment(command[0]),
        )  # fmt: skip
        if run.returncode or not target.is_file():
            said = " / ".join([line for line in run.stderr.splitlines() if line.strip()][-_LINES:])
            raise MotionError(f"{path}: Blender ({command[0]}) did not write it: {said or 'it gave no reason'}.")
        return write_atomically(path, target.read_bytes())


def _command_of(program: str) -> list[str]:
    """How a Blender, or a Python with bpy, runs the script; its arguments follow."""
    if Path(program).stem.lower().startswith("python"):
        return [program, "-P", str(SCRIPT)]
    options = ["--background", "--factory-startup", "--python-use-system-env", "--python-exit-code", "1"]
    return [program, *options, "--python", str(SCRIPT), "--"]


def _environment(program: str) -> dict[str, str]:
    """The variables of Blender's process: its Python does not search our packages, unless it is this one."""
    ours = () if program == sys.executable else ("PYTHONPATH", "PYTHONHOME")
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    return {**kept, "PYTHONHASHSEED": "0"}  # Blender numbers objects by the hashes of their names


def _part_bones(motion: BakedAnimation) -> BakedAnimation:
    """The motion with another rest of joints that move along their parents' bones (y), as hips do above a root.

    Where such a joint is at the tip of its parent's bone, Blender's readers connect the two and ignore its translation.
    """
    above = motion.parent_axes()
    sideways = np.abs(np.einsum("jba,jb->ja", above, motion.rest)[:, [0, 2]]).max(axis=1)
    move = motion.moving & (sideways < _APART) & (np.array(motion.parents) >= 0)
    return replace(motion, rest=motion.rest + _APART * move[:, None] * above[:, :, 2])


def _write_arrays(motion: BakedAnimation, mesh: Mesh | None, title: str, path: Path) -> None:
    """What the script reads: names, tree, rest; turns (w, x, y, z) and moves from there, in the joints' axes; the skin.

    With A a joint's axes, a rotation R becomes A^T R A, and a way w from its place at rest becomes A^T w.
    """
    rest = np.tile(np.eye(4), (len(motion.names), 1, 1))
    rest[:, :3, :3], rest[:, :3, 3] = motion.axes, motion.places_at_rest() * _UNIT
    moves = np.einsum("jba,fjb->fja", motion.axes, motion.translations - motion.rest)
    turns = turn_rotations(motion.rotations, motion.axes, motion.axes)
    arrays = {
        "names": np.array(motion.names), "parents": np.array(motion.parents), "rest": rest, "moving": motion.moving,
        "rotations": np.roll(turns, 1, axis=-1), "locations": moves * _UNIT, "fps": np.array(motion.fps),
        "title": np.array(title),
    }  # fmt: skip
    if mesh:
        arrays |= {"vertices": mesh.vertices * _UNIT, "triangles": mesh.triangles, "joints": mesh.joints}
        arrays["weights"] = mesh.weights
    np.savez(path, **arrays)
