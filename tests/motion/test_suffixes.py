"""The table of suffixes: every format has a reader, and every array format is readable."""

from importlib import import_module

import pytest

from lead.motion import Motion
from lead.motion.suffixes import ARRAYS, READS, SCENE_FORMATS, SKELETON_FORMATS, SKELETONS, WRITES


@pytest.mark.parametrize("suffix", SKELETONS)
def test_every_skeleton_has_a_reader(suffix: str) -> None:
    if suffix in SCENE_FORMATS:
        assert callable(import_module(f"lead.motion.formats.{SCENE_FORMATS[suffix]}").read_scene)
    else:
        assert callable(import_module(f"lead.motion.formats.{SKELETON_FORMATS[suffix]}").read_skeleton)


@pytest.mark.parametrize("suffix", sorted({*WRITES} - {".fbx"}))  # which Blender writes: bodies/test_fbx_export
def test_what_is_written_is_read(tmp_path, make_walk, suffix: str) -> None:
    assert (suffix in READS) == (suffix != ".usda")
    path = Motion(make_walk(20)).save(tmp_path / f"clip{suffix}")
    assert suffix == ".usda" or len(Motion.read(path).joints) == 20


def test_a_suffix_stands_once() -> None:
    assert len({*READS}) == len(READS) == len(SKELETONS) + len(ARRAYS)
