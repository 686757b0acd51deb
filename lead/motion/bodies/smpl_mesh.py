"""Meshes of the SMPL family from a model file that the user has: a frame's body, or a trail of poses.

The model's own 22 joints at rest take the motion (`amass.joints_to_smpl`): the body keeps its proportions, betas are
zero. smplx's skinning makes the vertices. Only what the `.npz` files of SMPL, SMPL-H and SMPL-X have in common is read,
and nothing is ever unpickled.
Needs the extra `smplx` (smplx and trimesh, imported only here). The models and smplx have licenses of their own.
Conventions: meters, Y up.
"""

import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int

from lead.motion.atomic import write_atomically
from lead.motion.bodies.amass import joints_to_smpl
from lead.motion.errors import MotionError
from lead.motion.motion_like import MotionLike
from lead.motion.read import DAMAGED_ZIP, read_array, within
from lead.motion.skeleton import PARENTS

if TYPE_CHECKING:
    from trimesh import Scene, Trimesh

WRITES = (".obj", ".ply", ".glb")
"""The suffixes that `save_mesh` writes."""
_KEYS = ("v_template", "f", "weights", "posedirs", "J_regressor", "kintree_table")
_FIRST, _LAST = np.array([176, 190, 206, 255]), np.array([214, 132, 74, 255])
"""Colors of a trail's ends (RGBA)."""


@dataclass(frozen=True, eq=False)
class Body:
    """A body model with its mean shape."""

    vertices: Float[np.ndarray, "vertices 3"]
    faces: Int[np.ndarray, "faces 3"]
    weights: Float[np.ndarray, "vertices joints"]
    pose_directions: Float[np.ndarray, "vertices 3 terms"]
    """How vertices move with the joints' rotations, without the root's: 9 terms a joint."""
    regressor: Float[np.ndarray, "joints vertices"]
    parents: Int[np.ndarray, "joints"]

    @property
    def offsets(self) -> Float[np.ndarray, "22 3"]:
        """Our joints at rest, each from its parent."""
        rest = (self.regressor @ self.vertices)[: len(PARENTS)]
        return np.concatenate([np.zeros((1, 3)), rest[1:] - rest[list(PARENTS[1:])]])


def body_mesh(motion: MotionLike, model: Path, frame: int = 0) -> "Trimesh":
    """The body of one frame, counted from 0, or from the end if negative. MotionError where there is no such frame."""
    if not -len(motion.joints) <= frame < len(motion.joints):
        raise MotionError(f"no frame {frame}: the motion has {len(motion.joints)} frames, counted from 0.")
    trimesh, body = _import_extra("trimesh"), read_body(Path(model))
    vertices = body_vertices(motion, body, [frame])[0]
    mesh: Trimesh = trimesh.Trimesh(vertices, body.faces, process=False)
    return mesh


def pose_trail(motion: MotionLike, model: Path, count: int = 8) -> "Scene":
    """The bodies of `count` frames at even times, from first to last, each a mesh whose color shows the time."""
    if count < 1:
        raise MotionError(f"a trail of {count} poses; expected 1 or more.")
    trimesh, body = _import_extra("trimesh"), read_body(Path(model))
    frames = np.unique(np.linspace(0, len(motion.joints) - 1, count).round().astype(int))
    scene: Scene = trimesh.Scene()
    for frame, vertices in zip(frames.tolist(), body_vertices(motion, body, frames.tolist()), strict=True):
        part = frame / max(len(motion.joints) - 1, 1)
        mesh = trimesh.Trimesh(vertices, body.faces, process=False)
        mesh.visual = trimesh.visual.TextureVisuals(
            material=trimesh.visual.material.PBRMaterial(
                baseColorFactor=((1 - part) * _FIRST + part * _LAST).astype(np.uint8),
                metallicFactor=0.0, roughnessFactor=0.8,
            )
        )  # fmt: skip
        scene.add_geometry(mesh, node_name=f"frame_{frame}", geom_name=f"frame_{frame}")
    return scene


def save_mesh(mesh: "Trimesh | Scene", path: Path) -> Path:
    """Write a body or a trail as .obj, .ply or .glb, atomically. MotionError for another suffix."""
    path = Path(path)
    if path.suffix.lower() not in WRITES:
        found = path.suffix or "a file without suffix"
        raise MotionError(f"{path}: cannot write meshes as {found}; use {', '.join(WRITES)}.")
    trimesh = _import_extra("trimesh")
    if path.suffix.lower() != ".glb" and isinstance(mesh, trimesh.Scene):
        mesh = mesh.to_geometry()
    form = path.suffix.lower()[1:]
    content = mesh.export(file_type=form, include_normals=True) if form == "glb" else mesh.export(file_type=form)
    assert isinstance(content, str | bytes), f"trimesh gives {form} as {type(content).__name__}"
    return write_atomically(path, content.encode("utf-8") if isinstance(content, str) else content)


def body_vertices(motion: MotionLike, body: Body, frames: list[int]) -> Float[np.ndarray, "poses vertices 3"]:
    """The vertices in some frames of a motion, in meters; the body's pelvis is where the motion's is."""
    import torch

    _import_extra("smplx")
    from smplx.lbs import lbs

    rotations, pelvis = joints_to_smpl(motion.joints, motion.fps, body.offsets)
    turns = np.tile(np.eye(3), (len(frames), len(body.parents), 1, 1))
    turns[:, : len(PARENTS)] = rotations[frames]

    def tensor(array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))

    terms = body.pose_directions.shape[-1]
    vertices, joints = lbs(
        torch.zeros(len(frames), 1), tensor(turns), tensor(body.vertices)[None].expand(len(frames), -1, -1),
        torch.zeros(len(body.vertices), 3, 1), tensor(body.pose_directions.reshape(-1, terms).T),
        tensor(body.regressor), torch.from_numpy(body.parents), tensor(body.weights), pose2rot=False,
    )  # fmt: skip
    moved: np.ndarray = (vertices - joints[:, :1]).numpy().astype(np.float64) + pelvis[frames][:, None]
    return moved


@lru_cache(maxsize=2)  # a model has up to 300 MB, and `convert` asks for it once a clip
def read_body(path: Path) -> Body:
    """A body model from its .npz. Raises MotionError that names the file and what it lacks."""
    if path.suffix.lower() == ".pkl":
        raise MotionError(f"{path}: pickles are never loaded; give the model's .npz, which its makers offer too.")
    try:
        with zipfile.ZipFile(path) as archive:
            members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
            if missing := [name for name in _KEYS if name not in members]:
                raise MotionError(f"no {', '.join(missing)}; expected a model of the SMPL family as .npz.")
            arrays = {}
            for name in _KEYS:
                with archive.open(members[name]) as file:
                    array = read_array(file, members[name].file_size, repr(name))
                    if name == "kintree_table" and array.size:
                        array.flat[0] = -1  # the root's parent, stored as the largest unsigned number
                    arrays[name] = within(array, repr(name))
        return _arrays_to_body(arrays)
    except (OSError, *DAMAGED_ZIP) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise MotionError(f"{path}: not a readable NPZ file ({reason}).") from None
    except MotionError as error:
        raise MotionError(f"{path}: {error}") from None


def _arrays_to_body(arrays: dict[str, np.ndarray]) -> Body:
    """The arrays as a body; MotionError where they do not fit each other."""
    if flat := [name for name in _KEYS if not arrays[name].ndim]:
        raise MotionError(f"{flat[0]!r} is one number; expected a model of the SMPL family.")
    joints, vertices = arrays["weights"].shape[-1], len(arrays["v_template"])
    shapes = {
        "v_template": (vertices, 3), "weights": (vertices, joints), "J_regressor": (joints, vertices),
        "posedirs": (vertices, 3, 9 * (joints - 1)), "kintree_table": (2, joints), "f": (len(arrays["f"]), 3),
    }  # fmt: skip
    for name, shape in shapes.items():
        if arrays[name].shape != shape:
            raise MotionError(f"{name!r} of shape {arrays[name].shape}; expected {shape}.")
    faces = arrays["f"].astype(np.int64)
    if faces.size and not 0 <= faces.min() <= faces.max() < vertices:
        raise MotionError(f"'f' names vertices that are not among the {vertices}.")
    parents = arrays["kintree_table"][0].astype(np.int64)
    if tuple(parents[: len(PARENTS)]) != PARENTS or (parents[1:] >= np.arange(1, joints)).any():
        raise MotionError("'kintree_table' is not the SMPL family's tree of joints.")
    return Body(arrays["v_template"], faces, arrays["weights"], arrays["posedirs"], arrays["J_regressor"], parents)


def _import_extra(name: str) -> ModuleType:
    """A package of the extra `smplx`; MotionError where it is missing."""
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError:
        raise MotionError(f"body meshes need {name}: pip install 'lead-invert[smplx]'.") from None
