import numpy as np
import pytest
import torch
from walks import walking

from inversion.encoded_clips import DRAWN, PROBED, cut, direction, generated, lesson, without_travel


@pytest.fixture(scope="module")
def clips():
    return [walking(2.0), walking(3.0, seed=1)]


def taught(base, clips, kind="style", carry=True, captions=("a person runs", "a person runs")):
    return lesson(base, clips, kind, captions, carry, seed=0)


def test_a_style_is_taught_by_its_clips_less_the_direction(tiny_base, clips):
    found = taught(tiny_base, clips)
    z, lengths = tiny_base.encode_motion(clips)
    assert found.actions == ("runs", "runs") and len(found.z) == len(found.prompts) == 2
    torch.testing.assert_close(found.z + found.direction, z)
    delta = direction(tiny_base, z, lengths, found.actions, 0)
    torch.testing.assert_close(found.direction, without_travel(tiny_base, delta, z, lengths))
    assert found.prompts[0][0] == "a person runs in {} style"
    assert found.kept().keys() == {"direction"}


def test_of_a_direction_that_acts_in_part_the_rest_stays_to_be_learned(tiny_base, clips):
    whole, part = (lesson(tiny_base, clips, "style", None, True, 0, share) for share in (1.0, 0.25))
    torch.testing.assert_close(part.direction, whole.direction)
    torch.testing.assert_close(part.z, whole.z + 0.75 * whole.direction)


def test_actions_and_uncarried_styles_have_no_direction(tiny_base, clips):
    for kind, carry in (("action", True), ("style", False)):
        found = taught(tiny_base, clips, kind, carry)
        assert (len(found.z), found.direction, found.kept()) == (2, None, {})
        torch.testing.assert_close(found.z, tiny_base.encode_motion(clips)[0])


def test_the_direction_is_what_clips_add_to_the_bases_own_motions(tiny_base):
    own, lengths = generated(tiny_base, ["runs"] * DRAWN, seed=1)
    shift = torch.arange(8.0)
    delta = direction(tiny_base, own + shift, lengths, ["runs"] * DRAWN, seed=0)
    torch.testing.assert_close(delta, shift, atol=1e-4, rtol=0)


def test_without_travel_a_direction_moves_nobody(tiny_base, clips):
    z, lengths = tiny_base.encode_motion(clips)
    delta = torch.linspace(-1, 1, 8)
    still = without_travel(tiny_base, delta, z, lengths)
    assert 0.1 < still.norm() / delta.norm() < 1.0
    torch.testing.assert_close(without_travel(tiny_base, still, z, lengths), still, atol=1e-4, rtol=1e-4)

    def velocities(shift):
        rows = zip(tiny_base.vae.decode((z + shift) / tiny_base.vae.latent_scale, lengths), lengths, strict=True)
        return torch.cat([row[:frames, :3] for row, frames in rows]).mean(dim=0)

    with torch.no_grad():
        plain, along, across = (velocities(1e-2 * shift) for shift in (0 * delta, delta, still))
    assert (across - plain).abs().max() < 0.05 * (along - plain).abs().max()


def test_what_moves_nobody_does_not_depend_on_the_threads(base, set_threads):
    z, lengths = base.encode_motion([walking(6.0, seed=seed) for seed in range(6)])
    found = []
    for threads in (1, 2, 3):
        set_threads(threads)
        found.append(without_travel(base, torch.linspace(-1, 1, z.shape[-1]), z, lengths))
    assert torch.equal(found[0], found[1]) and torch.equal(found[0], found[2])


def test_of_many_clips_only_some_are_decoded_for_travel(tiny_base, clips, monkeypatch):
    z, lengths = tiny_base.encode_motion(clips[:1])
    delta, seen, decode = torch.linspace(-1, 1, 8), [], tiny_base.vae.decode
    alone = without_travel(tiny_base, delta, z, lengths)
    monkeypatch.setattr(tiny_base.vae, "decode", lambda z, lengths: seen.append(len(z)) or decode(z, lengths))
    many = without_travel(tiny_base, delta, z.expand(100, -1, -1), lengths.expand(100))
    assert seen[0] <= PROBED
    torch.testing.assert_close(many, alone, atol=1e-4, rtol=1e-4)


def test_padding_does_not_count_in_the_direction(tiny_base, clips):
    z, lengths = tiny_base.encode_motion(clips)
    far = z.clone()
    far[0, tiny_base.vae.latent_lengths(lengths)[0] :] = 1e3
    assert (tiny_base.vae.latent_lengths(lengths)[0] < z.shape[1]) and not torch.equal(far, z)
    torch.testing.assert_close(*(direction(tiny_base, x, lengths, ["runs", "runs"], 0) for x in (z, far)))


def test_draws_are_of_all_clips_and_of_one_template(tiny_base, clips):
    found = taught(tiny_base, clips)
    draw = found.draw(tiny_base, 40, torch.Generator().manual_seed(0))
    assert len(draw.z) == len(draw.prompts) == 40 and set(draw.lengths.tolist()) == set(found.lengths.tolist())
    assert len(set(draw.prompts)) == 1 and draw.prompts[0] in found.prompts[0]


def test_long_takes_are_cut_evenly(tiny_base):
    windows, owners = cut([walking(2.0), walking(25.0)], 20.0)
    assert owners == [0, 1, 1, 1]
    assert np.ptp([len(window.joints) for window in windows[1:]]) <= 1
