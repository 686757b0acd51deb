"""Constraints of `generate`, as options and files say them; each fault is one clear message."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from commands import fails
from hypothesis import given
from hypothesis import strategies as st

from cli.errors import UsageError
from cli.jobs.read_constraints import ConstraintOptions, read_constraints
from lead.control.constraints import PARTS
from lead.errors import LeadError

NUMBERS = st.floats(-50, 50)


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=2, max_size=20))
def test_a_path_of_any_numbers_is_read_as_it_is_written(points):
    (path,) = read_constraints(ConstraintOptions(path=" ".join(f"{x!r},{z!r}" for x, z in points)))
    np.testing.assert_array_equal(path.points, points)


@given(NUMBERS, NUMBERS, NUMBERS, st.floats(0, 9))
def test_a_target_is_read_as_it_is_written(x, y, z, time):
    (target,) = read_constraints(ConstraintOptions(reach=[f"left_foot@{time!r}={x!r},{y!r},{z!r}"]))
    assert (target.joint, target.seconds, target.position) == (10, time, (x, y, z))


def test_poses_are_of_the_files_frames_and_stand_where_they_are_put(clips):
    clip = clips / "take-0.bvh"
    start, end, key = read_constraints(
        ConstraintOptions(
            start=f"{clip}:20", end=f"{clip}:1s@2,3,90", keyframe=[f"2.5={clip}:-1:left_arm,head"],
        )
    )  # fmt: skip
    assert (start.seconds, end.seconds, key.seconds) == (0.0, None, 2.5)
    assert start.placed and end.placed and not key.placed
    np.testing.assert_allclose(start.pose[0, [0, 2]], [0.0, 0.0], atol=1e-9)
    np.testing.assert_allclose(np.ptp(start.pose, axis=0)[1], np.ptp(end.pose, axis=0)[1])  # 1 s is frame 20
    np.testing.assert_allclose(end.pose[0, [0, 2]], [2.0, 3.0])
    assert key.joints == tuple(sorted((*PARTS["left_arm"], 15)))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("way.toml", "[[waypoints]]\nx = 0\nz = 0\n[[waypoints]]\nx = 1.5\nz = 2\nheading = 90\nseconds = 3"),
        ("way.json", json.dumps([{"x": 0, "z": 0}, {"x": 1.5, "z": 2, "heading": 90, "seconds": 3}])),
        ("way.csv", "x,z,heading,seconds\n0,0,,\n1.5,2,90,3\n"),
    ],
)
def test_files_of_waypoints_say_the_same(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    (path,) = read_constraints(ConstraintOptions(path=str(tmp_path / name)))
    np.testing.assert_array_equal(path.points, [[0, 0], [1.5, 2]])
    assert (path.seconds, path.headings) == ((None, 3.0), (None, 90.0))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start": "walk.bvh"}, r"--start walk.bvh: expected FILE:FRAME"),
        ({"start": "absent.bvh:3"}, "absent.bvh does not exist; it was given as --start"),
        ({"keyframe": ["walk.bvh:3"]}, "found no '='; expected TIME=FILE:FRAME"),
        ({"keyframe": ["x=walk.bvh:3"]}, "found 'x' as a time; expected seconds"),
        ({"path": "0,0 1"}, "'1' has 1 numbers; expected X,Z or X,Z,HEADING"),
        ({"path": "0,0 a,b"}, "found 'a,b'; expected numbers"),
        ({"path": "0,0"}, '--path 0,0: found 1 waypoint; expected 2 to 1,000, as "0,0 2,0 2,2"'),
        ({"path": "absent.csv"}, "absent.csv does not exist"),
        ({"reach": ["right_hand=1,2,3"]}, "expected JOINT@TIME=X,Y,Z"),
        ({"reach": ["nose@1=1,2,3"]}, "there is no 'nose' to send; expected one of left_hand"),
        ({"reach": ["right_hand@1=1,2"]}, "found 2 numbers as a place"),
        ({"reach": ["right_hand@1=1,2,nan"]}, "infinite or none"),
        ({"start": f"walk.bvh:{'9' * 5000}"}, "expected FILE:FRAME"),
        ({"start": f"walk.bvh:{'9' * 400}s"}, "expected FILE:FRAME"),
    ],
)
def test_each_fault_is_told(options, message):
    with pytest.raises((UsageError, LeadError), match=message):
        read_constraints(ConstraintOptions(**options))


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.toml", "waypoints = 3"), ("a.json", "[1, 2"), ("a.json", '[{"x": 1}]'), ("a.csv", "x,y\n1,2"), ("a.csv", "")],
)
def test_files_that_hold_no_waypoints_are_named(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=rf"{name}.*expected"):
        read_constraints(ConstraintOptions(path=str(tmp_path / name)))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.toml", f"[[waypoints]]\nx = 0x{'f' * 5000}\nz = 0"),
        ("a.toml", f"waypoints = [0x{'f' * 5000}]"),
        ("a.json", '[{"x": 1' + "0" * 400 + ', "z": 0}]'),
        ("a.json", '[{"x": [' + "1, " * 90_000 + '1], "z": 0}]'),
        ("a.csv", f"x,z\n{'a' * 90_000},2"),
    ],
)
def test_values_beyond_all_measure_are_told_in_few_letters(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=rf"{name}.*expected") as found:
        read_constraints(ConstraintOptions(path=str(tmp_path / name)))
    assert len(str(found.value)) < len(str(tmp_path)) + 400


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.json", '[{"x": 0, "z": 0}, {"x": NaN, "z": 0}]', "waypoint 2: found nan as x"),
        ("a.json", '[{"x": 0, "z": 0}, {"x": 1, "x": 2, "z": 0}]', "'x' is there twice"),
        ("a.json", '{"waypoints": [{"x": 0, "z": 0}], "loop": true}', "'loop' beside the waypoints is not known"),
        ("a.csv", "x,z,x\n0,0,1\n1,1,2\n", "the column 'x' stands twice"),
    ],
)
def test_a_file_of_waypoints_is_never_guessed(tmp_path, name, text, said):
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError) as found:
        read_constraints(ConstraintOptions(path=str(tmp_path / name)))
    assert f"{name}: " in str(found.value) and said in str(found.value)


def test_a_long_path_is_not_told_whole():
    with pytest.raises((UsageError, LeadError)) as found:
        read_constraints(ConstraintOptions(path="0,0 1,0 " * 1000))
    assert "found 2,000 waypoints" in str(found.value) and len(str(found.value)) < 300


@pytest.mark.parametrize(("place", "said"), [(":elbow", "there is no joint 'elbow'"), ("@1e400,0", "infinite or none")])
def test_a_fault_in_a_pose_names_its_option(clips, place, said):
    given = f"{clips / 'take-0.bvh'}:0{place}"
    with pytest.raises(UsageError, match=said) as found:
        read_constraints(ConstraintOptions(end=given))
    assert str(found.value).startswith(f"--end {given}: ")


def test_constraints_do_not_go_with_files_of_prompts(run):
    fails(run("generate", "--prompts", "prompts.txt", "--path", "0,0 1,1"), "are not for files")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--path", "0,0 2,0@7"), "do not fit into 2 s"),
        (("--path", "0,0 90,0"), "m/s; at most 8 m/s"),
        (("--reach", "left_hand@3=0,1,0"), "is at 3 s, and the motion ends after 2 s"),
        (("--reach", "left_hand@1=40,1,0"), "is out of reach: 39 m farther"),
    ],
)
def test_times_and_places_are_checked_before_the_work_begins(run, options, said):
    done = run("generate", "a person walks", "--seconds", 2, *options)
    fails(done, said)
    assert "generating" not in done.stderr


def test_the_page_shows_keyframes_as_marks(run, clips, monkeypatch):
    for steps in ("STEERED_STEPS", "REFINED_STEPS"):
        monkeypatch.setattr(f"lead.control.constrained_sampling.{steps}", 1)
    given = ("--keyframe", f"0.5={clips / 'take-0.bvh'}:30", "--reach", "left_hand@0.8=0.2,9,0.3")
    done = run("generate", "a person walks", "--seconds", 1, "--steps", 2, *given, "--format", "html")
    assert done.exit_code == 0, done.output
    assert "7.10 m higher than a left hand comes on tiptoe" in " ".join(done.stderr.split())
    page = next(Path("out").glob("*.html")).read_text()
    marks = re.search(r'"marks":(\[\[.*?\]\])', page)
    assert [mark[0] for mark in json.loads(marks[1])] == [0.5, 0.8]
