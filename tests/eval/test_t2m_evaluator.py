"""The published evaluator: random weights under its key names, a small GloVe folder, naive references."""

import pickle
from dataclasses import astuple
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from lead.errors import LeadError
from lead.eval.t2m_evaluator import (
    OWN_TAGS,
    TAGS,
    Glove,
    SequenceEncoder,
    T2MEvaluator,
    T2MSizes,
    TextEncoder,
    read_tokens,
)
from lead.motion.features import Stats

SMALL = T2MSizes(feats=263, d_conv=6, d_token=5, d_motion=8, d_word=4, d_text=7, d=3)
WORDS = ("unk", "sos", "eos", "a", "person", "walks", "walk")
TOKENS = {
    "a person walks": ["a/DET", "person/NOUN", "walks/VERB"],
    "a person likes to walk": ["a/DET", "person/NOUN", "likes/VERB", "to/PART", "walk/VERB"],
}
PUBLISHED_SHAPES = {
    "movement_encoder": {
        "main.0.weight": (512, 259, 4),
        "main.0.bias": (512,),
        "main.3.weight": (512, 512, 4),
        "main.3.bias": (512,),
        "out_net.weight": (512, 512),
        "out_net.bias": (512,),
    },
    "motion_encoder": {
        "hidden": (2, 1, 1024),
        "input_emb.weight": (1024, 512),
        "input_emb.bias": (1024,),
        **{
            f"gru.{name}_l0{way}": shape
            for way in ("", "_reverse")
            for name, shape in (
                ("weight_ih", (3072, 1024)),
                ("weight_hh", (3072, 1024)),
                ("bias_ih", (3072,)),
                ("bias_hh", (3072,)),
            )
        },
        "output_net.0.weight": (1024, 2048),
        "output_net.0.bias": (1024,),
        "output_net.1.weight": (1024,),
        "output_net.1.bias": (1024,),
        "output_net.3.weight": (512, 1024),
        "output_net.3.bias": (512,),
    },
    "text_encoder": {
        "hidden": (2, 1, 512),
        "pos_emb.weight": (300, 15),
        "pos_emb.bias": (300,),
        "input_emb.weight": (512, 300),
        "input_emb.bias": (512,),
        **{
            f"gru.{name}_l0{way}": shape
            for way in ("", "_reverse")
            for name, shape in (
                ("weight_ih", (1536, 512)),
                ("weight_hh", (1536, 512)),
                ("bias_ih", (1536,)),
                ("bias_hh", (1536,)),
            )
        },
        "output_net.0.weight": (512, 1024),
        "output_net.0.bias": (512,),
        "output_net.1.weight": (512,),
        "output_net.1.bias": (512,),
        "output_net.3.weight": (512, 512),
        "output_net.3.bias": (512,),
    },
}


def glove():
    rng = np.random.default_rng(0)
    return Glove({word: rng.normal(size=SMALL.d_word) for word in WORDS})


def random_stats(feats):
    rng = np.random.default_rng(1)
    return Stats(rng.normal(size=feats).astype(np.float32), rng.uniform(0.5, 2.0, size=feats).astype(np.float32))


def small_evaluator(sizes=SMALL):
    torch.manual_seed(0)
    return T2MEvaluator(sizes, random_stats(sizes.feats), glove(), TOKENS)


@pytest.fixture
def archive(tmp_path):
    """The authors' folders with small random weights; returns the evaluator that they hold."""
    evaluator = small_evaluator()
    checkpoint = {name: getattr(evaluator, name).state_dict() for name in PUBLISHED_SHAPES}
    checkpoint |= {"opt_text_encoder": {"state": {}, "param_groups": [{"lr": 1e-4}]}, "epoch": 7, "iter": 99}
    for folder in ("t2m/text_mot_match/model", "t2m/Comp_v6_KLD01/meta", "glove"):
        (tmp_path / folder).mkdir(parents=True)
    torch.save(checkpoint, tmp_path / "t2m/text_mot_match/model/finest.tar")
    np.save(tmp_path / "t2m/Comp_v6_KLD01/meta/mean.npy", evaluator.mean.numpy())
    np.save(tmp_path / "t2m/Comp_v6_KLD01/meta/std.npy", evaluator.std.numpy())
    write_glove(tmp_path / "glove")
    return evaluator


def write_glove(folder):
    order = list(reversed(WORDS))  # rows need not lie in the words' order
    np.save(folder / "our_vab_data.npy", np.stack([glove().vectors[word] for word in order]))
    (folder / "our_vab_words.pkl").write_bytes(pickle.dumps(list(WORDS)))
    (folder / "our_vab_idx.pkl").write_bytes(pickle.dumps({word: order.index(word) for word in WORDS}))


def load(folder, **options):
    return T2MEvaluator.load(folder / "t2m/text_mot_match/model/finest.tar", folder / "glove", TOKENS, **options)


def test_names_and_shapes_are_the_published_ones():
    with torch.device("meta"):
        sizes = T2MSizes()
        stats = Stats(np.zeros(sizes.feats, np.float32), np.ones(sizes.feats, np.float32))
        evaluator = T2MEvaluator(sizes, stats, glove(), {})
    for name, shapes in PUBLISHED_SHAPES.items():
        state = getattr(evaluator, name).state_dict()
        assert {key: tuple(value.shape) for key, value in state.items()} == shapes


def test_the_files_bring_back_the_evaluator(archive, tmp_path):
    again = load(tmp_path)
    assert astuple(again.sizes) == astuple(SMALL)
    assert again.feats == 263
    rng = np.random.default_rng(0)
    clips = [rng.normal(size=(frames, 263)).astype(np.float32) for frames in (40, 196)]
    np.testing.assert_array_equal(again.embed_motions(clips), archive.embed_motions(clips))
    np.testing.assert_allclose(again.embed_texts(list(TOKENS)), archive.embed_texts(list(TOKENS)), rtol=1e-6)


def test_sizes_follow_from_the_tensors_so_that_kit_loads_too():
    sizes = T2MSizes(**{**vars(SMALL), "feats": 251})
    evaluator = small_evaluator(sizes)
    assert evaluator.movement_encoder.main[0].weight.shape[1] == 247
    clip = np.random.default_rng(0).normal(size=(24, 251)).astype(np.float32)
    assert evaluator.embed_motions([clip]).shape == (1, 3)


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("t2m/text_mot_match/model/finest.tar", "text_mot_match/model/finest.tar"),
        ("t2m/Comp_v6_KLD01/meta/mean.npy", "Comp_v6_"),
        ("t2m/Comp_v6_KLD01/meta/std.npy", "Comp_v6_"),
        ("glove/our_vab_data.npy", "glove"),
        ("glove/our_vab_words.pkl", "glove"),
        ("glove/our_vab_idx.pkl", "glove"),
    ],
)
def test_each_missing_file_is_named_with_its_source(archive, tmp_path, missing, message):
    (tmp_path / missing).unlink()
    with pytest.raises(LeadError) as error:
        load(tmp_path)
    name = missing.rsplit("/", 1)[-1]
    for words in (name, message, "github.com/EricGuo5513/text-to-motion"):
        assert words in str(error.value)


def test_the_statistics_are_found_or_asked_for(archive, tmp_path):
    (tmp_path / "t2m/Comp_v6_KLD01").rename(tmp_path / "elsewhere")
    with pytest.raises(LeadError, match=r"0 folders Comp_v6.*--meta"):
        load(tmp_path)
    np.testing.assert_array_equal(load(tmp_path, meta=tmp_path / "elsewhere/meta").mean, archive.mean)
    np.save(tmp_path / "elsewhere/meta/std.npy", np.ones(251))
    with pytest.raises(LeadError, match=r"\(263,\) and \(251,\).*263 numbers"):
        load(tmp_path, meta=tmp_path / "elsewhere/meta")


def test_pickles_are_read_without_running_them(archive, tmp_path):
    class Harmful:
        def __reduce__(self):
            return print, ("run",)

    path = tmp_path / "glove/our_vab_words.pkl"
    path.write_bytes(pickle.dumps([Harmful()]))
    with pytest.raises(LeadError, match=r"our_vab_words\.pkl is not a pickle of plain words.*builtins\.print"):
        load(tmp_path)
    path.write_bytes(pickle.dumps(["unk", "absent"]))
    with pytest.raises(LeadError, match="do not belong together"):
        load(tmp_path)
    path.write_bytes(pickle.dumps(["walk"]))
    with pytest.raises(LeadError, match="no word `unk`"):
        load(tmp_path)


def test_a_file_that_is_no_evaluator_is_refused(archive, tmp_path):
    path = tmp_path / "t2m/text_mot_match/model/finest.tar"
    checkpoint = torch.load(path, weights_only=True)
    torch.save({"movement_encoder": {}}, path)
    with pytest.raises(LeadError, match="has no motion_encoder, text_encoder"):
        load(tmp_path)
    torch.save(checkpoint | {"motion_encoder": {}}, path)
    with pytest.raises(LeadError, match=r"lacks 'input_emb.weight'"):
        load(tmp_path)
    del checkpoint["text_encoder"]["hidden"]
    torch.save(checkpoint, path)
    with pytest.raises(LeadError, match="text_encoder is not the published"):
        load(tmp_path)
    path.write_bytes(b"no checkpoint")
    with pytest.raises(LeadError, match="not a PyTorch checkpoint"):
        load(tmp_path)


def test_words_are_put_between_sos_and_eos_with_their_tags():
    vectors, tags = glove().encode(["a/DET", "person/NOUN", "likes/VERB", "walk/VERB", "walks/XYZ"])
    known = glove().vectors
    for row, word in zip(vectors, ("sos", "a", "person", "unk", "walk", "walks", "eos"), strict=True):
        np.testing.assert_allclose(row, known[word], rtol=1e-6)
    expected = ["OTHER", "DET", "NOUN", "OTHER", "Act_VIP", "OTHER", "OTHER"]
    assert [TAGS[tag] for tag in tags] == expected
    assert len(TAGS) == 15
    assert [len(words.split()) for words in OWN_TAGS.values()] == [12, 13, 10, 34, 12]
    assert len(glove().encode(["a/DET"] * 50)[1]) == 22


def naive_gru_last(gru, x, start, suffix):
    """The last state of a GRU over one sequence [n, d], step by step (Cho et al. 2014, PyTorch's gate order)."""
    w_ih, w_hh, b_ih, b_hh = (
        getattr(gru, f"{name}_l0{suffix}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    h = start
    for step in x.flip(0) if suffix else x:
        of_x, of_h = (w_ih @ step + b_ih).chunk(3), (w_hh @ h + b_hh).chunk(3)
        reset, update = (of_x[0] + of_h[0]).sigmoid(), (of_x[1] + of_h[1]).sigmoid()
        new = (of_x[2] + reset * of_h[2]).tanh()
        h = (1 - update) * new + update * h
    return h


def test_sequences_of_any_lengths_in_any_order_are_encoded_as_one_by_one():
    torch.manual_seed(0)
    encoder = SequenceEncoder(5, 6, 4).double().requires_grad_(False)
    lengths = torch.tensor([3, 9, 1, 9, 4])
    x = torch.randn(5, 9, 5, dtype=torch.float64)  # what lies past an end is no zero, and is not read
    together = encoder(x, lengths)
    for row, n, seen in zip(x, lengths.tolist(), together, strict=True):
        inputs = encoder.input_emb(row[:n])
        ways = zip(("", "_reverse"), encoder.hidden[:, 0], strict=True)
        last = [naive_gru_last(encoder.gru, inputs, start, way) for way, start in ways]
        torch.testing.assert_close(seen, encoder.output_net(torch.cat(last)), rtol=1e-10, atol=1e-12)


def test_words_are_glove_plus_their_tags_embedding():
    torch.manual_seed(0)
    encoder = TextEncoder(4, 6, 3).requires_grad_(False)
    words, tags, lengths = torch.randn(2, 5, 4), torch.randint(15, (2, 5)), torch.tensor([5, 2])
    naive = words + encoder.pos_emb.weight.T[tags] + encoder.pos_emb.bias
    torch.testing.assert_close(encoder.encode(words, tags, lengths), encoder(naive, lengths))


def test_a_motion_is_normalized_followed_by_zeros_and_read_without_its_contacts():
    evaluator = small_evaluator()
    rng = np.random.default_rng(0)
    clips = [rng.normal(size=(frames, 263)).astype(np.float32) for frames in (30, 196, 44, 210)]
    together = evaluator.embed_motions(clips)
    alone = np.concatenate([evaluator.embed_motions([clip]) for clip in clips])
    np.testing.assert_allclose(together, alone, atol=1e-5)

    x = torch.zeros(1, 196, 263)
    x[0, :30] = (torch.from_numpy(clips[0]) - evaluator.mean) / evaluator.std
    movement = evaluator.movement_encoder(x[..., :259])
    assert movement.shape == (1, 49, SMALL.d_token)
    naive = evaluator.motion_encoder(movement[:, :7], torch.tensor([7]))  # 30 // 4
    np.testing.assert_allclose(together[:1], naive.numpy(), atol=1e-5)

    clips[0][:, 259:] += 1.0
    np.testing.assert_allclose(evaluator.embed_motions(clips), together, atol=1e-5)


def test_tokens_come_from_the_texts_files_of_the_splits(tmp_path):
    (tmp_path / "texts").mkdir()
    (tmp_path / "test.txt").write_text("000001\n000002\n000003\n")
    (tmp_path / "texts/000001.txt").write_text("a person walks#a/DET person/NOUN walk/VERB#0.0#0.0\n")
    (tmp_path / "texts/000002.txt").write_text("he runs.#he/PRON run/VERB#0.5#3.0\nhe sits#he/PRON sit/VERB#0.0#0.0\n")
    tokens = read_tokens(tmp_path, ["test"])
    assert tokens == {
        "a person walks": ["a/DET", "person/NOUN", "walk/VERB"],
        "he runs.": ["he/PRON", "run/VERB"],
        "he sits": ["he/PRON", "sit/VERB"],
    }
    with pytest.raises(LeadError, match=r"val\.txt is missing"):
        read_tokens(tmp_path, ["val"])
    with pytest.raises(LeadError, match="'a cat sleeps'"):
        small_evaluator().embed_texts(["a person walks", "a cat sleeps"])


def test_the_command_judges_with_it(archive, tmp_path, monkeypatch):
    from typer.testing import CliRunner

    from cli.base import app
    from lead import model
    from lead.eval import protocol as evaluate

    (tmp_path / "texts").mkdir()
    (tmp_path / "test.txt").write_text("1\n")
    (tmp_path / "texts/1.txt").write_text("a person walks#a/DET person/NOUN walks/VERB#0.0#0.0\n")
    seen = []

    def evaluated(base, evaluator, *rest):
        seen.append(evaluator.embed_texts(["a person walks"]))
        return {}

    monkeypatch.setattr(evaluate, "evaluate", evaluated)
    monkeypatch.setattr(model.Lead, "load", lambda *args, **options: SimpleNamespace(name="tiny"))
    path = tmp_path / "t2m/text_mot_match/model/finest.tar"
    options = ["--evaluator", path, "--glove", tmp_path / "glove", "--device", "cpu", "--json"]
    result = CliRunner().invoke(app, ["eval", str(tmp_path), *map(str, options)])
    assert result.exit_code == 0, result.output
    np.testing.assert_allclose(seen[0], archive.embed_texts(["a person walks"]), rtol=1e-6)
