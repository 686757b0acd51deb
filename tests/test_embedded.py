"""The embedded default does what its card says, on a small scale."""

import re
from pathlib import Path

import numpy as np
import pytest

from lead import Lead, Timeline
from lead.bases import EMBEDDED
from lead.eval.evaluator import Evaluator
from lead.eval.metrics import mean_joint_error
from lead.motion import Motion
from lead.motion.processing.rigid import is_rigid
from lead.motion.skeleton import JOINTS

LEFT_WRIST, RIGHT_WRIST = JOINTS.index("left_wrist"), JOINTS.index("right_wrist")


@pytest.fixture(scope="module")
def base():
    return Lead.load()


def test_files_are_small_and_licensed(base):
    assert sum(path.stat().st_size for path in EMBEDDED.parent.iterdir()) < 62_000_000
    assert (base.name, base.license) == ("lead-small", "CC BY-NC-SA 4.0")
    assert Evaluator.load(None).embed_texts(["a person walks"]).shape == (1, 256)


@pytest.mark.parametrize("realign", [True, False])
def test_left_is_left_and_walking_goes_ahead(base, realign):
    prompts = ["a person raises the left hand", "a person raises the right hand", "a person walks forward"]
    left, right, walk = (m.joints for m in base.generate(prompts, seconds=4.0, seed=1, realign=realign))
    assert left[:, LEFT_WRIST, 1].max() > left[:, RIGHT_WRIST, 1].max() + 0.3
    assert right[:, RIGHT_WRIST, 1].max() > right[:, LEFT_WRIST, 1].max() + 0.3
    assert walk[-1, 0, 2] - walk[0, 0, 2] > 1.5
    for joints in (left, right, walk):
        assert -0.1 < joints[..., 1].min() < 0.1
        assert is_rigid(joints)


def test_turns_go_the_right_way(base):
    prompts = ["a person walks forward and turns left", "a person walks forward and turns right"]
    left, right = (m.joints for m in base.generate(prompts, seconds=5.0, seed=2))
    assert left[-1, 0, 0] > 0.5 > -0.5 > right[-1, 0, 0]  # the left is at +X


def test_examples_in_docs_and_help_are_prompts_that_the_base_knows(base):
    root = Path(__file__).parents[1]
    pages = [root / "README.md", *(root / "docs").glob("*.md"), *(root / "cli").rglob("*.py"), root / "examples/run.sh"]
    texts = [page.read_text(encoding="utf-8") for page in pages]
    lines = [line for text in texts for line in re.findall(r"lead-invert generate (.*)", text) if "--base" not in line]
    texts = [text for line in lines for text in re.findall(r'(--[a-z]+ )?"([^"]+)"', line) if "{" not in text[1]]
    prompts = [text for option, text in texts if not option]
    prompts += [prompt for option, text in texts if option == "--timeline " for prompt in Timeline.parse(text).prompts]
    assert len(prompts) > 10
    assert [notice.message for notice in base.find_unknown(prompts) if notice] == []


def test_real_clips_survive_encoding(base, pack):
    from benchmarks.pack import pack_rows, read_joints

    rows = [row for row in pack_rows("test") if 40 <= row["frames"] <= 190][::40]
    motions = [Motion(read_joints(row["id"])) for row in rows]
    errors = []
    for motion, decoded in zip(motions, base.reconstruct(motions), strict=True):
        placed = Motion.from_features(motion.features()[: len(decoded.joints)])
        errors.append(mean_joint_error(placed.joints, decoded.joints))
    assert np.mean(errors) < 0.03


def test_a_word_learned_from_real_walks_leaves_the_base_alone(base, pack):
    from inversion import learn
    from inversion.calibration import LEVELS
    from inversion.style_direction import LENGTH

    before = base.compute_fingerprints()
    plain = base.generate(["a person walks"], seed=0)[0].joints
    clips = [Motion.read(path) for path in sorted((pack / "exemplars" / "elderly-walk").glob("*.bvh"))[:2]]
    concept = learn(base, clips, "<elderly>", steps=10)
    assert concept.templates == ("a person walks forward in {} style",)
    assert concept.scores["loss.best"] < concept.scores["loss.start"]
    assert len(concept.to_bytes()) < 300 * 1024
    assert base.compute_fingerprints() == before
    length = concept.schedule.direction_scale * np.linalg.norm(concept.tensors["direction"])
    assert length == pytest.approx(LENGTH, rel=1e-3)
    assert (concept.schedule.adapter_t_max_unseen, concept.schedule.adapter_scale_unseen) in LEVELS
    np.testing.assert_array_equal(base.generate(["a person walks"], seed=0, words=concept.words)[0].joints, plain)
