"""The recipes of composition, and how often each is tried.

A recipe makes a motion and its meaning from sources, or None where it finds nothing fit. It need not be right every
time: `lead.data.compose.truth` measures each product.
"""

from collections.abc import Callable

from lead.data.compose.gestures import both_sides, box, gesture_while, pick_up, repeat, tempo_of_act
from lead.data.compose.kitchen import Kitchen, Product
from lead.data.compose.pairs import down_and_up, forth_and_back, gesture_below, one_side_then_other, two_acts
from lead.data.compose.posed import lift_leg, look_around, move_head, shift_weight, stretch_arms
from lead.data.compose.postures import down_or_up, go_down, stay
from lead.data.compose.sequences import on_its_own, stop, then
from lead.data.compose.touches import touch_head
from lead.data.compose.travel import (
    circle,
    corner,
    crawl_on_all_fours,
    curve,
    in_place,
    jump_turn,
    other_travel,
    sidestep,
    slow_or_quick,
    stairs,
    turn_back,
    turn_in_place,
    walk_backward,
    walk_on,
)

Recipe = Callable[[Kitchen], Product | None]

RECIPES: dict[Recipe, float] = {
    walk_on: 6, walk_backward: 6, circle: 7, curve: 4, corner: 5, turn_back: 5, slow_or_quick: 5, stairs: 5,
    sidestep: 6, other_travel: 4, crawl_on_all_fours: 5, in_place: 6, turn_in_place: 14, jump_turn: 3, stay: 9,
    down_or_up: 6, go_down: 6, both_sides: 2, gesture_while: 26, lift_leg: 4, pick_up: 2, tempo_of_act: 4, repeat: 5,
    box: 3, on_its_own: 30, then: 34, two_acts: 34, stop: 4, down_and_up: 8, one_side_then_other: 10,
    forth_and_back: 4, stretch_arms: 7, look_around: 5, move_head: 12,
    shift_weight: 4, touch_head: 12, gesture_below: 5,
}  # fmt: skip
"""How often each recipe is tried, relative to the others."""
