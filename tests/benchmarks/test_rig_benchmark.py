"""The rigs' benchmark: its files agree with its true positions, and round trips stay within the target."""

import numpy as np
import pytest

from benchmarks.pack import has_pack
from benchmarks.rigs.definitions import TOOLS, animate, list_joints
from benchmarks.rigs.run import CLIPS, HEADINGS, format_markdown, make_recordings, measure, sway_limbs
from lead.motion.rotations import euler_to_matrix
from lead.motion.skeleton import JOINTS, tpose

needs_pack = pytest.mark.skipif(not has_pack(), reason="no motion pack (set LEAD_DATA)")


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_a_rigs_file_says_what_its_truth_says(tool):
    """Forward kinematics of the file, by the reader's code, against the benchmark's own."""
    turns = sway_limbs(np.tile(euler_to_matrix(np.array([0.3]), "Y"), (20, 22, 1, 1)), tpose(), 20.0, 0)
    bvh, truth, ours = animate(tool, tpose(), np.tile(tpose()[0], (20, 1)), turns)
    back = bvh.world()[0] * tool.unit
    if tool.up == "Z":
        back = back[..., [0, 2, 1]] * np.array([1, 1, -1])
    np.testing.assert_allclose(back, truth, atol=1e-6)
    assert len(set(bvh.names)) == len(bvh.names)
    needed = {name for name in JOINTS if name.endswith(("hip", "knee", "ankle", "shoulder", "elbow", "wrist"))}
    assert needed <= {JOINTS[n] for n in ours if n >= 0}
    sides = [joint.place[0] for joint in list_joints(tool, tpose()) if joint.ours in (1, 16)]
    assert len(sides) == 2
    assert min(sides) > 0


@needs_pack
@pytest.mark.parametrize("number", range(0, len(TOOLS), 3))
def test_a_round_trip_stays_within_the_target(tmp_path, number):
    clips = list(make_recordings(TOOLS[number]))
    assert len(clips) == len(CLIPS) * HEADINGS
    errors: dict[str, list[np.ndarray]] = {}
    for clip in (clips[HEADINGS + 3], clips[2 * HEADINGS + 6]):  # backward one way, round another
        measure(clip, tmp_path, errors)
    for name in ("read", "features", "written", "own joints", "through"):
        every = np.concatenate(errors[name])
        assert every.mean() < 0.5, name
        assert every.max() < 3, name
    row = {name: {"mean": 0.1, "worst": 0.2} for name in errors}
    row |= {"joints": 22, "fps": 30.0, "unit": 0.01, "up": "Y", "order": "ZXY", "clips": 2}
    assert "| rig | 22 joints, 30 fps, cm, Y up, ZXY | 2 | 0.10 / 0.20 |" in format_markdown({"rig": row})
