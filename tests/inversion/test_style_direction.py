import pytest
import torch
from walks import synthesize_walk

from inversion.encoded_clips import encode_clips
from inversion.optimization import training_set
from inversion.optimization.training_set import build_training_set
from inversion.style_direction import (
    MAX_PROBED,
    SAMPLES,
    SEEN,
    group_actions,
    sample_neutral,
    schedule_style,
    style_displacements,
    without_travel,
)


@pytest.fixture(scope="module")
def clips():
    return [synthesize_walk(2.0), synthesize_walk(3.0, seed=1)]


@pytest.fixture(scope="module")
def encoded(tiny_base, clips):
    return encode_clips(tiny_base, clips, ["a person runs", "a person runs"])


def build(base, encoded, direction=True, adapter=False, kind="style"):
    return build_training_set(base, encoded, kind, direction, adapter, 0)


def test_a_style_is_trained_on_its_clips_less_the_direction(tiny_base, encoded):
    training = build(tiny_base, encoded)
    z, lengths = encoded.z, encoded.lengths
    assert len(training.z) == len(training.prompts) == 2
    torch.testing.assert_close(training.z + training.schedule.direction_scale * training.direction, z)
    assert training.seen_directions is None
    (delta,) = style_displacements(tiny_base, z, lengths, encoded.actions, 0)
    torch.testing.assert_close(training.direction, without_travel(tiny_base, delta, z, lengths))
    assert training.prompts[0][0] == "a person runs in {} style"


def test_where_a_part_of_the_direction_acts_the_rest_remains_to_be_learned(tiny_base, encoded):
    whole, part = (build(tiny_base, encoded, adapter=adapter) for adapter in (False, True))
    torch.testing.assert_close(part.direction, whole.direction)
    assert part.schedule == whole.schedule
    learned = (1 - part.schedule.direction_share_seen) * part.schedule.direction_scale * whole.direction
    torch.testing.assert_close(part.z, whole.z + learned)


@pytest.mark.parametrize(
    ("length", "scale"), [(5.0, 1.0), (4.0, 1.25), (8.0, 0.625), (1.0, 2.0), (0.0, 2.0), (40.0, 0.5)]
)
def test_a_direction_is_scaled_to_the_length_of_real_styles(length, scale):
    """Within bounds; on the one training action, what acts does not depend on the scale."""
    schedule = schedule_style(torch.tensor([0.0, length]), False)
    assert schedule.direction_scale == pytest.approx(scale)
    assert schedule.direction_scale * schedule.direction_share_seen == pytest.approx(SEEN)


def test_clips_of_several_actions_give_a_direction_for_each(tiny_base, clips):
    captions = ["a person runs", "a person waves", "a person runs"]
    encoded = encode_clips(tiny_base, [*clips, synthesize_walk(2.0, seed=2)], captions)
    training = build(tiny_base, encoded, adapter=True)
    assert (training.schedule.direction_scale, training.schedule.direction_share_seen) == (1.0, 1.0)
    runs, waves = training.seen_directions
    torch.testing.assert_close(training.z, encoded.z - torch.stack([runs, waves, runs])[:, None])
    deltas = style_displacements(tiny_base, encoded.z, encoded.lengths, encoded.actions, 0)
    for delta, found in zip((deltas.mean(dim=0), *deltas), (training.direction, runs, waves), strict=True):
        torch.testing.assert_close(found, without_travel(tiny_base, delta, encoded.z, encoded.lengths))


def test_other_words_for_an_action_are_no_other_action(base):
    said = ("walks", "runs", "walks forward", "waves the left hand", "walks", "waves the right hand")
    assert group_actions(base, said) == {
        "walks": "walks", "runs": "runs", "walks forward": "walks",
        "waves the left hand": "waves the left hand", "waves the right hand": "waves the right hand",
    }  # fmt: skip


def test_a_prompt_of_a_repeated_action_has_that_actions_direction(tiny_base, clips, monkeypatch):
    def group(base, actions):
        return {action: "waves" if action == "waves" else "runs" for action in actions}

    monkeypatch.setattr(training_set, "group_actions", group)
    captions = ["a person runs", "a person waves", "a person sprints"]
    encoded = encode_clips(tiny_base, [*clips, synthesize_walk(2.0, seed=2)], captions)
    training = build(tiny_base, encoded)
    runs, waves, sprints = training.seen_directions
    assert torch.equal(runs, sprints) and not torch.allclose(runs, waves)
    torch.testing.assert_close(training.direction, (runs + waves) / 2)
    torch.testing.assert_close(training.z, encoded.z - torch.stack([runs, waves, runs])[:, None])
    whole = encode_clips(tiny_base, [*clips], ["a person runs", "a person sprints"])
    assert build(tiny_base, whole).seen_directions is None


@pytest.mark.parametrize("kind", ["action", "style"])
def test_actions_and_styles_without_a_direction_are_trained_on_their_clips(tiny_base, encoded, kind):
    training = build(tiny_base, encoded, kind=kind, direction=False)
    assert (len(training.z), training.direction, training.schedule) == (2, None, None)
    assert torch.equal(training.z, encoded.z)


def test_the_displacement_is_what_clips_add_to_the_bases_own_motions(tiny_base):
    own, lengths = sample_neutral(tiny_base, ["runs"] * SAMPLES, seed=1)
    shift = torch.arange(8.0)
    (delta,) = style_displacements(tiny_base, own + shift, lengths, ["runs"] * SAMPLES, seed=0)
    torch.testing.assert_close(delta, shift, atol=1e-4, rtol=0)


def test_without_travel_a_direction_moves_nobody(tiny_base, encoded):
    z, lengths = encoded.z, encoded.lengths
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


def test_without_travel_does_not_depend_on_the_threads(base, set_threads):
    z, lengths = base.encode_motion([synthesize_walk(6.0, seed=seed) for seed in range(6)])
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
    assert seen[0] <= MAX_PROBED
    torch.testing.assert_close(many, alone, atol=1e-4, rtol=1e-4)


def test_padding_does_not_count_in_the_displacement(tiny_base, encoded):
    far = encoded.z.clone()
    far[0, encoded.latents[0] :] = 1e3
    assert encoded.latents[0] < encoded.z.shape[1] and not torch.equal(far, encoded.z)
    torch.testing.assert_close(
        *(style_displacements(tiny_base, z, encoded.lengths, ["runs", "runs"], 0) for z in (encoded.z, far))
    )


def test_batches_are_of_all_clips_and_of_one_template(tiny_base, encoded):
    training = build(tiny_base, encoded)
    batch = training.draw(tiny_base.config.diffusion.steps, 40, torch.Generator().manual_seed(0))
    assert len(batch.z) == len(batch.prompts) == 40 and set(batch.lengths.tolist()) == set(training.lengths.tolist())
    assert len(set(batch.prompts)) == 1 and batch.prompts[0] in training.prompts[0]
