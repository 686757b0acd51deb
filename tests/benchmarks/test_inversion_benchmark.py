"""The inversion benchmark: cells resume and go stale, figures are right, baselines do what they claim."""

import json
from argparse import Namespace
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console
from walks import synthesize_walk

from benchmarks.inversion import run as benchmark
from benchmarks.inversion.baselines import latent_offset, lora, mean_latent
from benchmarks.inversion.concepts import OTHERS, Subject, choose_subjects, list_judge_clips, subjects
from benchmarks.inversion.figures import cut_windows, kernel_distance, nearest, spread
from benchmarks.inversion.methods import METHODS, Method, MethodResult, make_generate
from benchmarks.inversion.report import estimate, format_page, list_rows, summarize
from benchmarks.judges.actions import ACTIONS, ActionJudge, split_clips
from benchmarks.judges.discriminant import compute_statistics, fit_discriminant, make_copies, mirror_name
from lead import Lead, LeadError, Motion
from lead.eval.metrics import Estimate

RNG = np.random.default_rng(0)
STYLE = Subject("elderly", "new", "elderly", 5)


class FixedRuler:
    """Counts what it is asked, and always answers the same."""

    digest = "fixed"

    def __init__(self) -> None:
        self.asked = 0

    def measure_motions(self, subject, exemplars, own, others, requests):
        self.asked += 1
        assert len(own) == 2 and len(others) == len(requests) == len(OTHERS)
        return {"wS": 0.5, "wC": None, "by prompt": {request.prompt: {"S": 1.0} for request in requests}}


@pytest.fixture
def clips() -> list[Motion]:
    return [synthesize_walk(), synthesize_walk().mirror()]


@pytest.fixture
def bench(tiny_base: Lead, tmp_path, monkeypatch) -> benchmark.Bench:
    monkeypatch.setattr(Subject, "exemplars", lambda subject, seed: [{"id": "a"}, {"id": "b"}])
    monkeypatch.setattr(benchmark, "load_motion", lambda row: synthesize_walk())
    return benchmark.Bench(tiny_base, FixedRuler(), tmp_path, 2, 0.0)


def run(bench: benchmark.Bench, methods: list[str], done: bool = False) -> list[dict]:
    options = Namespace(methods=methods, concepts=["elderly"], seeds=[0], done=done)
    return benchmark.run(bench, options, Console(quiet=True))


def test_finished_cells_are_reused_and_stale_cells_made_again(bench):
    first = run(bench, ["no-word"])
    assert first[0]["figures"]["leak"] == 0.0
    assert run(bench, ["no-word"]) == first
    assert bench.ruler.asked == 1
    bench.ruler.digest = "another judge"
    assert run(bench, ["no-word"])[0]["settings"] != first[0]["settings"]
    assert bench.ruler.asked == 2


def test_judging_again_does_not_learn_again(bench, monkeypatch):
    short = Method("recipe", lambda *a: METHODS["objective-text"].make(*a, steps=2), searches=True)
    monkeypatch.setitem(METHODS, "recipe", short)
    [cell] = run(bench, ["recipe"])
    assert cell["figures"]["bytes"] == bench.path(STYLE, "recipe", 0).with_suffix(".safetensors").stat().st_size
    bench.ruler.digest = "another judge"
    monkeypatch.setitem(METHODS, "recipe", replace(short, make=None))
    [again] = run(bench, ["recipe"])
    assert again["figures"]["seconds"] == cell["figures"]["seconds"]
    assert again["settings"]["judging"] != cell["settings"]["judging"]


def test_with_done_only_finished_cells_are_shown(bench):
    with pytest.raises(LeadError, match="without --done"):
        run(bench, ["no-word"], done=True)
    found = run(bench, ["no-word"])
    assert run(bench, ["no-word", "real-word"], done=True) == found


def test_a_changed_program_makes_learned_cells_stale_but_not_the_others(bench, monkeypatch):
    before = bench.settings("recipe"), bench.settings("lora-4")
    monkeypatch.setattr(benchmark, "program_digest", lambda: "changed")
    assert bench.settings("recipe")["learning"] != before[0]["learning"]
    assert bench.settings("lora-4") == before[1]


def test_a_lora_may_take_as_long_as_the_recipe_did(bench):
    assert bench._budget(STYLE, 0) == 0.0
    settings = bench.settings("recipe")
    path = bench.path(STYLE, "recipe", 0)
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"settings": settings, "figures": {"processor seconds": 7.5}}), encoding="utf-8")
    assert bench._budget(STYLE, 0) == 7.5


@pytest.mark.parametrize("make", [mean_latent, latent_offset])
def test_latent_baselines_leave_prompts_without_the_word_alone(tiny_base, clips, make):
    phrase, generate, size, _ = make(tiny_base, STYLE, clips, 0, 0.0)
    prompts = ["a person runs", f"a person walks{phrase}", "a person walks"]
    plain, styled, walk = generate(prompts, [2.0] * 3, 0, True)
    before = tiny_base.generate(["a person runs", "a person walks", "a person walks"], seconds=2.0)
    np.testing.assert_array_equal(plain.joints, before[0].joints)
    np.testing.assert_array_equal(walk.joints, before[2].joints)
    assert np.abs(styled.joints - before[1].joints).max() > 0
    assert size > 0


def test_the_mean_latent_of_one_clip_is_that_clip(tiny_base, clips):
    phrase, generate, *_ = mean_latent(tiny_base, STYLE, clips[:1], 0, 0.0)
    z, lengths = tiny_base.encode_motion(clips[:1])
    [motion] = generate([f"a person walks{phrase}"], [int(lengths) / 20], 0, False)
    np.testing.assert_allclose(motion.joints, tiny_base.decode(z, lengths, clean_feet=True)[0].joints, atol=1e-5)


@pytest.mark.parametrize("prior", [False, True])
def test_a_lora_changes_the_base_only_while_it_generates(tiny_base, clips, prior):
    fingerprints = tiny_base.compute_fingerprints()
    phrase, generate, size, steps = lora(tiny_base, STYLE, clips, 0, 0.0, rank=2, prior=prior)
    before = tiny_base.generate(["a person walks"], seconds=2.0)
    found = generate(["a person walks"], [2.0], 0, True)
    assert np.abs(found[0].joints - before[0].joints).max() > 0
    np.testing.assert_array_equal(tiny_base.generate(["a person walks"], seconds=2.0)[0].joints, before[0].joints)
    assert tiny_base.compute_fingerprints() == fingerprints
    assert (steps, "sks" in phrase) == (1, True)
    assert size > 0


def test_a_leak_is_measured(bench, monkeypatch):
    def leak(base, subject, clips, seed, budget):
        generate = make_generate(base)
        return MethodResult(
            "", lambda p, s, seed, realign: [replace(m, joints=m.joints + 0.25) for m in generate(p, s, 0, realign)]
        )

    monkeypatch.setitem(METHODS, "no-word", Method("leaky", leak))
    assert run(bench, ["no-word"])[0]["figures"]["leak"] == pytest.approx(0.25)


def test_kernel_distance_is_unbiased_and_grows_with_the_distance():
    a, b = RNG.standard_normal((2, 400, 8))
    small = np.mean([kernel_distance(x, y) for x, y in zip(np.split(a, 40), np.split(b, 40), strict=True)])
    assert abs(small) < 0.2
    assert kernel_distance(a, b + 1.0) > kernel_distance(a, b + 0.5) > 0.1


def test_spread_and_nearest_are_mean_distances():
    points = np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]])
    assert spread(points[:2]) == pytest.approx(5.0)
    assert spread(points[:1]) == 0.0
    assert nearest(points[:2], points[2:]) == pytest.approx((1.0 + np.sqrt(18.0)) / 2)


def test_windows_overlap_by_half_and_short_clips_stay_whole():
    clip = np.arange(170)[:, None]
    assert [(part[0, 0], len(part)) for part in cut_windows(clip)] == [(0, 80), (40, 80), (80, 80)]
    assert [len(part) for part in cut_windows(clip[:30])] == [30]


def test_the_discriminant_tells_classes_apart_and_measures_distance():
    centers = RNG.standard_normal((3, 20)) * 4
    labels = np.repeat(["a", "b", "c"], 60)
    rows = np.repeat(centers, 60, axis=0) + RNG.standard_normal((180, 20))
    judge = fit_discriminant(rows, labels)
    assert (judge.classify(rows) == labels).mean() > 0.98
    assert judge.distance(rows[:60], "a").mean() < judge.distance(rows[:60], "b").mean() / 2
    assert judge.distance(centers[:1] + 50.0, "a") > 10 * judge.distance(rows[:60], "a").max()


def test_what_is_farther_from_an_action_than_its_clips_is_none():
    clips = [synthesize_walk().features()[start : start + 40] for start in range(0, 20, 4)]
    still = [np.full_like(clip, 0.1) + 0.01 * RNG.standard_normal(clip.shape) for clip in clips]
    rows = compute_statistics([*clips, *still], extremes=True)
    judge = fit_discriminant(rows, np.repeat(["sneak", "other"], 5))
    limit = 1.01 * float(judge.distance(rows[:5], "sneak").max())
    assert ActionJudge(judge, {"sneak": limit}).classify([*clips, *still]).tolist() == ["sneak"] * 5 + ["none"] * 5
    strange = clips[0].copy()
    strange[:, 3:67] *= 1.5
    assert judge.classify(compute_statistics([strange], extremes=True)) == ["sneak"]
    assert ActionJudge(judge, {"sneak": limit}).classify([strange]) == ["none"]


def test_copies_are_mirrored_with_their_names():
    clip = synthesize_walk().features()[:, :67]
    found, names, owners = make_copies(
        [clip, clip], ["wave-left-hand", "walk"], [20, 1], np.random.default_rng(0), mirror_name
    )
    assert set(names[:20]) == {"wave-left-hand", "wave-right-hand"}
    assert (names[20], owners.tolist()) == ("walk", [0] * 20 + [1])
    rows = compute_statistics(found, extremes=True)
    assert np.isfinite(rows).all() and len(rows) == 21


def test_intervals_are_students_and_groups_are_averaged_within_a_seed():
    assert estimate([0.5]) == Estimate(0.5, 0.0)
    assert estimate([0.0, 1.0, 2.0]).interval == pytest.approx(4.303 / np.sqrt(3))
    cells = [
        {"concept": name, "method": "recipe", "seed": seed, "figures": {"wS": value, "eS": None, "bytes": 2000}}
        for name, seed, value in (
            ("elderly", 0, 0.0),
            ("exhausted", 0, 1.0),
            ("elderly", 1, 0.5),
            ("exhausted", 1, 0.5),
        )
    ]
    found = summarize(cells)
    assert found["wS"] == Estimate(0.5, 0.0)
    assert found["kB"].mean == 2.0
    assert "eS" not in found
    assert list_rows(cells, ("wS", "eS", "kB")) == [("recipe (balanced)", ".500", "-", "2.00")]


def test_the_report_has_judges_groups_and_concepts():
    cells = [
        {
            "concept": name, "method": "recipe", "seed": 0, "settings": {"judging": {"count": 32}},
            "figures": {"wS": 1.0, "leak": 0.0, "plain": {"wS": 0.25}, "by prompt": {"a person runs{}": {"S": 0.75}}},
        }
        for name in ("elderly", "exhausted")
    ]  # fmt: skip
    text = format_page(cells, {"actions": {"sneak": {"clips": 10, "action": 1.0}}}, "tiny", ["--done"])
    assert "python -m benchmarks.inversion --done" in text
    assert "## elderly and exhausted (2)" in text
    assert "| actions | sneak | 10 | - | 1.000 |" in text
    assert "| recipe (balanced) | plain | .250 |" in text
    assert "| a person runs ... | .750 |" in text


def test_phrases_fill_the_gap(pack):
    action = Subject("sneak", "action", "sneak", 5)
    old = Subject("fewshot-old", "fewshot", "old", 2)
    assert STYLE.own.prompt.format(STYLE.word_phrase) == "a person walks in <concept> style"
    assert STYLE.own.prompt.format(STYLE.no_phrase) == "a person walks"
    assert old.real_phrase == " in an old style"
    assert action.others[0].prompt.format(action.word_phrase) == "a person does <concept> slowly"
    assert (action.real_phrase, action.format_phrase("sks")) == ("sneaks", "does sks")


def test_unknown_concepts_are_named():
    with pytest.raises(LeadError, match=r"no concept moonwalk: choose among new, fewshot, .*ballet"):
        choose_subjects(["moonwalk"])
    assert [subject.name for subject in choose_subjects(["new", "sneak"])] == ["elderly", "exhausted", "sneak"]


def test_no_judge_learns_from_the_clips_of_concepts(pack):
    for subject in subjects().values():
        selected = [tuple(row["id"] for row in subject.exemplars(seed)) for seed in (0, 0, 1, 2)]
        everything = subject.draw >= len(subject.pool)
        assert selected[0] == selected[1] and len(set(selected[0])) == min(subject.draw, len(subject.pool))
        assert len(set(selected)) == (1 if everything else 3)
        assert not {*selected[0], *(row["id"] for row in subject.pool)} & list_judge_clips()
        rest = {row["id"] for row in subject.real_own(subject.exemplars(0))}
        assert not rest & set(selected[0]) or subject.group == "fewshot"
        contents = {row["content"] for row in subject.exemplars(0)}
        assert len(contents) == (subject.draw if subject.mixed else 1) or subject.group == "action"
        assert 0.8 <= subject.own.seconds <= 9.6
    for action in ACTIONS:
        pool, rest = split_clips(action)
        assert len(pool) >= 10 and len(rest) >= 6
        assert not {row["id"] for row in pool} & {row["id"] for row in rest}


def test_results_are_a_line_a_cell(tmp_path):
    figures = {"wS": 1 / 3, "eC": None, "steps": 64, "plain": {"wS": 0.5}, "by prompt": {"a person runs{}": {"S": 1.0}}}
    cells = [{"concept": "elderly", "method": "recipe", "seed": seed, "figures": figures} for seed in (0, 1)]
    benchmark.write_results(tmp_path / "cells.jsonl", cells)
    rows = [json.loads(line) for line in (tmp_path / "cells.jsonl").read_text().splitlines()]
    assert [row["seed"] for row in rows] == [0, 1] and rows[0]["concept"] == "elderly"
    assert rows[0]["figures"] == {"wS": 0.3333, "eC": None, "steps": 64, "plain": {"wS": 0.5}}
