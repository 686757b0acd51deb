"""What a body cannot do is refused, or comes nearer with a note that says how far it was."""

import numpy as np
import pytest
from walks import synthesize_walk

from lead.control.constraints import JointTarget, PathConstraint, Place, PoseConstraint, put_at
from lead.control.reach import HIGHEST, JUMPED, limit_to_body
from lead.errors import LeadError

POSE = synthesize_walk().on_one_skeleton().joints[3].astype(np.float64)
FRAMES, FPS = 80, 20.0


def limit(*constraints, prompt="a person walks"):
    return limit_to_body(constraints, FRAMES, FPS, [prompt])


def stand(x: float, seconds: float | None) -> PoseConstraint:
    return PoseConstraint(put_at(POSE, Place(x, 0.0)), seconds, placed=True, name=f"pose at {x:g}")


def test_what_a_body_can_do_stays_as_it_is():
    wanted = [stand(0.0, 0.0), stand(4.0, None), JointTarget(21, 2.0, (2.0, 1.6, 0.3))]
    assert limit(*wanted) == (wanted, [])


@pytest.mark.parametrize(("joint", "name"), [(21, "right hand"), (10, "left foot"), (0, "pelvis")])
def test_a_place_that_is_too_high_is_lowered_with_a_note(joint, name):
    highest = HIGHEST[joint]
    (low,), (note,) = limit(JointTarget(joint, 2.0, (0.1, highest + 0.75, 0.2), "up"))
    assert low.position == (0.1, highest, 0.2)
    assert note.startswith(f"up is out of reach: 0.75 m higher than a {name} comes on tiptoe")
    (high,), (note,) = limit(JointTarget(joint, 2.0, (0.1, highest + 0.75, 0.2), "up"), prompt="a person jumps up")
    assert high.position[1] == highest + JUMPED
    assert note == f"up is out of reach: 0.25 m higher than a {name} comes in a jump; it goes to {highest + JUMPED:g} m"


def test_what_asks_for_a_run_is_told_unless_the_prompt_runs():
    path = PathConstraint(np.array([[0.0, 0.0], [0.0, 14.0]]), name="--path")
    _, (note,) = limit(path)
    assert note.startswith("--path asks for 3.5 m/s; people walk at about 1.2 m/s and run at about 3")
    assert limit(path, prompt="a person is running")[1] == []
    _, (note,) = limit(stand(0.0, 0.0), stand(12.0, None), prompt="a person waves")
    assert note.startswith("pose at 12 asks for 3.0 m/s")


@pytest.mark.parametrize(
    ("constraints", "said"),
    [
        ([stand(0.0, 0.0), stand(40.0, 2.0)], r"pose at 40 is out of reach: 40 m .* pose at 0 .* in 2 s \(20 m/s; at"),
        ([JointTarget(20, 0.5, (9.0, 1.0, 0.0), "hand")], r"hand is out of reach: 8 m farther from the start .*16 m/s"),
        (
            [PoseConstraint(POSE * [0, 1, 0], 1.0, (0,), placed=True), JointTarget(20, 1.0, (3.0, 1.0, 0.0))],
            r"2 m farther .* \(no time is between them\)",
        ),
    ],
)
def test_what_is_too_far_is_refused_with_the_distance(constraints, said):
    with pytest.raises(LeadError, match=said):
        limit(*constraints)


def test_a_place_off_the_path_is_refused_where_the_body_is_on_it():
    way = PathConstraint(np.array([[0.0, 0.0], [4.0, 0.0]]), name="--path")
    on_it = [way, stand(2.0, 1.975), stand(4.0, None), JointTarget(20, 1.0, (1.4, 1.2, 0.6))]
    assert limit(*on_it) == (on_it, [])
    with pytest.raises(LeadError, match=r"pose at 9 is out of reach: 5 m farther .* --path, which is at 4,0 at 3.95 s"):
        limit(way, stand(9.0, None))
    with pytest.raises(LeadError, match=r"hand is out of reach: 4 m farther .* --path"):
        limit(way, JointTarget(20, 0.0, (5.0, 1.0, 0.0), "hand"))
    part = PathConstraint(np.array([[0.0, 0.0], [1.0, 0.0]]), (0.0, 1.0), name="a part", open=True)
    assert limit(part, stand(3.0, None))[1] == []


def test_a_place_below_the_floor_is_put_onto_it_with_a_note():
    (target,), (note,) = limit(JointTarget(10, 2.0, (0.1, -3.0, 0.2), "foot"))
    assert target.position == (0.1, 0.0, 0.2) and note == "foot is 3.00 m below the floor; it goes to 0 m"
