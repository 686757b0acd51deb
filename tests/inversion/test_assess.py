from dataclasses import replace

import numpy as np
import pytest
from walks import synthesize_walk

from benchmarks.pack import pack_rows, read_joints
from inversion.assess import assess as assess_encoded
from inversion.encoded_clips import encode_clips
from lead import Motion
from lead.eval.clip_quality import check_clip


def assess(base, clips, kind, captions=None):
    return assess_encoded(base, encode_clips(base, clips, captions, keep_short=True), kind)


def take(pack, split, **wanted):
    """Five clips of the pack of one content and style."""
    rows = [row for row in pack_rows(split) if all(row[key] == value for key, value in wanted.items())]
    return [Motion(read_joints(row["id"]), 20.0, name=row["id"]) for row in rows if row["frames"] > 20][:5]


def test_a_known_motion_needs_no_word(pack, base):
    hands = assess(base, take(pack, "test", content="raise-up-both-hands", style="normal"), "action")
    assert hands.known and hands.caption.startswith("a person raises both hands")
    assert hands.hints == (f'you may not need a word: try "{hands.caption}"',)
    walks = assess(base, take(pack, "test", content="walk", style="feminine"), "style")
    assert walks.caption_gap < 2 and "feminine" in walks.caption


@pytest.mark.parametrize(
    ("split", "wanted"),
    [
        ("newstyle_exemplar", {"style": "elderly"}),
        ("newstyle_exemplar", {"style": "exhausted"}),
        ("newaction", {"content": "sneak2StepsLStart"}),
        ("newaction", {"content": "elbowToKnee1RepsLelbowStart"}),
    ],
)
def test_an_unknown_motion_needs_a_word(pack, base, split, wanted):
    found = assess(base, take(pack, split, **wanted), "style")
    assert not found.known and found.caption_gap > 1.2
    assert not any("may not need" in text for text in found.hints)
    assert not any(clip.unusable for clip in found.clips)


def test_a_clips_action_and_error(pack, base):
    found = assess(base, take(pack, "newstyle_exemplar", style="elderly"), "style")
    assert [clip.action for clip in found.clips] == ["walks forward"] * 5 and not found.mixed
    for clip in found.clips:
        assert 0.3 < clip.error_cm < 2.0 and 0.3 < clip.projected_cm < 2.0 and clip.similarity > 0.5
        assert clip.problems == ()
    as_action = assess(base, take(pack, "newstyle_exemplar", style="elderly"), "action")
    assert any("--kind style" in text for text in as_action.hints)


def test_clips_that_were_spoiled(pack, base):
    clip, *_ = take(pack, "newstyle_exemplar", style="elderly")
    spike = clip.joints.copy()
    spike[60, 20] += [0.5, 0.4, 0.0]
    spoiled = {
        "upside": replace(clip, joints=clip.joints * [1, -1, -1]),
        "z up": replace(clip, joints=clip.joints[..., [0, 2, 1]] * [1, 1, -1]),
        "short": replace(clip, joints=clip.joints[:10]),
        "spike": replace(clip, joints=spike),
        "frozen": replace(clip, joints=np.repeat(clip.joints[:1], 40, axis=0)),
        "shaking": replace(clip, joints=clip.joints + np.random.default_rng(0).normal(0, 0.02, clip.joints.shape)),
        "centimeters": replace(clip, joints=100 * clip.joints),
    }
    found = assess(base, [replace(motion, name=name) for name, motion in spoiled.items()], "style")
    rows = {row.name: row for row in found.clips}
    assert "upside down" in rows["upside"].unusable
    assert "lies flat" in rows["z up"].unusable
    assert rows["short"].unusable == "too short: 0.50 s, at least 0.85 s"
    assert any("jumps at 3.00 s" in problem for problem in rows["spike"].problems)
    assert "hardly anything moves" in rows["frozen"].problems
    assert any("shakes" in problem for problem in rows["shaking"].problems)
    assert rows["centimeters"].problems == () and not rows["centimeters"].unusable
    assert any("spike and centimeters" in text for text in found.hints)


def test_nothing_usable_is_no_error(base):
    found = assess(base, [synthesize_walk(0.4), synthesize_walk(0.5)], "style")
    assert all(clip.unusable for clip in found.clips)
    assert (found.caption, found.known, found.hints) == ("", False, ())


def test_a_body_that_is_none_is_unusable_as_check_says(tiny_base):
    clip = synthesize_walk(2.0)
    wrong, long = clip.joints.copy(), clip.joints.copy()
    wrong[:, 15] = wrong[:, 7]
    long[:, 20] += 3 * (long[:, 20] - long[:, 18])
    clips = [clip, replace(clip, joints=wrong), replace(clip, joints=long)]
    good, head, arm = assess(tiny_base, clips, "style").clips
    assert not good.unusable
    assert "m below the shoulders of a body that stands: joints are taken for others" in head.unusable
    assert "the two arms of" in arm.unusable and "a rig map" in arm.unusable
    assert [row.unusable for row in (head, arm)] == [check_clip(one).reasons[0] for one in clips[1:]]


def test_given_captions_are_used(tiny_base):
    clips = [synthesize_walk(2.0), synthesize_walk(2.5, seed=1), synthesize_walk(0.3), synthesize_walk(12.0)]
    said = ["a person runs", "someone is crawling", "a person sits", "a man jumps high"]
    found = assess(tiny_base, clips, "persona", said)
    assert [clip.action for clip in found.clips] == ["runs", "crawling", "", "jumps high"]
    assert not any("--captions" in text for text in found.hints)
    assert any("this base can" in problem for problem in found.clips[0].problems)
