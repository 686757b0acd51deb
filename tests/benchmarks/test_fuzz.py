"""Damaged files: a seed always gives the same damage, and readers return or refuse a few hundred inputs."""

import random

import pytest

from benchmarks.robustness import fuzz
from benchmarks.robustness.fuzz_targets import TARGETS, make_small_motion
from benchmarks.robustness.mutations import mutate_bytes, mutate_tree, mutate_zip
from lead.motion.errors import MotionError

QUICK = ("bvh", "npz", "amass", "npy", "fbx", "glb", "gltf", "body model", "rig map", "captions", "timeline",
         "timeline: TOML", "waypoints", "waypoints: TOML", "waypoints: CSV", "concept",
         "metrics", "data: features", "data: statistics", "data: lists")  # fmt: skip


def test_damage_follows_from_the_seed(tmp_path):
    whole = make_small_motion().save(tmp_path / "a.npz").read_bytes()
    for mutate in (mutate_bytes, mutate_zip):
        twice = [[mutate(random.Random(n), whole) for n in range(20)] for _ in range(2)]
        assert twice[0] == twice[1] and len(set(twice[0])) > 15
    tree = {"a": [1, {"b": "c"}], "d": 2.5}
    assert len({repr(mutate_tree(random.Random(n), tree)) for n in range(40)}) > 20
    assert tree == {"a": [1, {"b": "c"}], "d": 2.5}


@pytest.mark.parametrize("kind", QUICK)
def test_damaged_files_are_read_or_refused(kind, tmp_path):
    target = TARGETS[kind]
    whole = list(target.seeds())
    target.beside(tmp_path)
    outcomes = []
    for number in range(12):
        data = fuzz._make_input(target, kind, number, 7, whole)
        outcome, what = fuzz._try_input(target, tmp_path, data)
        assert outcome != "failed", f"{kind}:{number}: {what}"
        outcomes.append(outcome)
    assert "refused" in outcomes or kind in ("metrics", "data: features")


def test_a_fault_of_a_reader_is_seen_and_placed(tmp_path, monkeypatch):
    target = TARGETS["bvh"]

    def raise_fault(path):
        raise KeyError("x") if path.stat().st_size % 2 else MotionError(f"{path}: no")

    from dataclasses import replace

    broken_target = replace(target, read=raise_fault)
    assert fuzz._try_input(broken_target, tmp_path, b"12") == ("refused", "")
    outcome, what = fuzz._try_input(broken_target, tmp_path, b"123")
    assert outcome == "failed" and what.startswith("KeyError at tests/benchmarks/test_fuzz.py:")


def test_a_worker_that_dies_is_a_failure(monkeypatch):
    def end_process(target, folder, data):
        if data == b"3":
            fuzz.os._exit(9)
        return "read", ""

    monkeypatch.setattr(fuzz, "_try_input", end_process)
    monkeypatch.setattr(fuzz, "_make_input", lambda target, kind, number, seed, whole: str(number).encode())
    counts, failures = fuzz.Counter(), []
    for more, found in fuzz._try_inputs("captions", 8, 0):
        counts += more
        failures += found
    assert counts == {"read": 7, "failed": 1} and failures == [(3, "the process ended with 9")]
