"""What `benchmarks.robustness.fuzz` damages, and who reads it: for each kind of file some whole ones, and the reader.

A reader is what the commands call for a file. It may return, or raise an error that is meant for the user.
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

from benchmarks.robustness.mutations import (
    Mutator,
    mutate_bytes,
    mutate_glb,
    mutate_json,
    mutate_npy,
    mutate_safetensors,
    mutate_text,
    mutate_tree,
    mutate_zip,
)
from cli.read_inputs import read_captions, read_clip
from lead.motion import Motion, ReadOptions
from lead.motion.features import Stats
from lead.motion.formats.fbx_records import Record, parse_records
from lead.motion.skeleton import JOINTS, PARENTS, tpose

ROOT = Path(__file__).parents[2]
FRAMES = 24


@dataclass(frozen=True)
class Target:
    """One kind of file."""

    share: int
    """The share of inputs, relative to other kinds."""
    name: str
    """The file's name, in a folder of its own."""
    seeds: Callable[[], Sequence[bytes]]
    read: Callable[[Path], object]
    mutators: tuple[Mutator, ...] = (mutate_bytes,)
    beside: Callable[[Path], object] = lambda folder: None
    """Writes what else lies in the folder."""


def make_small_motion() -> Motion:
    """A person with the arms down who moves ahead and sways from the hips."""
    time, pose = np.arange(FRAMES)[:, None, None] / 20, tpose() + np.array([0, 0.02, 0])
    for shoulder, elbow, wrist in ((16, 18, 20), (17, 19, 21)):
        pose[elbow], pose[wrist] = pose[shoulder] - [0, 0.26, 0], pose[shoulder] - [0, 0.5, -0.1]
    above = np.clip(pose[:, 1:2] - pose[0, 1], 0, None)
    return Motion(pose + time * [0, 0, 0.5] + above * np.sin(3 * time) * [0.3, 0, 0], 20.0)


def _save_seeds(*names: str) -> Callable[[], list[bytes]]:
    def seeds() -> list[bytes]:
        with tempfile.TemporaryDirectory() as folder:
            return [make_small_motion().save(Path(folder) / name).read_bytes() for name in names]

    return seeds


def _make_bvh_seeds() -> list[bytes]:
    whole = _save_seeds("a.bvh")()[0]
    prop = b"ROOT prop\n{\nOFFSET 0 0 0\nCHANNELS 0\nEnd Site\n{\nOFFSET 0 1 0\n}\n}\n"
    two_roots = whole.replace(b"MOTION", prop + b"MOTION")
    anonymous = whole
    for name in JOINTS:
        anonymous = anonymous.replace(f" {name}\n".encode(), f" b{JOINTS.index(name)}\n".encode())
    return [whole, whole.replace(b"\n", b"\r\n"), two_roots, anonymous]


def _make_amass_seeds() -> list[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        whole = make_small_motion().save_amass(Path(folder) / "a.npz").read_bytes()
    parts = io.BytesIO()
    poses = np.zeros((FRAMES, 63))
    np.savez(parts, root_orient=poses[:, :3], pose_body=poses, trans=poses[:, :3], mocap_frame_rate=np.float64(20))
    return [whole, parts.getvalue()]


def _make_npy_seeds() -> list[bytes]:
    def npy(array: np.ndarray) -> bytes:
        out = io.BytesIO()
        np.save(out, array)
        return out.getvalue()

    joints = make_small_motion().joints
    return [npy(joints), npy(make_small_motion().features()), npy(np.asfortranarray(joints.astype(np.float64)))]


def _make_skeleton_gltf() -> tuple[dict[str, Any], bytes]:
    """The JSON and the buffer of a motion's nodes and animation, without the mannequin that we write with them."""
    glb = _save_seeds("a.glb")()[0]
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


def _make_glb_seeds() -> list[bytes]:
    document, content = _make_skeleton_gltf()
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    body = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(content), b"BIN\0") + content
    return [struct.pack("<4sII", b"glTF", 2, 12 + len(body)) + body]


def _make_gltf_seeds() -> list[bytes]:
    document, content = _make_skeleton_gltf()
    document["buffers"][0]["uri"] = "data:application/octet-stream;base64," + b64encode(content).decode()
    return [json.dumps(document).encode()]


FBX: dict[str, Any] = runpy.run_path(str(ROOT / "tests/motion/fbx_files.py"))
"""The tests' module that writes FBX files."""


def _make_fbx_seeds() -> list[bytes]:
    rest = tpose() * 100
    offsets = [rest[n] - rest[p] if p >= 0 else rest[n] for n, p in enumerate(PARENTS)]
    times = np.arange(FRAMES) / FRAMES
    turning = 20 * np.sin(2 * np.pi * times)[:, None] * np.ones(3)
    curves = {(n, "Lcl Rotation"): turning for n in range(22)}
    settings = [{"Lcl Translation": offset.tolist()} for offset in offsets]
    return [FBX["skeleton_fbx"](JOINTS, PARENTS, settings, curves, times, version=v) for v in (7400, 7500)]


def mutate_fbx(rng: random.Random, data: bytes) -> bytes:
    """Damage the records of an FBX file; correct all lengths."""
    version = struct.unpack_from("<I", data, 23)[0]
    try:
        records = [_record_to_list(one) for one in parse_records(data).children]
        return FBX["fbx_bytes"](mutate_tree(rng, records), version)
    except (TypeError, ValueError, AttributeError, KeyError, struct.error):  # the damage left no records
        return mutate_bytes(rng, data)


def _record_to_list(record: Record) -> list[Any]:
    return [record.name, list(record.properties), [_record_to_list(child) for child in record.children]]


def _make_concept_seeds() -> list[bytes]:
    return [path.read_bytes() for path in sorted((ROOT / "docs/samples").glob("*.safetensors"))]


def _make_rig_map_seeds() -> list[bytes]:
    return ["".join(f'{ours} = "Bip01 {ours}"\n' for ours in JOINTS).encode(), b'left_hip = ""\n# no more\n']


def _read_captions(path: Path) -> None:
    read_captions([path.with_name("0.bvh")], warn=lambda text: None)  # of rows for the clips that are not there


def _make_caption_seeds() -> list[bytes]:
    rows = [{"clip": f"{n}.bvh", "captions": ["a person walks", "someone goes"], "split": "train"} for n in range(3)]
    return ["\n".join(map(json.dumps, rows)).encode()]


def _read_timeline(path: Path) -> None:
    from lead.control.timeline import Timeline

    timeline = Timeline.read(path).vary(1)
    assert len(timeline.transitions) == len(timeline.segments) - 1, timeline


def _make_timeline_seeds() -> list[bytes]:
    segments = [{"prompt": "a person walks", "seconds": 4}, {"prompt": "a person sits down", "seconds": 3.5, "seed": 7}]
    return [json.dumps({"transition": 1.6, "segments": segments}).encode()]


def _make_timeline_toml_seeds() -> list[bytes]:
    rows = ('prompt = "a person walks"\nseconds = 4\n', 'prompt = "a person sits"\nseconds = 3.5\ntransition = 2\n')
    return ["".join(["transition = 1.6\n", *(f"[[segments]]\n{row}" for row in rows)]).encode()]


def _read_waypoints(path: Path) -> None:
    from cli.jobs.read_constraints import ConstraintOptions, read_constraints
    from lead.control.targets import build_targets

    build_targets(read_constraints(ConstraintOptions(path=str(path))), 80, 20.0)


def _make_waypoint_seeds() -> list[bytes]:
    return [json.dumps([{"x": 0, "z": 0}, {"x": 1.5, "z": 2, "heading": 90, "seconds": 3}, {"x": 2, "z": 2}]).encode()]


def _read_concept(path: Path) -> None:
    from concepts import Concept
    from concepts.card import concept_to_card

    concept = Concept.load(path)
    concept_to_card(concept, path.name)
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


def _make_body_seeds() -> list[bytes]:
    vertices, rng, out = 30, np.random.default_rng(0), io.BytesIO()
    tree = np.array([PARENTS, range(22)])
    np.savez(
        out, v_template=rng.normal(size=(vertices, 3)), f=np.zeros((4, 3), np.uint32), weights=np.eye(vertices, 22),
        posedirs=np.zeros((vertices, 3, 189)), J_regressor=np.eye(22, vertices), kintree_table=tree,
    )  # fmt: skip
    return [out.getvalue()]


TARGETS: dict[str, Target] = {
    "bvh": Target(30, "clip.bvh", _make_bvh_seeds, _read_motion, (mutate_bytes, mutate_text, mutate_text)),
    "npz": Target(20, "clip.npz", _save_seeds("a.npz"), _read_motion, (mutate_bytes, mutate_zip, mutate_zip)),
    "amass": Target(18, "clip.npz", _make_amass_seeds, _read_motion, (mutate_bytes, mutate_zip, mutate_zip)),
    "npy": Target(40, "clip.npy", _make_npy_seeds, _read_motion, (mutate_bytes, mutate_npy)),
    "fbx": Target(15, "clip.fbx", _make_fbx_seeds, _read_motion, (mutate_bytes, mutate_fbx)),
    "glb": Target(20, "clip.glb", _make_glb_seeds, _read_motion, (mutate_bytes, mutate_glb)),
    "gltf": Target(15, "clip.gltf", _make_gltf_seeds, _read_motion, (mutate_bytes, mutate_json, mutate_text)),
    "body model": Target(10, "body.npz", _make_body_seeds, _read_body, (mutate_bytes, mutate_zip)),
    "rig map": Target(12, "map.toml", _make_rig_map_seeds, _read_rig_map, (mutate_bytes, mutate_text),
                      lambda folder: make_small_motion().save(folder / "clip.bvh")),
    "captions": Target(40, "captions.jsonl", _make_caption_seeds, _read_captions,
                       (mutate_bytes, mutate_json, mutate_text)),
    "timeline": Target(15, "story.json", _make_timeline_seeds, _read_timeline, (mutate_bytes, mutate_json)),
    "timeline: TOML": Target(10, "story.toml", _make_timeline_toml_seeds, _read_timeline, (mutate_bytes, mutate_text)),
    "waypoints": Target(15, "way.json", _make_waypoint_seeds, _read_waypoints, (mutate_bytes, mutate_json)),
    "waypoints: TOML": Target(5, "way.toml", lambda: [b"[[waypoints]]\nx = 0\nz = 0\n[[waypoints]]\nx = 1\nz = 1.5\n"],
                              _read_waypoints, (mutate_bytes, mutate_text)),
    "waypoints: CSV": Target(5, "way.csv", lambda: [b"x,z,heading,seconds\n0,0,,\n1.5,2,90,3\n"],
                             _read_waypoints, (mutate_bytes, mutate_text)),
    "concept": Target(60, "word.safetensors", _make_concept_seeds, _read_concept, (mutate_bytes, mutate_safetensors)),
}  # fmt: skip
"""By the name of the kind."""


@functools.cache
def make_tiny_run() -> Path:
    """A run folder and a base of tiny networks."""
    import torch

    from lead.base_file import LeadConfig
    from lead.checkpoint import save_part
    from lead.model import Lead
    from lead.networks.denoiser import Denoiser, DenoiserConfig
    from lead.networks.projector import Projector, ProjectorConfig
    from lead.networks.style_tokens import StyleTokenConfig, StyleTokens
    from lead.networks.vae import MotionVAE, VAEConfig
    from lead.text.tower import TextConfig, TextTower

    size = {"width": 8, "layers": 1, "heads": 2}
    text = TextConfig(**size, d_text=8, context=77, merges=20)
    vae, denoiser = VAEConfig(**size, ff=8, d_latent=4), DenoiserConfig(4, 8, 8, 3, 2, 8)
    projector, manners = ProjectorConfig(d_latent=4, d_text=8, **size, ff=8), StyleTokenConfig(vectors=2, d_token=8)
    run = Path(_folders.enter_context(tempfile.TemporaryDirectory()))
    torch.manual_seed(0)
    base_config = LeadConfig("tiny", "none", text, vae, denoiser, projector, style_tokens=manners)
    Lead(base_config).save(run / "base.safetensors")
    words = StyleTokens.draw(manners, torch.zeros(8), torch.ones(8))
    parts: dict[str, tuple[torch.nn.Module, Any]] = {
        "text": (TextTower(text), text), "vae": (MotionVAE(vae), vae), "denoiser": (Denoiser(denoiser), denoiser),
        "projector": (Projector(projector), projector), "manners": (words, manners),
    }  # fmt: skip
    for part, (module, config) in parts.items():
        save_part(run / f"{part}.safetensors", module, part, config)
    noted = {"config": asdict(denoiser), "diffusion": {"steps": 1000, "prediction": "v"}}
    (run / "diffusion.json").write_text(json.dumps(noted))
    make_small_motion().save(run / "clip.npy")
    data = run / "data"
    data.mkdir()
    Stats(np.zeros(263, np.float32), np.ones(263, np.float32)).write(data)
    return run


_folders = contextlib.ExitStack()


def _make_part_seeds(part: str) -> Callable[[], list[bytes]]:
    return lambda: [(make_tiny_run() / f"{part}").read_bytes()]


def _read_base(path: Path) -> None:
    from lead import Lead

    Lead.load(path)


def _assemble(path: Path) -> None:
    """Assemble a base from a run folder with one damaged part."""
    from lead.train.assemble import assemble

    assemble(make_tiny_run() / "data", path.parent, "tiny", "none")


def _link_other_parts(folder: Path) -> None:
    for path in make_tiny_run().iterdir():
        if path.is_file():
            (folder / path.name).symlink_to(path)


class _Stage:
    """The smallest training; it resumes from its checkpoint."""

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


def _make_checkpoint_seeds() -> list[bytes]:
    run = make_tiny_run() / "stage"
    made = _Stage(run)
    made.step()
    made.stage._save_checkpoint()
    return [(run / "tiny.checkpoint").read_bytes()]


def _make_metrics_seeds() -> list[bytes]:
    rows = [{"step": 2, "loss": 0.5, "seconds": 1.5}, {"step": 4, "finished": True, "minutes": 0.1, "val_loss": 0.25}]
    return ["".join(json.dumps(row) + "\n" for row in rows).encode()]


def _read_metrics(path: Path) -> None:
    from lead.train.logs import Logs, read_result

    read_result(path.parent, "tiny")
    Logs(path.parent, "tiny").begin({}, 2)


def make_data_folder(folder: Path) -> None:
    """Write a data set of two clips."""
    from lead.data.layout import MIN_CLIP_FRAMES, Rules, write_description
    from lead.motion.skeleton import HUMANML3D

    for name in ("new_joint_vecs", "texts"):
        (folder / name).mkdir(exist_ok=True)
    features = np.concatenate([make_small_motion().features()] * 2)
    for name in ("000000", "000001"):
        np.save(folder / "new_joint_vecs" / f"{name}.npy", features)
        lines = "a person walks#a/OTHER person/OTHER#0.0#0.0\nnow#n/OTHER#0.5#1\n"
        (folder / "texts" / f"{name}.txt").write_text(lines)
    (folder / "train.txt").write_text("000000\n000001\n")
    Stats.from_features(features).write(folder)
    write_description(folder, Rules("lead", HUMANML3D, MIN_CLIP_FRAMES, None))


def _make_data_seeds(name: str) -> Callable[[], list[bytes]]:
    def seeds() -> list[bytes]:
        with tempfile.TemporaryDirectory() as folder:
            make_data_folder(Path(folder))
            return [(Path(folder) / name).read_bytes()]

    return seeds


def _read_data(path: Path) -> None:
    from lead.data.dataset import check_data, load

    folder = next(parent for parent in path.parents if (parent / "train.txt").exists())
    check_data(folder)
    load(folder, "train")


_SAFETENSORS = (mutate_bytes, mutate_safetensors)
TARGETS |= {
    "base": Target(2, "base.safetensors", _make_part_seeds("base.safetensors"), _read_base, _SAFETENSORS),
    "part: text": Target(
        1, "text.safetensors", _make_part_seeds("text.safetensors"), _assemble, _SAFETENSORS, _link_other_parts
    ),
    "part: vae": Target(
        1, "vae.safetensors", _make_part_seeds("vae.safetensors"), _assemble, _SAFETENSORS, _link_other_parts
    ),
    "part: denoiser": Target(
        1, "denoiser.safetensors", _make_part_seeds("denoiser.safetensors"), _assemble, _SAFETENSORS, _link_other_parts
    ),
    "diffusion.json": Target(
        1, "diffusion.json", _make_part_seeds("diffusion.json"), _assemble, (mutate_bytes, mutate_json),
        _link_other_parts,
    ),
    "checkpoint": Target(3, "tiny.checkpoint", _make_checkpoint_seeds, lambda path: _Stage(path.parent),
                         (mutate_bytes, mutate_zip)),
    "metrics": Target(6, "tiny.metrics.jsonl", _make_metrics_seeds, _read_metrics, (mutate_bytes, mutate_json)),
    "data: features": Target(6, "new_joint_vecs/000001.npy", _make_data_seeds("new_joint_vecs/000001.npy"), _read_data,
                             (mutate_bytes, mutate_npy), make_data_folder),
    "data: texts": Target(6, "texts/000001.txt", _make_data_seeds("texts/000001.txt"), _read_data,
                          (mutate_bytes, mutate_text), make_data_folder),
    "data: statistics": Target(4, "Std.npy", _make_data_seeds("Std.npy"), _read_data, (mutate_bytes, mutate_npy),
                               make_data_folder),
    "data: lists": Target(5, "train.txt", _make_data_seeds("train.txt"), _read_data, (mutate_bytes, mutate_text),
                          make_data_folder),
    "data: dataset.json": Target(2, "dataset.json", _make_data_seeds("dataset.json"), _read_data,
                                 (mutate_bytes, mutate_json), make_data_folder),
}  # fmt: skip
