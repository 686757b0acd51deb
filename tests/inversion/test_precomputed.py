"""What is looked up is what would be computed, and only of the base that it was computed of."""

import numpy as np
import pytest
import torch

from inversion import calibration, style_direction
from inversion.precomputed import FILE, find_precomputed, load_precomputed
from inversion.recognition import recognizer

STALE = "run `python tools/precompute.py` and commit its file"


def test_the_file_is_of_the_embedded_base_and_of_todays_actions(base):
    stored = find_precomputed(base)
    assert stored is not None, STALE
    assert list(stored.wordings) == recognizer.list_wordings(), STALE
    assert list(stored.captions) == calibration.list_captions(), STALE


def test_it_has_the_known_actions_and_their_text_features(base):
    actions = recognizer.known_actions(base)
    found, text = recognizer.describe_known(base)
    assert found == actions, STALE
    torch.testing.assert_close(text, recognizer.encode_actions(base, actions), atol=1e-4, rtol=0, msg=STALE)


@pytest.mark.parametrize("action", ["walks forward", "jumps up"])
def test_it_has_the_mean_latents_of_plain_motions(base, action):
    stored = find_precomputed(base)
    mean = style_direction.mean_neutral(base, action, style_direction.SAMPLES, stored.seed).numpy()
    known = stored.neutral[stored.known.index(action)]
    assert np.linalg.norm(mean - known) < 0.02 * np.linalg.norm(known), STALE  # 16 bits round otherwise elsewhere


def test_it_has_what_plain_motions_show(base):
    stored = find_precomputed(base)
    shown, paths = calibration.measure_plain(base, stored.seed)
    assert (shown == stored.shown).mean() > 0.9, STALE
    np.testing.assert_allclose(paths, stored.paths, atol=0.1, err_msg=STALE)


def test_another_base_is_computed(tiny_base, base):
    assert find_precomputed(tiny_base) is None
    with torch.no_grad():
        weight = next(base.text.parameters())
        before = weight.detach().clone()
        weight.add_(1.0)
        try:
            assert find_precomputed(base) is None
        finally:
            weight.copy_(before)
    assert find_precomputed(base) is not None


def test_a_file_is_read_as_it_was_written(tmp_path):
    stored = load_precomputed()
    stored.save(tmp_path / "copy.safetensors")
    again = load_precomputed(tmp_path / "copy.safetensors")
    assert {name for name, value in vars(stored).items() if isinstance(value, np.ndarray)} == {
        "text", "neutral", "shown", "paths"
    }  # fmt: skip
    for name, value in vars(stored).items():
        assert np.array_equal(getattr(again, name), value)
    assert FILE.stat().st_size < 300_000
