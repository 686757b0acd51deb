"""Files that claim too much are refused before they cost time or memory; regressions found by fuzzing."""

import io
import tracemalloc
import zipfile

import numpy as np
import pytest

from benchmarks.robustness.fuzz_targets import make_small_motion
from lead.motion import Motion, MotionError, ReadOptions
from lead.motion.formats.bvh import format_bvh
from lead.motion.rigs.retarget import motion_to_bvh


def format_npy(array, shape=None) -> bytes:
    out = io.BytesIO()
    if shape is None:
        np.save(out, array)
    else:
        header = {"descr": np.asarray(array).dtype.str, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(out, header)
        out.write(np.asarray(array).tobytes())
    return out.getvalue()


def zip_arrays(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return out.getvalue()


def change_bvh(**changes: str) -> bytes:
    text = format_bvh(motion_to_bvh(make_small_motion().joints, 20.0))
    for old, new in changes.items():
        text = text.replace(old, new)
    return text.encode()


JOINTS = make_small_motion().joints
POSES = np.zeros((24, 66))

CLAIMS = {
    "2 GB in an NPZ": ("a.npz", zip_arrays(joints=format_npy(JOINTS, (8_000_000, 22, 3))), "claims the shape"),
    "a zip bomb": (
        "a.npz", zip_arrays(joints=format_npy(np.zeros((1, 22, 3)), (80_000_000 // 66, 22, 3)) + bytes(2 << 20)),
        "claims|truncated",
    ),
    "10^9 frames in a BVH": ("a.bvh", None, "claims 1000000000 frames"),
    "20 million frames by a rate": (
        "a.npz", zip_arrays(joints=format_npy(np.tile(JOINTS, (300, 1, 1))), fps=format_npy(0.1)), "too long"
    ),
    "a size that is no number": ("a.npy", format_npy(JOINTS, (True, 22, 3)), "claims the shape"),
    "more dimensions than there are": ("a.npy", format_npy(np.zeros(1), (1,) * 40), "claims the shape|not in NPY"),
    "places beyond the sun": ("a.npy", format_npy(JOINTS * 1e12), "expected meters"),
    "a path that overflows": (
        "a.npz", zip_arrays(poses=format_npy(POSES), trans=format_npy(np.full((24, 3), 1e200)), fps=format_npy(20.0)),
        "'trans' has the value",
    ),
    "poses without a frame": (
        "a.npz",
        zip_arrays(root_orient=format_npy(np.zeros(3)[0]), pose_body=format_npy(POSES), fps=format_npy(20.0)),
        "differ in their number of frames",
    ),
    "words that Python takes for numbers": (
        "a.bvh", change_bvh(**{"Frame Time: 0.05\n": "Frame Time: 0.05\n1_0 "}), "none|claims"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CLAIMS, ids=list(CLAIMS))
def test_a_claim_costs_nothing_and_is_refused(tmp_path, case):
    name, content, message = CLAIMS[case]
    path = tmp_path / name
    path.write_bytes(content or change_bvh(**{"Frames: 24": "Frames: 1000000000"}))
    tracemalloc.start()
    try:
        if case.startswith("10^9"):  # the frames that are there are read, with a note
            assert "claims 1000000000 frames, but 24 follow" in Motion.read(path).notes[0]
        else:
            with pytest.raises(MotionError, match=message) as found:
                Motion.read(path).features()
            assert "or cut it" in str(found.value) or str(found.value).startswith(str(path))
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()


def test_a_rig_of_ten_thousand_joints_is_none(tmp_path):
    chain = "".join(f"JOINT j{n}\n{{\nOFFSET 0 1 0\nCHANNELS 0\n" for n in range(10_000)) + "}\n" * 10_000
    root = "HIERARCHY\nROOT r\n{\nOFFSET 0 0 0\nCHANNELS 1 Xposition\n"
    (tmp_path / "a.bvh").write_text(f"{root}{chain}}}\nMOTION\nFrames: 0\nFrame Time: 0.1\n")
    with pytest.raises(MotionError, match="more than 1024 joints"):
        Motion.read(tmp_path / "a.bvh", ReadOptions())
