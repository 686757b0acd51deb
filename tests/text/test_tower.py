"""Tokens equal CLIP's; words replace token embeddings; the text stage trains, resumes and saves."""

import random
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lead.errors import LeadError
from lead.motion.features import Stats
from lead.text import inflection
from lead.text.lexicon import LEXICON
from lead.text.meaning import SIDES, WAYS, contrast, draw
from lead.text.synthesis import say
from lead.text.tokenizer import CLIP_MERGES, Slot, Tokenizer
from lead.text.tower import PRESETS, TextConfig, TextTower, openclip
from lead.train.assemble import load_tower
from lead.train.losses import info_nce
from lead.train.stage import Stage, TrainConfig
from lead.train.stages.text import TextLoss, find_paraphrases, train_text
from lead.train.stages.text_corpus import embed_once

TINY = TextConfig(width=32, layers=2, heads=2, d_text=16, merges=1500)
SENTENCES = [
    "a person walks forward, then turns around.",
    "The man's LEFT hand; he doesn't wave (yet)!",
    "café &amp; naïve   spaces\tand 3.5 meters",
    "zigzagging energetically 走る",
    "»È",  # lower-cased it looks garbled, and cleaned twice it is another text
    "",
]

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def tower() -> TextTower:
    torch.manual_seed(0)
    tower = TextTower(TINY).eval()
    for parameter in tower.parameters():  # the fresh tower's embeddings are too small to matter
        parameter.data += 0.1 * torch.randn_like(parameter)
    return tower


@pytest.fixture
def words() -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    return {"<elderly>": torch.randn(2, 32), "<moon-walk>": torch.randn(3, 32), "<moon>": torch.randn(1, 32)}


# tokens


@pytest.fixture(scope="module")
def clip_tokenizer():
    return openclip.import_open_clip().tokenizer.SimpleTokenizer()


@settings(deadline=None, max_examples=50)
@given(sentence=st.one_of(st.sampled_from(SENTENCES), st.text(max_size=40)))
def test_whole_vocabulary_gives_open_clips_tokens(clip_tokenizer, sentence):
    sentence = re.sub(r"<\S*>", "", sentence)
    tokenizer = Tokenizer()
    assert tokenizer.encode(sentence) == tokenizer.split(sentence) == clip_tokenizer.encode(sentence)
    assert (tokenizer.start, tokenizer.end, tokenizer.size) == (49406, 49407, 49408)


def test_fewer_merges_give_more_pieces_with_clips_ids():
    small, whole = Tokenizer(7500), Tokenizer()
    for sentence in SENTENCES:
        ids = small.encode(sentence)
        assert len(ids) >= len(whole.encode(sentence))
        assert all(number < 512 + 7500 for number in ids)
        assert small.decode(ids) == whole.decode(whole.encode(sentence))
    assert small.encode("the man and a person") == whole.encode("the man and a person")
    assert (small.start, small.end, small.size) == (8012, 8013, 8014)
    with pytest.raises(ValueError, match="0 to 48894"):
        Tokenizer(CLIP_MERGES + 1)


@pytest.mark.parametrize("around", ["like {}, slowly", "({})", "{}-walk", "x{}y", "{}", "“{}”"])
def test_words_are_found_next_to_anything(around):
    parts = Tokenizer(1500).split(around.format("<Old-Man2>"))
    assert [part for part in parts if isinstance(part, Slot)] == [Slot("<old-man2>")]
    before, after = around.lower().replace("“", '"').replace("”", '"').split("{}")
    ids = Tokenizer(1500).encode(before) + Tokenizer(1500).encode(after)
    assert [part for part in parts if not isinstance(part, Slot)] == ids


def test_comparisons_are_not_words():
    assert all(isinstance(part, int) for part in Tokenizer(1500).split("3 < 4 and 5 > 4, <3"))


# the tower


def open_clips_own(config):
    """open_clip's `TextTransformer` of that shape, which leaves pooling to its caller."""
    transformer = openclip.import_open_clip().transformer
    return transformer.TextTransformer(
        config.context, 512 + config.merges + 2, config.width, config.heads, config.layers, output_dim=config.d_text,
        act_layer=transformer.QuickGELU if config.quick_gelu else torch.nn.GELU, pool_type="none",
    )  # fmt: skip


@pytest.mark.parametrize("quick", [False, True])
def test_the_transformer_is_open_clips_bit_for_bit(quick):
    """Its first weights too; at inference the sums are taken in another order."""
    config = replace(TINY, quick_gelu=quick)
    torch.manual_seed(3)
    ours = TextTower(config).transformer.eval()
    torch.manual_seed(3)
    theirs = open_clips_own(config).eval()
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    assert all(torch.equal(theirs.state_dict()[name], tensor) for name, tensor in ours.state_dict().items())
    x, mask = torch.randn(2, 9, config.width), ours.attn_mask[:9, :9]
    for precision in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=precision):
            assert torch.equal(ours.transformer(x, attn_mask=mask), theirs.transformer(x, attn_mask=mask))
    with torch.no_grad():
        torch.testing.assert_close(ours.transformer(x, attn_mask=mask), theirs.transformer(x, attn_mask=mask))


def test_features_equal_open_clips_own_pooling(tower):
    prompts = ["a person walks", "someone waves the left hand, then sits down"]
    ids = torch.zeros(2, TINY.context, dtype=torch.long)
    for row, prompt in zip(ids, prompts, strict=True):
        found = [tower.tokenizer.start, *tower.tokenizer.encode(prompt), tower.tokenizer.end]
        row[: len(found)] = torch.tensor(found)
    theirs = open_clips_own(TINY)
    theirs.load_state_dict(tower.transformer.state_dict())
    theirs.pool_type = "argmax"
    assert torch.allclose(tower.encode(prompts), theirs(ids), atol=1e-5)
    assert tower.encode(prompts).shape == (2, tower.d_text)


def test_unused_words_change_no_bit(tower, words):
    prompts = ["a person walks", "", "someone kicks with the left leg"]
    assert torch.equal(tower.encode(prompts), tower.encode(prompts, words))


def test_a_feature_does_not_depend_on_its_batch(tower, words):
    prompts = ["a person", "a person walks in <elderly> style and sits down on a chair", "<moon>"]
    alone = torch.cat([tower.encode([prompt], words) for prompt in prompts])
    assert torch.allclose(tower.encode(prompts, words), alone, atol=1e-5)


def test_a_word_with_the_vectors_of_a_phrase_is_that_phrase(tower):
    words = {"<x>": tower.token_vectors("hunched over")}
    spliced = tower.encode(["a person walks <x>, slowly"], words)
    assert torch.equal(spliced, tower.encode(["a person walks hunched over, slowly"]))
    assert words["<x>"].shape == (len(tower.tokenizer.encode("hunched over")), tower.d_token)
    assert not words["<x>"].requires_grad


def test_several_words_arrays_and_capitals(tower, words):
    one = tower.encode(["a <Moon> does <MOON-WALK>"], words)
    as_arrays = {name.upper(): vectors.double().numpy() for name, vectors in words.items()}
    assert torch.equal(one, tower.encode(["a <moon> does <moon-walk>"], as_arrays))
    swapped = words | {"<moon-walk>": words["<moon-walk>"] + 1}
    assert not torch.equal(one, tower.encode(["a <moon> does <moon-walk>"], swapped))


def test_gradients_reach_the_words_named_and_nothing_else(tower, words):
    tower.requires_grad_(False)
    for vectors in words.values():
        vectors.requires_grad_()
    tower.encode(["a person walks in <elderly> style", "nothing"], words).square().sum().backward()
    assert words["<elderly>"].grad.abs().amin(dim=-1).gt(0).all()
    assert words["<moon>"].grad is None
    assert all(parameter.grad is None for parameter in tower.parameters())
    tower.requires_grad_(True)


def test_one_string_is_one_prompt(tower):
    assert torch.equal(tower.encode("a person walks"), tower.encode(["a person walks"]))


def test_unknown_words_are_listed(tower, words):
    with pytest.raises(LeadError, match=r"names <elderley>.*loaded: <elderly>, <moon-walk>, <moon>.*mean <elderly>\?"):
        tower.encode(["walks like <elderley>"], words)
    with pytest.raises(LeadError, match=r"names <\(\.\*\)>, which is not loaded; give its concept file"):
        tower.encode(["walks like <(.*)>"])


def test_prompts_that_are_too_long_say_how_long(tower, words):
    with pytest.raises(LeadError, match=r"has 102 tokens, the text tower reads 77: shorten it by 25 tokens"):
        tower.encode(["a " * 100])
    with pytest.raises(LeadError, match=r"80 tokens \(78 of them are learned words'\)"):
        tower.encode(["<moon-walk>" * 26], words)
    assert tower.encode(["a " * 75]).isfinite().all()


def test_words_that_do_not_fit_are_refused(tower):
    with pytest.raises(LeadError, match="'elderly' cannot be used in a prompt; expected a name in angle"):
        tower.encode(["a"], {"elderly": torch.zeros(1, 32)})
    for shape in ([2, 33], [32], [0, 32]):
        with pytest.raises(LeadError, match=r"this base model's words have \[vectors, 32\]"):
            tower.encode(["a"], {"<elderly>": torch.zeros(shape)})
    with pytest.raises(LeadError, match="has no words in it"):
        tower.token_vectors("  ")


def test_a_word_that_is_no_vectors_is_refused_by_its_type():
    code = (
        "from lead.text.tower import TextConfig, TextTower\n"
        "tower = TextTower(TextConfig(width=32, layers=1, heads=2, d_text=24, merges=300))\n"
        "tower.encode(['a <limp>'], {'<limp>': {'token_embedding': []}})"
    )  # a process of its own: here a type checker refuses it first
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert "LeadError: <limp> is given as dict; expected vectors [vectors, 32]" in done.stderr


def test_vocabulary_describes_whole_words(tower):
    vocabulary = tower.vocabulary()
    assert vocabulary.mean.shape == vocabulary.std.shape == (32,)
    assert 0 < vocabulary.norm < 10


def test_the_small_preset_has_the_size_it_should():
    count = sum(parameter.numel() for parameter in TextTower(PRESETS["small"]).parameters())
    assert 5.0e6 < count < 5.6e6


# sentences


def test_inflections():
    assert [inflection.third_person(v) for v in ("walk", "reach", "carry", "sway")] == [
        "walks", "reaches", "carries", "sways",
    ]  # fmt: skip
    assert [inflection.gerund(v) for v in ("walk", "raise", "run", "lie", "flee")] == [
        "walking", "raising", "running", "lying", "fleeing",
    ]  # fmt: skip


def test_sentences_are_complete_and_contrasts_differ():
    rng = random.Random(0)
    for _ in range(500):
        meaning = draw(rng)
        other = contrast(meaning, rng)
        assert other != meaning
        for sentence in (say(meaning, rng), say(other, rng)):
            assert re.fullmatch(r"[a-z0-9 ,.'-]+", sentence), sentence
            assert "  " not in sentence


def test_every_opposite_is_something_that_can_be_said():
    words = LEXICON
    kinds = (words.travel, words.sided, words.actions, words.directions, WAYS, SIDES)
    known = {key for kind in kinds for key in kind}
    assert set(words.opposites) <= known
    assert len({*words.travel, *words.sided, *words.actions}) == sum(map(len, kinds[:3]))


# training


@pytest.fixture
def data(tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / "texts").mkdir()
    (tmp_path / "new_joint_vecs").mkdir()
    Stats(np.zeros(263, np.float32), np.ones(263, np.float32)).write(tmp_path)
    for split in ("train", "val", "train_varied"):
        names = [f"{split}{i}" for i in range(8)]
        (tmp_path / f"{split}.txt").write_text("\n".join(names))
        for i, name in enumerate(names):
            motion = rng.normal(size=(20 + 4 * i, 263)) + i
            np.save(tmp_path / "new_joint_vecs" / f"{name}.npy", motion.astype(np.float32))
            lines = f"a person does thing {i}#x#0.0#0.0\nsomeone does {i} in <manner> style#x#0.0#0.0\n"
            (tmp_path / "texts" / f"{name}.txt").write_text(lines)
    return tmp_path


TRAIN = TrainConfig(steps=6, batch=4, warmup=1, report_every=1, save_every=2, lr=1e-3)
WEIGHTS = TextLoss(meanings=4, words=2, distinct_meanings=8, distinct_words=8)


def fake_teacher(sentences):
    return torch.stack([torch.randn(12, generator=torch.Generator().manual_seed(len(s))) for s in sentences])


def test_training_resumes_after_a_kill_as_if_nothing_happened(data, tmp_path, monkeypatch):
    whole = train_text(data, tmp_path / "a", TINY, TRAIN, WEIGHTS, teacher=fake_teacher)
    update = Stage.update

    def killed(stage, loss, parts):
        if stage.step == 5:
            raise KeyboardInterrupt
        update(stage, loss, parts)

    monkeypatch.setattr(Stage, "update", killed)
    with pytest.raises(KeyboardInterrupt):
        train_text(data, tmp_path / "b", TINY, TRAIN, WEIGHTS, teacher=fake_teacher)
    monkeypatch.undo()
    calls = []
    resumed = train_text(data, tmp_path / "b", TINY, TRAIN, WEIGHTS, teacher=lambda s: calls.append(s))
    assert not calls  # its answers are kept
    for (name, a), b in zip(whole.state_dict().items(), resumed.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    loaded = load_tower(tmp_path / "b")
    assert loaded.config == TINY
    assert torch.equal(loaded.encode(["a person walks"]), resumed.encode(["a person walks"]))
    assert loaded.encode(["a person does thing 1"]).square().mean().sqrt().item() == pytest.approx(1, abs=0.2)
    assert not (tmp_path / "b" / "text.checkpoint").exists()


def test_a_teachers_kept_answers_belong_to_their_sentences(tmp_path):
    for sentences in (
        ["b", "a", "a", "cc"],
        ["cc", "a"],
        ["dddd", "eee", "eee", "ddddd", "a"],
        ["ddddd", "eee"],
    ):
        assert torch.equal(embed_once(fake_teacher, sentences, tmp_path), fake_teacher(sentences).half().float())


def test_training_needs_no_teacher(data, tmp_path):
    weights = TextLoss(distil=0.0, meanings=4, words=2, distinct_meanings=8, distinct_words=8)
    assert train_text(data, tmp_path / "run", TINY, TRAIN, weights).d_text == 16


def test_info_nce_ignores_pairs_that_are_the_same():
    a, b = torch.eye(3), torch.tensor([[1.0, 0, 0], [1, 0, 0], [0, 0, 1]])
    same = torch.eye(3, dtype=torch.bool)
    masked = same.clone()
    masked[0, 1] = masked[1, 0] = True
    scores = a @ b.T / 0.1
    assert info_nce(scores, masked) < info_nce(scores, same)
    scores = scores.double()
    naive = 0.5 * (scores.logsumexp(1) + scores.logsumexp(0) - 2 * scores.diag()).mean()
    assert info_nce(scores.float(), same).item() == pytest.approx(naive.item(), rel=1e-5)


def test_captions_that_name_other_sides_are_not_alike():
    sentences = torch.ones(3, 4)
    captions = [["raises the left arm"], ["lifts the left hand"], ["raises the right arm"]]
    alike = find_paraphrases(sentences, captions, 0.9)
    assert alike.tolist() == [[True, True, False], [True, True, False], [False, False, True]]
    assert not find_paraphrases(torch.eye(3), captions, 0.9)[0, 1]
