"""Atomic writing: after any failure the old file is there, and nothing else."""

import os
from pathlib import Path

import pytest

from lead.motion import MotionError
from lead.motion.atomic import atomic_write, write_atomically


def test_what_fails_leaves_the_file_of_before(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    assert write_atomically(path, b"before") == path

    def fails(own_name: bool) -> None:
        with atomic_write(path, own_name) as partial:
            partial.write_bytes(b"half")
            assert path.read_bytes() == b"before"
            raise KeyboardInterrupt

    for own_name in (False, True):
        with pytest.raises(KeyboardInterrupt):
            fails(own_name)
    assert os.listdir(tmp_path) == ["a.npz"]
    assert path.read_bytes() == b"before"


def test_what_a_kill_left_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "a.partial").write_bytes(b"half of an earlier one")
    with atomic_write(tmp_path / "a") as partial:
        partial.write_bytes(b"whole")
    assert os.listdir(tmp_path) == ["a"]


def test_several_may_write_one_file_at_once(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    with atomic_write(path, own_name=True) as one, atomic_write(path, own_name=True) as other:
        one.write_bytes(b"one")
        other.write_bytes(b"other")
    assert path.read_bytes() == b"one"  # which was moved last
    assert os.listdir(tmp_path) == ["settings.json"]


def test_a_file_has_the_rights_that_others_have(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"")
    assert write_atomically(tmp_path / "one", b"").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(MotionError, match=r"absent/a\.bvh: cannot be written: No such file"):
        write_atomically(tmp_path / "absent" / "a.bvh", b"")
