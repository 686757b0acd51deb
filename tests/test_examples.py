"""The example's clips: a plausible walker with true bones whose standing feet do not slide."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from lead.motion.motion import Motion
from lead.motion.skeleton import BONE_LENGTHS, FPS, JOINTS, bone_lengths

SCRIPT = Path(__file__).parent.parent / "examples" / "make_concept.py"
ANKLES, TOES = (
    [JOINTS.index("left_ankle"), JOINTS.index("right_ankle")],
    [JOINTS.index("left_foot"), JOINTS.index("right_foot")],
)


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_concept", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_concept"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(params=range(5))
def march(request: pytest.FixtureRequest, example: ModuleType) -> Motion:
    return example.zombie_march(example.TAKES[request.param])


def test_bones_keep_their_lengths(march: Motion) -> None:
    np.testing.assert_allclose(
        bone_lengths(march.joints)[:, 1:], np.tile(BONE_LENGTHS[1:], (len(march.joints), 1)), atol=1e-5
    )


def test_feet_stay_on_the_floor_and_standing_feet_do_not_slide(march: Motion) -> None:
    joints = march.joints
    assert 0.0 <= joints[..., 1].min() < 0.03
    standing = (joints[1:, ANKLES, 1] < 0.0951) & (joints[:-1, ANKLES, 1] < 0.0951)
    steps = np.linalg.norm(np.diff(joints[:, [*ANKLES, *TOES]], axis=0), axis=-1)
    assert standing.any(axis=1).all(), "one foot stands at any time"
    assert steps[np.tile(standing, 2)].max() < 1e-4


def test_moves_like_a_body(march: Motion) -> None:
    jerks = np.linalg.norm(np.diff(march.joints, n=2, axis=0), axis=-1) * FPS**2
    assert jerks.max() < 25.0  # m/s^2; a lively human walk stays below 40
    traveled = np.linalg.norm(np.diff(march.joints[:, 0, [0, 2]], axis=0), axis=-1).sum()
    assert traveled > 1.2
    hands = march.joints[:, [20, 21]].mean(axis=1) - march.joints[:, 9]
    assert (np.linalg.norm(hands, axis=-1) > 0.45).all(), "the arms are stretched out"


def test_takes_differ(example: ModuleType) -> None:
    frames = [example.zombie_march(take).joints[:80] for take in example.TAKES]
    for first in range(5):
        for second in range(first):
            assert np.abs(frames[first] - frames[second]).mean() > 0.01


def test_writes_bvh_that_reads_back(example: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["make_concept.py", str(tmp_path / "clips")])
    example.main()
    captions, *files = sorted((tmp_path / "clips").iterdir())
    assert [path.name for path in files] == [f"zombie-march-{number}.bvh" for number in range(1, 6)]
    rows = [json.loads(line) for line in captions.read_text().splitlines()]
    assert rows == [{"clip": path.name, "captions": ["a person walks forward"]} for path in files]
    for path, take in zip(files, example.TAKES, strict=True):
        np.testing.assert_allclose(Motion.read(path).joints, example.zombie_march(take).joints, atol=1e-3)
