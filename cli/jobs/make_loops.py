"""`generate --loop --in-place`: generated motions as loops, and without their path over the floor."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cli.console import warn
from cli.errors import UsageError

if TYPE_CHECKING:
    from lead.motion import Motion


def make_loops(
    motions: "Sequence[Motion]", prompts: Sequence[str], kept: Sequence[int], loop: bool, in_place: bool
) -> "tuple[list[Motion], list[int]]":
    """The motions, those at the places `kept` as they are asked for, and the places of those that could be made so.

    A motion without a cycle is left out with a warning; UsageError where none is left.
    """
    from lead.motion.errors import MotionError

    made, left = list(motions), []
    for row in kept:
        try:
            motion = motions[row].loop() if loop else motions[row]
        except MotionError as error:
            reason = f"{prompts[row]!r}, motion {row + 1}: {error}"
            warn(f"not written: {reason}")
            continue
        made[row] = motion.in_place() if in_place else motion
        left.append(row)
    if kept and not left:
        raise UsageError(f"no motion is a loop; the last one, {reason} Or draw more of them with -n.")
    return made, left
