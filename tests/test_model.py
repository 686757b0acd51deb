import copy
import dataclasses
import json
import re

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from stand_in_concept import StandInConcept
from walks import synthesize_walk

from lead import Lead, LeadError
from lead.checkpoint import fingerprint
from lead.networks.lora import LoRA, apply_lora


def test_a_motion_does_not_depend_on_its_neighbors(tiny_base):
    alone = tiny_base.generate(["a person walks"], seconds=2.0, seed=3)[0]
    among = tiny_base.generate(["a person walks", "someone jumps"], seconds=[2.0, 4.0], seed=3)[0]
    np.testing.assert_allclose(alone.joints, among.joints, atol=1e-4)


def test_seeds_prompts_and_the_projector_matter(tiny_base):
    first = tiny_base.generate(["a person walks"], seed=1)[0].joints
    np.testing.assert_array_equal(first, tiny_base.generate(["a person walks"], seed=1)[0].joints)
    for other in (
        tiny_base.generate(["a person walks"], seed=2),
        tiny_base.generate(["someone jumps high"], seed=1),
        tiny_base.generate(["a person walks"], seed=1, realign=False),
    ):
        assert not np.allclose(first, other[0].joints, atol=1e-4)


def test_words_that_no_prompt_names_change_nothing(tiny_base):
    words = {"<x>": np.random.default_rng(0).normal(size=(2, 32)).astype(np.float32)}
    plain = tiny_base.generate(["a person walks"])[0].joints
    np.testing.assert_array_equal(plain, tiny_base.generate(["a person walks"], words=words)[0].joints)
    assert not np.array_equal(plain, tiny_base.generate(["a person <x>"], words=words)[0].joints)


def test_save_and_load_give_the_same_motions(tiny_base, tmp_path):
    loaded = Lead.load(tiny_base.save(tmp_path / "base.safetensors"))
    assert loaded.fingerprints == tiny_base.fingerprints and loaded.config == tiny_base.config
    np.testing.assert_array_equal(
        loaded.generate(["a person walks"])[0].joints, tiny_base.generate(["a person walks"])[0].joints
    )
    assert [p.name for p in tmp_path.iterdir()] == ["base.safetensors"]


def test_fingerprints_tell_parts_apart(tiny_base):
    before = tiny_base.fingerprints
    with torch.no_grad():
        tiny_base.vae.unfold.bias[0] += 1
    try:
        after = tiny_base.fingerprints
    finally:
        with torch.no_grad():
            tiny_base.vae.unfold.bias[0] -= 1
    assert after["vae"] != before["vae"] and after["text"] == before["text"]
    assert tiny_base.fingerprints == tiny_base.compute_fingerprints()


def test_fingerprints_are_computed_once_for_each_state_of_the_weights(tiny_base, monkeypatch):
    base = copy.deepcopy(tiny_base)
    first, calls = base.fingerprints, []
    monkeypatch.setattr("lead.parts.fingerprint", lambda tensors: calls.append(1) or fingerprint(tensors))
    assert base.fingerprints == first and base.fingerprints is not first and not calls
    bias = base.vae.unfold.bias
    for number, change in enumerate((
        lambda: bias.add_(1.0),
        lambda: torch.optim.SGD([bias.requires_grad_()], lr=1.0).step(lambda: (bias.sum() * 0.1).backward()),
        lambda: setattr(bias, "data", bias.data.clone()),  # the same numbers elsewhere
        lambda: base.vae.load_state_dict({**base.vae.state_dict(), "unfold.bias": torch.zeros_like(bias)}),
        lambda: base.double(),
    ), start=1):  # fmt: skip
        with torch.set_grad_enabled(number == 2):
            change()
        assert base.fingerprints == base.compute_fingerprints()
        assert len(calls) == 2 * 4 * number
        assert base.fingerprints["vae"] != first["vae"]


def test_style_tokens_have_their_old_name_in_files(tiny_base, tmp_path):
    with safe_open(tiny_base.save(tmp_path / "base.safetensors"), "pt") as file:
        names, config = set(file.keys()), json.loads(file.metadata()["config"])
    assert {"manners.mean", "manners.map"} < names and "style_tokens.mean" not in names
    assert config["manners"] == dataclasses.asdict(tiny_base.config.style_tokens)


def test_encoding_is_the_same_whatever_the_heading(tiny_base):
    walk = synthesize_walk()
    turned = dataclasses.replace(walk, joints=walk.joints * np.array([-1, 1, -1], np.float32) + 3)
    (z, lengths), (z_turned, _) = tiny_base.encode_motion([walk]), tiny_base.encode_motion([turned])
    assert lengths.tolist() == [56] and z.shape == (1, 4, 8)
    torch.testing.assert_close(z, z_turned, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("seconds", [0.3, 11.0, float("nan"), [2.0, 3.0]])
def test_durations_are_checked(tiny_base, seconds):
    with pytest.raises(LeadError, match=r"cannot be generated|2 durations for 1"):
        tiny_base.generate(["a person walks"], seconds=seconds)


def test_a_clip_too_short_is_named(tiny_base):
    with pytest.raises(LeadError, match=r"walk-0 has 10 frames.*0\.85 s are needed"):
        tiny_base.encode_motion([synthesize_walk(0.5)])


def test_files_that_are_no_base(tiny_base, tmp_path):
    with pytest.raises(LeadError, match="does not exist"):
        Lead.load(tmp_path / "none.safetensors")
    (tmp_path / "text.safetensors").write_text("hello")
    with pytest.raises(LeadError, match="not a readable safetensors"):
        Lead.load(tmp_path / "text.safetensors")
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(LeadError, match="expected 'lead/1'"):
        Lead.load(tmp_path / "other.safetensors")


def test_a_config_of_another_version_is_refused(tiny_base, tmp_path):
    path = tiny_base.save(tmp_path / "base.safetensors")
    with safe_open(path, "pt") as file:
        metadata, tensors = file.metadata(), {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    config = json.loads(metadata["config"])
    config["text"]["from_the_future"] = 1
    save_file(tensors, path, metadata | {"config": json.dumps(config)})
    with pytest.raises(LeadError, match=r"base\.safetensors has a config that this version.*from_the_future.*update"):
        Lead.load(path)


def test_each_prompt_may_have_its_own_seed(tiny_base):
    prompts = ["a person walks", "a person runs"]
    together = tiny_base.generate(prompts, seconds=2.0, seed=[5, 9], steps=2)
    for prompt, seed, motion in zip(prompts, (5, 9), together, strict=True):
        (alone,) = tiny_base.generate([prompt], seconds=2.0, seed=seed, steps=2)
        np.testing.assert_allclose(motion.joints, alone.joints, atol=1e-5)
    with pytest.raises(LeadError, match="1 seeds for 2 prompts; give one, or one a prompt"):
        tiny_base.generate(prompts, seed=[5])


def test_a_word_that_no_body_can_do_is_named(tiny_base):
    vectors = np.ones((1, 32), np.float32)
    words = {"<far>": StandInConcept(vectors, direction=np.full(8, 1e4, np.float32)), "<near>": vectors}
    assert tiny_base.generate(["a person does <near>"], words=words)
    said = r"^<far> in 'a person does <far>' means nothing that a body can do .* a smaller strength"
    with pytest.raises(LeadError, match=said):
        tiny_base.generate(["a person does <near>", "a person does <far>"], words=words)


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_a_word_of_numbers_that_are_none_is_named(tiny_base, number):
    vectors, direction = np.ones((1, 32), np.float32), np.full(8, number, np.float32)
    words = {"<far>": StandInConcept(vectors, direction=direction), "<near>": vectors, "<x>": number * vectors}
    with pytest.raises(LeadError, match=r"^<far> has NaN or infinite numbers and means nothing: learn it again"):
        tiny_base.generate(["a person does <near>", "a person does <far>"], words=words)
    with pytest.raises(LeadError, match=r"^<x> and <near> in '.*' means nothing"):
        tiny_base.generate(["<x> like <near>"], words=words)


def test_a_prompt_that_gives_nothing_is_named(tiny_base):
    with pytest.raises(LeadError, match=r"'a person walks' gives no motion .*: less guidance may help"):
        tiny_base.generate(["a person walks"], guidance=1e30)
    for guidance in (1e308, float("nan")):
        with pytest.raises(LeadError, match=r"guidance (1e\+308|nan); expected a number near the base's own"):
            tiny_base.generate(["a person walks"], guidance=guidance)


def test_a_text_is_one_prompt(tiny_base):
    one, other = tiny_base.generate("a person walks"), tiny_base.generate(["a person walks"])
    assert len(one) == 1 and np.array_equal(one[0].joints, other[0].joints)
    assert tiny_base.find_unknown("a person walks") == [None]


def test_reprs_are_short(tiny_base):
    assert re.fullmatch(r"Lead\('tiny', 0\.\d million weights, cpu\)", repr(tiny_base))
    walk = synthesize_walk()
    assert repr(walk) == f"Motion('walk-0', {len(walk.joints)} frames at 20 fps, {walk.seconds:.2f} s)"


def test_no_prompts_give_no_motions(tiny_base):
    assert tiny_base.generate([]) == []


def test_a_base_that_shares_its_weights_has_modules_of_its_own(tiny_base):
    other = tiny_base.share_weights()
    assert all(one is two for one, two in zip(tiny_base.parameters(), other.parameters(), strict=True))
    adapter = LoRA.initialize(other.denoiser, 2)
    for up in adapter.up:
        torch.nn.init.normal_(up)
    plain = tiny_base.generate(["a person walks"], seconds=1.0)[0].joints
    with apply_lora(other.denoiser, [(adapter, torch.ones(1))]):
        assert np.array_equal(tiny_base.generate(["a person walks"], seconds=1.0)[0].joints, plain)
        assert not np.array_equal(other.generate(["a person walks"], seconds=1.0)[0].joints, plain)
    assert other.fingerprints == tiny_base.fingerprints
