"""What `benchmarks.fuzz` damages and who reads it: for each kind of file whole ones to start from, and the reader.

A reader is what the commands call, as far as it goes with the file alone; it may return or raise an error that is
meant for the user.
"""

import contextlib
import functools
import io
import json
import random
import runpy
import struct
import tempfile
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.mutations import (
    Mutator,
    bytes_mutated,
    glb_mutated,
    headed_json_mutated,
    json_mutated,
    npy_mutated,
    text_mutated,
    tree_mutated,
    zip_mutated,
)
from cli.read_inputs import read_captions, read_clip
from lead.motion import Motion, ReadOptions
from lead.motion.features import Stats
from lead.motion.formats.fbx_records import Record, parse_records
from lead.motion.skeleton import JOINTS, PARENTS, tpose

ROOT = Path(__file__).parents[1]
FRAMES = 24


@dataclass(frozen=True)
class Target:
    """One kind of file."""

    share: int
    """Of the inputs, relative to the others."""
    name: str
    """The file's, within a folder of its own."""
    seeds: Callable[[], Sequence[bytes]]
    read: Callable[[Path], object]
    mutators: tuple[Mutator, ...] = (bytes_mutated,)
    beside: Callable[[Path], object] = lambda folder: None
    """What else lies in the folder."""


def small_motion() -> Motion:
    """Somebody with the arms down who is moved along and sways from the hips."""
    time, pose = np.arange(FRAMES)[:, None, None] / 20, tpose() + np.array([0, 0.02, 0])
    for shoulder, elbow, wrist in ((16, 18, 20), (17, 19, 21)):
        pose[elbow], pose[wrist] = pose[shoulder] - [0, 0.26, 0], pose[shoulder] - [0, 0.5, -0.1]
    above = np.clip(pose[:, 1:2] - pose[0, 1], 0, None)
    return Motion(pose + time * [0, 0, 0.5] + above * np.sin(3 * time) * [0.3, 0, 0], 20.0)


def _saved(*names: str) -> Callable[[], list[bytes]]:
    def seeds() -> list[bytes]:
        with tempfile.TemporaryDirectory() as folder:
            return [small_motion().save(Path(folder) / name).read_bytes() for name in names]

    return seeds


def _bvh_seeds() -> list[bytes]:
    whole = _saved("a.bvh")()[0]
    prop = b"ROOT prop\n{\nOFFSET 0 0 0\nCHANNELS 0\nEnd Site\n{\nOFFSET 0 1 0\n}\n}\n"
    two_roots = whole.replace(b"MOTION", prop + b"MOTION")
    anonymous = whole
    for name in JOINTS:
        anonymous = anonymous.replace(f" {name}\n".encode(), f" b{JOINTS.index(name)}\n".encode())
    return [whole, whole.replace(b"\n", b"\r\n"), two_roots, anonymous]


def _amass_seeds() -> list[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        whole = small_motion().save_amass(Path(folder) / "a.npz").read_bytes()
    parts = io.BytesIO()
    poses = np.zeros((FRAMES, 63))
    np.savez(parts, root_orient=poses[:, :3], pose_body=poses, trans=poses[:, :3], mocap_frame_rate=np.float64(20))
    return [whole, parts.getvalue()]


def _npy_seeds() -> list[bytes]:
    def npy(array: np.ndarray) -> bytes:
        out = io.BytesIO()
        np.save(out, array)
        return out.getvalue()

    joints = small_motion().joints
    return [npy(joints), npy(small_motion().features()), npy(np.asfortranarray(joints.astype(np.float64)))]


def _skeleton_gltf() -> tuple[dict[str, Any], bytes]:
    """The JSON and the buffer of a walk's nodes and animation, without the mannequin that we write around them."""
    glb = _saved("a.glb")()[0]
    (length,) = struct.unpack_from("<I", glb, 12)
    full, buffer, content = json.loads(glb[20 : 20 + length]), glb[28 + length :], b""
    animation = full["animations"][0]
    views, accessors, place = [], [], {}
    for number in sorted({sampler[end] for sampler in animation["samplers"] for end in ("input", "output")}):
        view = full["bufferViews"][full["accessors"][number]["bufferView"]]
        start = view.get("byteOffset", 0)
        place[number] = len(views)
        accessors.append({**full["accessors"][number], "bufferView": len(views)})
        views.append({"buffer": 0, "byteOffset": len(content), "byteLength": view["byteLength"]})
        content += buffer[start : start + view["byteLength"]]
    for sampler in animation["samplers"]:
        sampler |= {end: place[sampler[end]] for end in ("input", "output")}
    nodes = [{key: value for key, value in node.items() if key not in ("mesh", "skin")} for node in full["nodes"]]
    skins = [{"joints": skin["joints"]} for skin in full.get("skins", [])]
    document = {"asset": full["asset"], "nodes": nodes, "skins": skins, "animations": [animation],
                "accessors": accessors, "bufferViews": views, "buffers": [{"byteLength": len(content)}]}  # fmt: skip
    return document, content


def _glb_seeds() -> list[bytes]:
    document, content = _skeleton_gltf()
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    body = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(content), b"BIN\0") + content
    return [struct.pack("<4sII", b"glTF", 2, 12 + len(body)) + body]


def _gltf_seeds() -> list[bytes]:
    document, content = _skeleton_gltf()
    document["buffers"][0]["uri"] = "data:application/octet-stream;base64," + b64encode(content).decode()
    return [json.dumps(document).encode()]


FBX: dict[str, Any] = runpy.run_path(str(ROOT / "tests/motion/fbx_files.py"))
"""What writes FBX files for the tests."""


def _fbx_seeds() -> list[bytes]:
    rest = tpose() * 100
    offsets = [rest[n] - rest[p] if p >= 0 else rest[n] for n, p in enumerate(PARENTS)]
    times = np.arange(FRAMES) / FRAMES
    turning = 20 * np.sin(2 * np.pi * times)[:, None] * np.ones(3)
    curves = {(n, "Lcl Rotation"): turning for n in range(22)}
    settings = [{"Lcl Translation": offset.tolist()} for offset in offsets]
    return [FBX["skeleton_fbx"](JOINTS, PARENTS, settings, curves, times, version=v) for v in (7400, 7500)]


def fbx_mutated(rng: random.Random, data: bytes) -> bytes:
    """The records of an FBX file, all their lengths made right again."""
    version = struct.unpack_from("<I", data, 23)[0]
    try:
        return FBX["fbx_bytes"](tree_mutated(rng, [_listed(one) for one in parse_records(data).children]), version)
    except (TypeError, ValueError, AttributeError, KeyError, struct.error):  # no longer records
        return bytes_mutated(rng, data)


def _listed(record: Record) -> list[Any]:
    return [record.name, list(record.properties), [_listed(child) for child in record.children]]


def _concept_seeds() -> list[bytes]:
    return [path.read_bytes() for path in sorted((ROOT / "docs/samples").glob("*.safetensors"))]


def _rig_map_seeds() -> list[bytes]:
    return ["".join(f'{ours} = "Bip01 {ours}"\n' for ours in JOINTS).encode(), b'left_hip = ""\n# no more\n']


def _caption_seeds() -> list[bytes]:
    rows = [{"clip": f"{n}.bvh", "captions": ["a person walks", "someone goes"], "split": "train"} for n in range(3)]
    return ["\n".join(map(json.dumps, rows)).encode()]


def _read_concept(path: Path) -> None:
    from concepts import Concept
    from concepts.card import card

    concept = Concept.load(path)
    card(concept, path.name)
    concept.to_bytes()


def _read_motion(path: Path) -> None:
    read_clip(path).features()


def _read_rig_map(path: Path) -> None:
    from lead.motion.rigs.rig_map import read_rig_map

    rig_map = read_rig_map(path)
    read_clip(path.with_name("clip.bvh"), ReadOptions(rig_map=rig_map))


def _read_body(path: Path) -> None:
    from lead.motion.bodies.smpl_mesh import read_body

    read_body.cache_clear()
    read_body(path).offsets.sum()


def _body_seeds() -> list[bytes]:
    vertices, rng, out = 30, np.random.default_rng(0), io.BytesIO()
    tree = np.array([PARENTS, range(22)])
    np.savez(
        out, v_template=rng.normal(size=(vertices, 3)), f=np.zeros((4, 3), np.uint32), weights=np.eye(vertices, 22),
        posedirs=np.zeros((vertices, 3, 189)), J_regressor=np.eye(22, vertices), kintree_table=tree,
    )  # fmt: skip
    return [out.getvalue()]


TARGETS: dict[str, Target] = {
    "bvh": Target(30, "clip.bvh", _bvh_seeds, _read_motion, (bytes_mutated, text_mutated, text_mutated)),
    "npz": Target(20, "clip.npz", _saved("a.npz"), _read_motion, (bytes_mutated, zip_mutated, zip_mutated)),
    "amass": Target(18, "clip.npz", _amass_seeds, _read_motion, (bytes_mutated, zip_mutated, zip_mutated)),
    "npy": Target(40, "clip.npy", _npy_seeds, _read_motion, (bytes_mutated, npy_mutated)),
    "fbx": Target(15, "clip.fbx", _fbx_seeds, _read_motion, (bytes_mutated, fbx_mutated)),
    "glb": Target(20, "clip.glb", _glb_seeds, _read_motion, (bytes_mutated, glb_mutated)),
    "gltf": Target(15, "clip.gltf", _gltf_seeds, _read_motion, (bytes_mutated, json_mutated, text_mutated)),
    "body model": Target(10, "body.npz", _body_seeds, _read_body, (bytes_mutated, zip_mutated)),
    "rig map": Target(12, "map.toml", _rig_map_seeds, _read_rig_map, (bytes_mutated, text_mutated),
                      lambda folder: small_motion().save(folder / "clip.bvh")),
    "captions": Target(40, "captions.jsonl", _caption_seeds, lambda path: read_captions([path.with_name("0.bvh")]),
                       (bytes_mutated, json_mutated, text_mutated)),
    "concept": Target(60, "word.safetensors", _concept_seeds, _read_concept, (bytes_mutated, headed_json_mutated)),
}  # fmt: skip
"""By the name of the kind."""


@functools.cache
def tiny_run() -> Path:
    """A run folder and a base of tiny networks."""
    import torch

    from lead.model import Lead, LeadConfig
    from lead.networks.denoiser import Denoiser, DenoiserConfig
    from lead.networks.projector import Projector, ProjectorConfig
    from lead.networks.style_tokens import StyleTokenConfig, StyleTokens
    from lead.networks.vae import MotionVAE, VAEConfig
    from lead.text.tower import TextConfig, TextTower
    from lead.train.parts import save_part

    size = {"width": 8, "layers": 1, "heads": 2}
    text = TextConfig(**size, d_text=8, context=77, merges=20)
    vae, denoiser = VAEConfig(**size, ff=8, d_latent=4), DenoiserConfig(4, 8, 8, 3, 2, 8)
    projector, manners = ProjectorConfig(d_latent=4, d_text=8, **size, ff=8), StyleTokenConfig(vectors=2, d_token=8)
    run = Path(_folders.enter_context(tempfile.TemporaryDirectory()))
    torch.manual_seed(0)
    Lead(LeadConfig("tiny", "none", text, vae, denoiser, projector, manners=manners)).save(run / "base.safetensors")
    words = StyleTokens.drawn(manners, torch.zeros(8), torch.ones(8))
    parts: dict[str, tuple[torch.nn.Module, Any]] = {
        "text": (TextTower(text), text), "vae": (MotionVAE(vae), vae), "denoiser": (Denoiser(denoiser), denoiser),
        "projector": (Projector(projector), projector), "manners": (words, manners),
    }  # fmt: skip
    for part, (module, config) in parts.items():
        save_part(run / f"{part}.safetensors", module, part, config)
    noted = {"config": asdict(denoiser), "diffusion": {"steps": 1000, "prediction": "v"}}
    (run / "diffusion.json").write_text(json.dumps(noted))
    small_motion().save(run / "clip.npy")
    data = run / "data"
    data.mkdir()
    Stats(np.zeros(263, np.float32), np.ones(263, np.float32)).write(data)
    return run


_folders = contextlib.ExitStack()


def _part_seeds(part: str) -> Callable[[], list[bytes]]:
    return lambda: [(tiny_run() / f"{part}").read_bytes()]


def _read_base(path: Path) -> None:
    from lead import Lead

    Lead.load(path)


def _assemble(path: Path) -> None:
    """A run folder with one part damaged."""
    from lead.train.assemble import assemble

    assemble(tiny_run() / "data", path.parent, "tiny", "none")


def _other_parts(folder: Path) -> None:
    for path in tiny_run().iterdir():
        if path.is_file():
            (folder / path.name).symlink_to(path)


class _Stage:
    """The smallest training there is, to begin again from its checkpoint."""

    def __init__(self, run: Path) -> None:
        import torch

        from lead.train.stage import Stage, TrainConfig

        torch.manual_seed(0)
        self.stage = Stage("tiny", torch.nn.Linear(3, 2), run, TrainConfig(steps=4, batch=2, precision="no"))

    def step(self) -> None:
        import torch

        stage = self.stage
        for _ in stage.steps():
            stage.update(stage.model(torch.ones(2, 3)).square().mean(), {})
            if stage.step:
                return


def _checkpoint_seeds() -> list[bytes]:
    run = tiny_run() / "stage"
    made = _Stage(run)
    made.step()
    made.stage._save_checkpoint()
    return [(run / "tiny.checkpoint").read_bytes()]


def _metrics_seeds() -> list[bytes]:
    rows = [{"step": 2, "loss": 0.5, "seconds": 1.5}, {"step": 4, "finished": True, "minutes": 0.1, "val_loss": 0.25}]
    return ["".join(json.dumps(row) + "\n" for row in rows).encode()]


def _read_metrics(path: Path) -> None:
    from lead.train.logs import Logs, read_result

    read_result(path.parent, "tiny")
    Logs(path.parent, "tiny").begin({}, 2)


def data_folder(folder: Path) -> None:
    """A data set of two clips, in whatever of whose files is damaged."""
    from lead.data.layout import MIN_CLIP_FRAMES, Rules, write_description
    from lead.motion.skeleton import HUMANML3D

    for name in ("new_joint_vecs", "texts"):
        (folder / name).mkdir(exist_ok=True)
    features = np.concatenate([small_motion().features()] * 2)
    for name in ("000000", "000001"):
        np.save(folder / "new_joint_vecs" / f"{name}.npy", features)
        lines = "a person walks#a/OTHER person/OTHER#0.0#0.0\nnow#n/OTHER#0.5#1\n"
        (folder / "texts" / f"{name}.txt").write_text(lines)
    (folder / "train.txt").write_text("000000\n000001\n")
    Stats.from_features(features).write(folder)
    write_description(folder, Rules("lead", HUMANML3D, MIN_CLIP_FRAMES, None))


def _data_seeds(name: str) -> Callable[[], list[bytes]]:
    def seeds() -> list[bytes]:
        with tempfile.TemporaryDirectory() as folder:
            data_folder(Path(folder))
            return [(Path(folder) / name).read_bytes()]

    return seeds


def _read_data(path: Path) -> None:
    from lead.data.dataset import check_data, load

    folder = next(parent for parent in path.parents if (parent / "train.txt").exists())
    check_data(folder)
    load(folder, "train")


_HEADED = (bytes_mutated, headed_json_mutated)
TARGETS |= {
    "base": Target(2, "base.safetensors", _part_seeds("base.safetensors"), _read_base, _HEADED),
    "part: text": Target(1, "text.safetensors", _part_seeds("text.safetensors"), _assemble, _HEADED, _other_parts),
    "part: vae": Target(1, "vae.safetensors", _part_seeds("vae.safetensors"), _assemble, _HEADED, _other_parts),
    "part: denoiser": Target(
        1, "denoiser.safetensors", _part_seeds("denoiser.safetensors"), _assemble, _HEADED, _other_parts
    ),
    "diffusion.json": Target(
        1, "diffusion.json", _part_seeds("diffusion.json"), _assemble, (bytes_mutated, json_mutated), _other_parts
    ),
    "checkpoint": Target(3, "tiny.checkpoint", _checkpoint_seeds, lambda path: _Stage(path.parent),
                         (bytes_mutated, zip_mutated)),
    "metrics": Target(6, "tiny.metrics.jsonl", _metrics_seeds, _read_metrics, (bytes_mutated, json_mutated)),
    "data: features": Target(6, "new_joint_vecs/000001.npy", _data_seeds("new_joint_vecs/000001.npy"), _read_data,
                             (bytes_mutated, npy_mutated), data_folder),
    "data: texts": Target(6, "texts/000001.txt", _data_seeds("texts/000001.txt"), _read_data,
                          (bytes_mutated, text_mutated), data_folder),
    "data: statistics": Target(4, "Std.npy", _data_seeds("Std.npy"), _read_data, (bytes_mutated, npy_mutated),
                               data_folder),
    "data: lists": Target(5, "train.txt", _data_seeds("train.txt"), _read_data, (bytes_mutated, text_mutated),
                          data_folder),
    "data: dataset.json": Target(2, "dataset.json", _data_seeds("dataset.json"), _read_data,
                                 (bytes_mutated, json_mutated), data_folder),
}  # fmt: skip
