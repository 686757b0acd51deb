"""What views show beside generated motions: the nearest exemplar, and the same seed without the word."""

import json
from pathlib import Path

import numpy as np
import pytest
from walks import synthesize_walk

from cli.beside import choose_exemplars, find_nearest, generate_plain, remove_words
from cli.prompt_record import RECORD, find_prompt, record_prompts
from concepts import Concept
from lead import Motion
from lead.model import Lead
from lead.motion.processing.rigid import is_rigid
from lead.motion.skeleton import tpose


@pytest.mark.parametrize(
    ("prompt", "plain"),
    [
        ("a person walks in <x> style", "a person walks"),
        ("a person waves in (<x>:0.6) style, then walks", "a person waves, then walks"),
        ("a person walks (in <x> style:0.5)", "a person walks"),
        ("a person runs like <x>", "a person runs"),
        ("a person runs like a <x> and jumps in the style of <y>", "a person runs and jumps"),
        ("a person does <y>", "a person kicks high"),
        ("a person does a <x>", "a person moves normally"),
        ("<X> happens", "normally happens"),
        ("a person  walks", "a person  walks"),
    ],
)
def test_words_are_taken_out_of_prompts(prompt: str, plain: str) -> None:
    assert remove_words(prompt, {"<x>": "", "<y>": "kicks high"}) == plain


def make_concept() -> Concept:
    vectors = np.ones((1, 4), np.float32)
    return Concept(token="<x>", token_embedding=vectors, kind="style", base="base", fingerprints={"text": "0" * 16})


def test_each_prompt_with_a_word_has_one_plain_motion() -> None:
    concept = make_concept()
    asked = []

    def generate(prompt: str, place: int) -> Motion:
        asked.append((prompt, place))
        return synthesize_walk()

    prompts = ["a person walks"] * 2 + ["a person runs in <x> style"] * 2
    plain = generate_plain([concept], prompts, generate)
    assert asked == [("a person runs", 2)]
    assert plain[2].name == "without <x>, same seed: a person runs"


def test_a_prompt_alone_at_a_place_has_the_noise_of_that_place(tiny_base: Lead) -> None:
    three = tiny_base.generate(["a person walks"] * 3, seconds=2.0, steps=2)
    (alone,) = tiny_base.generate(["a person walks"], seconds=2.0, steps=2, first=2)
    np.testing.assert_allclose(alone.joints, three[2].joints, atol=1e-4)
    assert np.abs(alone.joints - three[0].joints).max() > 1e-3


def test_the_nearest_clip_is_shown_on_the_body_of_generations() -> None:
    still = Motion((1.2 * tpose())[None].repeat(60, 0).astype(np.float32), fps=20.0, name="still")
    walk = Motion(1.2 * synthesize_walk(3.0, seed=1).joints, fps=20.0, name="walk")
    assert find_nearest([still, walk], [synthesize_walk(3.0)]) == 1
    assert find_nearest([still, walk], [Motion(tpose()[None].repeat(60, 0).astype(np.float32), fps=20.0)]) == 0
    concept = make_concept()
    prompts, motions = ["a person walks", "a person walks in <x> style"], [still, synthesize_walk(3.0)]
    (shown,) = choose_exemplars([concept], prompts, motions, [still, walk])
    assert shown.name == "nearest exemplar to a person walks in <x> style: walk"
    assert is_rigid(shown.joints) and not is_rigid(walk.joints)
    assert choose_exemplars([concept], prompts, motions, []) == []


def test_the_record_says_the_prompt_of_a_file(tmp_path: Path) -> None:
    files = [[tmp_path / "a.bvh", tmp_path / "a.npz"], [tmp_path / "b.bvh"], []]
    record_prompts(tmp_path, ["a person walks", "geht <x>\n", "no file"], files, 3)
    record_prompts(tmp_path, ["a person runs"], [[tmp_path / "b.bvh"]], 4)
    found = [find_prompt(tmp_path / name) for name in ("a.npz", "b.bvh", "c.bvh")]
    assert found == ["a person walks", "a person runs", ""]
    rows = [json.loads(line) for line in (tmp_path / RECORD).read_text().splitlines()]
    assert rows[1] == {"prompt": "a person runs", "seed": 4, "files": ["b.bvh"]} and len(rows) == 2
    before = (tmp_path / RECORD).read_bytes()
    record_prompts(tmp_path, ["a person walks"], files[:1], 3)
    assert (tmp_path / RECORD).read_bytes() == before


@pytest.mark.parametrize("text", ["", "{", "[1]\nnull", '{"prompt": 3, "files": ["a.bvh"]}', "[" * 100_000, "\xff"])
def test_a_damaged_record_is_passed_by(tmp_path: Path, text: str) -> None:
    (tmp_path / RECORD).write_text(text, encoding="latin-1")
    assert find_prompt(tmp_path / "a.bvh") == ""
