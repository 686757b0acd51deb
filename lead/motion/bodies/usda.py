"""A motion as a USD file of text (.usda): a Skeleton, a SkelAnimation and, on our 22 joints, the mannequin as a skin.

The joints' paths have only letters, digits and underscores, as USD asks for; `jointNames` has the names as they are.
Conventions: meters, Y up, a time code a frame from 0; matrices act on row vectors, as in USD. Nothing of ours reads it.
Source: Pixar, OpenUSD, the schema UsdSkel.
"""

import json
import os
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from jaxtyping import Float

from lead.motion.atomic import write_atomically
from lead.motion.bodies.mannequin import Mesh, mannequin
from lead.motion.formats.baked import BakedAnimation, turn_rotations
from lead.motion.formats.scene import make_names_unique

_NO_NAME = re.compile(r"[^A-Za-z0-9_]")


def write_usda(motion: BakedAnimation, path: str | os.PathLike[str], skin: bool = False) -> Path:
    """Write a USD file, atomically; with `skin`, for our own 22 joints, it has the mannequin."""
    return write_atomically(Path(path), format_usda(motion, skin).encode())


def format_usda(motion: BakedAnimation, skin: bool = False) -> str:
    """The text of a USD file."""
    joints = _format_list(json.dumps(path) for path in _list_paths(motion))
    names = _format_list(json.dumps(name, ensure_ascii=False) for name in motion.names)
    above = motion.parent_axes()
    translations = np.einsum("jba,fjb->fja", above, motion.translations)
    turns = np.roll(turn_rotations(motion.rotations, above, motion.axes), 1, axis=-1)
    rest = above.swapaxes(1, 2) @ motion.axes, np.einsum("jba,jb->ja", above, motion.rest)
    lines = [
        "#usda 1.0", "(", '    defaultPrim = "motion"', "    metersPerUnit = 1", '    upAxis = "Y"',
        "    startTimeCode = 0", f"    endTimeCode = {len(motion.rotations) - 1}",
        f"    timeCodesPerSecond = {motion.fps:.9g}", f"    framesPerSecond = {motion.fps:.9g}", ")", "",
        'def SkelRoot "motion"', "{",
        '    def Skeleton "skeleton" (', '        prepend apiSchemas = ["SkelBindingAPI"]', "    )", "    {",
        f"        uniform token[] joints = {joints}",
        f"        uniform token[] jointNames = {names}",
        f"        uniform matrix4d[] bindTransforms = {_format_matrices(motion.axes, motion.places_at_rest())}",
        f"        uniform matrix4d[] restTransforms = {_format_matrices(*rest)}",
        "        rel skel:animationSource = </motion/animation>", "    }", "",
        '    def SkelAnimation "animation"', "    {",
        f"        uniform token[] joints = {joints}",
        f"        quatf[] rotations.timeSamples = {{\n{_format_samples(turns)}        }}",
        f"        half3[] scales = {_format_list(['(1, 1, 1)'] * len(motion.names))}",
        f"        float3[] translations.timeSamples = {{\n{_format_samples(translations)}        }}", "    }",
        *(_list_mesh_lines(mannequin(motion.places_at_rest())) if skin else []), "}", "",
    ]  # fmt: skip
    return "\n".join(lines)


def _list_paths(motion: BakedAnimation) -> list[str]:
    """The joints' paths, from the root down, of names that USD allows."""
    names = make_names_unique([re.sub(r"^(?=\d)", "_", _NO_NAME.sub("_", name)) for name in motion.names])
    paths: list[str] = []
    for name, parent in zip(names, motion.parents, strict=True):
        paths.append(f"{paths[parent]}/{name}" if parent >= 0 else name)
    return paths


def _list_mesh_lines(mesh: Mesh) -> list[str]:
    indices, weights = mesh.joints.reshape(-1).tolist(), _format_numbers(mesh.weights.reshape(-1, 1))
    return [
        "", '    def Mesh "mannequin" (', '        prepend apiSchemas = ["SkelBindingAPI"]', "    )", "    {",
        f"        int[] faceVertexCounts = {[3] * len(mesh.triangles)}",
        f"        int[] faceVertexIndices = {mesh.triangles.reshape(-1).tolist()}",
        f"        point3f[] points = {_format_list(_format_rows(mesh.vertices))}",
        f"        normal3f[] normals = {_format_list(_format_rows(mesh.normals))} (",
        '            interpolation = "vertex"', "        )",
        '        uniform token subdivisionScheme = "none"',
        "        matrix4d primvars:skel:geomBindTransform = ( (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1) )",
        f"        int[] primvars:skel:jointIndices = {indices} (",
        '            elementSize = 4', '            interpolation = "vertex"', "        )",
        f"        float[] primvars:skel:jointWeights = {_format_list(weights)} (",
        '            elementSize = 4', '            interpolation = "vertex"', "        )",
        "        rel skel:skeleton = </motion/skeleton>", "    }",
    ]  # fmt: skip


def _format_samples(values: Float[np.ndarray, "frames joints width"]) -> str:
    """A line for each frame."""
    return "".join(f"            {frame}: {_format_list(_format_rows(rows))},\n" for frame, rows in enumerate(values))


def _format_matrices(turns: Float[np.ndarray, "joints 3 3"], places: Float[np.ndarray, "joints 3"]) -> str:
    matrices = np.tile(np.eye(4), (len(turns), 1, 1))
    matrices[:, :3, :3], matrices[:, 3, :3] = turns.swapaxes(1, 2), places
    return _format_list(f"( {', '.join(_format_rows(matrix))} )" for matrix in matrices)


def _format_rows(values: Float[np.ndarray, "rows width"]) -> list[str]:
    return [f"({row})" for row in _format_numbers(values)]


def _format_numbers(values: Float[np.ndarray, "rows width"]) -> list[str]:
    """The numbers of each row, with commas between them."""
    layout = ", ".join(["%.7g"] * values.shape[1])
    return [layout % tuple(row) for row in values.tolist()]


def _format_list(items: Iterable[str]) -> str:
    return f"[{', '.join(items)}]"
