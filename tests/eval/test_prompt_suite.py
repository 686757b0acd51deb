"""The table of prompts, and the suite on a stand-in for the base."""

from types import SimpleNamespace

import numpy as np
import pytest
from walks import synthesize_walk

from lead.errors import LeadError
from lead.eval.prompt_suite import Kind, read_kinds, run_suite
from lead.model import Lead
from lead.motion import Motion
from lead.motion.skeleton import tpose

KINDS = (
    Kind("walk", "walking", "walk()", ("a person walks forward", "walk"), (2.0, 4.0)),
    Kind("stand", "standing", "stand_still()", ("a person stands still",)),
)


class FakeBase(Lead):
    """Walks, whatever is asked; but stands for every other sample of "walk"."""

    config = SimpleNamespace(name="fake")

    def __init__(self):
        self.asked = []

    def generate(self, prompts, *, seconds, seed, batch):
        assert len(prompts) == len(seed)
        self.asked += [(prompt, seconds, one) for prompt, one in zip(prompts, seed, strict=True)]
        walk = synthesize_walk(seconds, 12.5)
        still = Motion(np.repeat(tpose()[None], len(walk.joints), axis=0).astype(np.float32), 12.5)
        return [still if prompt == "walk" and row % 2 else walk for row, prompt in enumerate(prompts)]


def test_the_table_has_what_the_suite_promises():
    kinds = read_kinds()
    assert len(kinds) >= 75
    assert sum(len(kind.prompts) for kind in kinds) >= 120
    prompts = [prompt for kind in kinds for prompt in kind.prompts]
    assert len(set(prompts)) == len(prompts)
    assert all(len(kind.prompts) >= 2 for kind in kinds)
    assert sum(kind.check.startswith("then(") for kind in kinds) >= 15
    assert sum(kind.family == "at the same time" for kind in kinds) >= 12
    assert {length for kind in kinds for length in kind.seconds} == {2.0, 4.0, 8.0}


def test_shares_are_of_motions_lengths_and_prompts():
    base, seen = FakeBase(), []
    result = run_suite(base, KINDS, samples=4, batch=8, progress=lambda *counts: seen.append(counts))
    rows = {row.prompt: row for row in result.prompts}
    assert rows["a person walks forward"].shares == {2.0: 1.0, 4.0: 1.0}
    assert rows["walk"].shares == {2.0: 0.5, 4.0: 0.5}
    assert rows["a person stands still"].shares == {2.0: 0.0, 4.0: 0.0, 8.0: 0.0}
    assert (result.all.prompts, result.all.mean, result.all.mostly) == (3, 0.5, pytest.approx(1 / 3))
    assert result.plain.mean == 0.5 and result.paraphrases.mean == 0.5
    assert result.families["walking"].mean == 0.75 and result.kinds["stand"].mean == 0.0
    assert result.lengths[8.0].prompts == 1
    assert seen[-1] == (7 * 4, 7 * 4) and len(base.asked) == 7 * 4
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_a_prompt_is_drawn_alike_in_every_table():
    one, other = FakeBase(), FakeBase()
    run_suite(one, KINDS, samples=2, seconds=(2.0,))
    run_suite(other, KINDS[1:], samples=2, seconds=(2.0,))
    assert one.asked[-2:] == other.asked
    again = FakeBase()
    run_suite(again, KINDS[1:], samples=2, seconds=(2.0,), seed=1)
    assert {seed for *_, seed in again.asked}.isdisjoint(seed for *_, seed in other.asked)


def test_a_length_that_no_prompt_has_is_refused():
    with pytest.raises(LeadError, match=r"No prompt is meant for a length of 3 s"):
        run_suite(FakeBase(), KINDS, seconds=(3.0,))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("kinds = 3", "expected"),
        ("", "no table of prompts"),
        (f"kinds = {'9' * 5000}", "no table of prompts"),
        (f"kinds = 0x{'f' * 5000}", "found kinds of type int"),
        (f"[[kinds]]\nname = 0x{'f' * 5000}", "a kind without a name: no check"),
        ('[[kinds]]\nname = "a"\nfamily = 3\ncheck = "walk()"\nprompts = ["x"]', "a: expected texts"),
        (f'[[kinds]]\nname = "a"\nfamily = "b"\ncheck = "walk()"\nprompts = ["x"]\nseconds = [{"9" * 400}]',
         "a: expected numbers of seconds"),
        ('[[kinds]]\nname = "a"', "a: no check, family, prompts"),
        ('[[kinds]]\nname = "a"\nfamily = "b"\ncheck = "walk()"\nprompts = ["x"]\nlength = 3', "unknown length"),
        ('[[kinds]]\nname = "a"\nfamily = "b"\ncheck = "walk()"\nprompts = []', "lists of one or more"),
        ('[[kinds]]\nname = "a"\nfamily = "b"\ncheck = "fly()"\nprompts = ["x"]', "no check is called fly"),
    ],
)
def test_a_table_that_is_none_is_refused(tmp_path, text, found):
    (tmp_path / "prompts.toml").write_text(text)
    with pytest.raises(LeadError, match=found):
        read_kinds(tmp_path / "prompts.toml")


def test_a_kind_that_stands_twice_is_refused(tmp_path):
    row = '[[kinds]]\nname = "a"\nfamily = "b"\ncheck = "walk()"\nprompts = ["x"]\n'
    (tmp_path / "prompts.toml").write_text(row + row)
    with pytest.raises(LeadError, match="a stands twice"):
        read_kinds(tmp_path / "prompts.toml")
