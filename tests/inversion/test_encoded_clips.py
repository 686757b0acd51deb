import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from typer.testing import CliRunner
from walks import synthesize_walk

import inversion.encoded_clips
from cli import invert
from inversion import InversionError
from inversion.encoded_clips import cut_clips, encode_clips, name_actions, pool_realigned
from inversion.recognition import ACTIONS, Guess, Recognition
from lead import Lead, Motion


@pytest.fixture(scope="module")
def clips():
    return [synthesize_walk(2.0), synthesize_walk(3.0, seed=1), synthesize_walk(25.0, fps=30.0, seed=2)]


@pytest.fixture(scope="module")
def encoded(tiny_base, clips):
    return encode_clips(tiny_base, clips)


def test_every_field_is_what_the_base_says_of_the_pieces(tiny_base, clips, encoded):
    assert encoded.clips == tuple(clips) and encoded.owners == (0, 1, 2, 2, 2)
    assert {one.best.action for one in encoded.recognized} <= {action.phrase for action in ACTIONS}
    assert encoded.actions == tuple(name_actions(encoded.recognized, encoded.pooled))
    with torch.no_grad():
        z, lengths = tiny_base.encode_motion(encoded.pieces)
        z_proj = tiny_base.projector.encode(z, lengths)
        pooled = pool_realigned(tiny_base, encoded.pieces, encoded.features)
    assert torch.equal(encoded.z, z) and torch.equal(encoded.lengths, lengths)
    assert torch.equal(encoded.z_proj, z_proj) and torch.equal(encoded.pooled, pooled)
    assert torch.equal(encoded.latents, tiny_base.vae.latent_lengths(lengths))
    for piece, features, own in zip(encoded.pieces, encoded.features, encoded.base_features, strict=True):
        np.testing.assert_array_equal(features, piece.features())
        np.testing.assert_array_equal(own, piece.features(tiny_base.skeleton))
    for clip, features in zip(clips, encoded.clip_features, strict=True):
        np.testing.assert_array_equal(features, clip.features())


def test_an_unsure_piece_has_the_action_of_a_sure_one_that_is_much_like_it():
    """Else a walk that is hardly recognized would count as another action of the style."""
    sure, unsure = (Recognition(Guess(action, share)) for action, share in (("walks", 0.9), ("skips", 0.2)))
    other = Recognition(Guess("waves", 0.8))
    pooled = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.7, 0.7], [0.0, 1.0]])
    assert name_actions([sure, unsure, unsure, other], pooled) == ["walks", "walks", "skips", "waves"]
    assert name_actions([unsure, unsure], pooled[:2]) == ["skips", "skips"]
    assert name_actions([sure, other], pooled[:2]) == ["walks", "waves"]


def test_captions_say_the_action(tiny_base, clips):
    encoded = encode_clips(tiny_base, clips, ["a person runs", "someone is crawling", "a man jumps high"])
    assert encoded.actions == ("runs", "crawling", "jumps high", "jumps high", "jumps high") and encoded.captioned
    assert encoded.recognized == ()
    with pytest.raises(InversionError, match="1 captions for 3 clips"):
        encode_clips(tiny_base, clips, ["a person runs"])


def test_selected_clips_are_as_if_they_were_encoded_alone(base, elderly_walks):
    clips = [synthesize_walk(3.0), *elderly_walks[:2]]
    encoded = encode_clips(base, clips, ["walks", "limps", "sneaks"])
    assert encoded.select([0, 1, 2]) is encoded
    chosen, alone = encoded.select([2, 0]), encode_clips(base, [clips[2], clips[0]], ["sneaks", "walks"])
    assert chosen.clips == alone.clips and chosen.owners == alone.owners and chosen.actions == alone.actions
    for name in ("z", "z_proj", "pooled", "lengths", "latents"):
        assert torch.equal(getattr(chosen, name), getattr(alone, name)), name
    for name in ("clip_features", "features", "base_features"):
        for a, b in zip(getattr(chosen, name), getattr(alone, name), strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_clip_that_is_too_short_is_an_error_or_has_no_piece(tiny_base):
    clips = [synthesize_walk(0.5), synthesize_walk(2.0, seed=1)]
    with pytest.raises(InversionError, match=r"walk-0 is 0\.50 s long \(10 frames at 20 fps\); at least 0\.85 s"):
        encode_clips(tiny_base, clips)
    encoded = encode_clips(tiny_base, clips, keep_short=True)
    assert encoded.owners == (1,) and len(encoded.clip_features[0]) == 0
    with pytest.raises(InversionError, match="walk-0"):
        encoded.check(tiny_base.skeleton.fps)
    encoded.select([1]).check(tiny_base.skeleton.fps)
    short = encode_clips(tiny_base, [replace(clips[0], name="")], keep_short=True)
    assert (short.pieces, short.actions, len(short.z)) == ((), (), 0)
    with pytest.raises(InversionError, match="clip 1 is"):
        short.check(tiny_base.skeleton.fps)


def test_long_takes_are_cut_evenly():
    takes = [synthesize_walk(2.0), synthesize_walk(25.0)]
    pieces, owners = cut_clips(takes, takes, 20.0)
    assert owners == [0, 1, 1, 1]
    assert np.ptp([len(piece.joints) for piece in pieces[1:]]) <= 1


def count_calls(monkeypatch, owner, name, calls, count=lambda *_: 1):
    function = getattr(owner, name)

    def counting(*args, **kwargs):
        calls[name] += count(*args)
        return function(*args, **kwargs)

    monkeypatch.setattr(owner, name, counting)


def test_learn_resamples_cuts_encodes_and_recognizes_each_clip_once(tmp_path, monkeypatch):
    """One `lead-invert learn` of five clips with its assessment and report."""
    paths = [synthesize_walk(3.0, fps=30.0, sway=number).save(tmp_path / f"{number}.npz") for number in range(5)]
    calls: Counter[str] = Counter()
    for name in ("encode_clips", "cut_clips", "recognize"):
        count_calls(monkeypatch, inversion.encoded_clips, name, calls)
    count_calls(monkeypatch, Lead, "encode_features", calls)
    count_calls(monkeypatch, Motion, "resample", calls, lambda clip, fps: clip.fps != fps)
    command = ["learn", *map(str, paths), "--token", "<x>", "--steps", "1", "--json"]
    result = CliRunner().invoke(invert.app, command)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["report"]
    assert calls["encode_clips"] == calls["cut_clips"] == calls["recognize"] == 1
    assert calls["encode_features"] == 1  # the report's own motions are judged by measures of the joints
    assert calls["resample"] <= 5 + 5  # reading a file checks its length at 20 fps too


def test_captions_may_come_after_the_encoding(tiny_base):
    clips = [synthesize_walk(), synthesize_walk(seed=1)]
    captions = ["a person limps", "a person hops"]
    later, first = encode_clips(tiny_base, clips).with_captions(captions), encode_clips(tiny_base, clips, captions)
    assert (later.actions, later.captioned, later.recognized) == (first.actions, True, ())
    assert torch.equal(later.z, first.z)
    with pytest.raises(InversionError, match="1 captions for 2 clips"):
        later.with_captions(captions[:1])
