"""`generate --loop --in-place`: generated motions as loops, and without their path over the floor."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cli.console import warn
from cli.errors import UsageError

if TYPE_CHECKING:
    from lead.motion import Motion


def make_loops(
    motions: "Sequence[Motion]",
    prompts: Sequence[str],
    kept: Sequence[int],
    loop: bool,
    in_place: bool,
    rate: float | None = None,
) -> "tuple[list[Motion], list[int]]":
    """The motions, those at the places `kept` as they are asked for, and the places of those that could be made so.

    Loops have the rate of the rig that they are written on: at another rate, the last frame would not be their end.
    A motion without a cycle is left out with a warning; UsageError where none is left.
    """
    from lead.motion.errors import MotionError

    made, left, reasons = list(motions), [], []
    for row in kept:
        try:
            motion = motions[row].change_rate(rate or motions[row].fps).loop() if loop else motions[row]
        except MotionError as error:
            reasons.append(f"{prompts[row]!r}, motion {row + 1}: {error}")
            continue
        made[row] = motion.in_place() if in_place else motion
        left.append(row)
    if not left:
        raise UsageError(f"--loop: {reasons[0]} Or draw more motions with -n; those with a cycle are written.")
    for reason in reasons:
        warn(f"not written: {reason}")
    return made, left
