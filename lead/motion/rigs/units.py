"""Which axis of a file points up, and how long its unit is: guessed from the body, unless the user states it.

Conventions: ours are meters, Y up, right-handed. A guess that may be wrong comes with a note in words.
"""

import numpy as np
from jaxtyping import Float

from lead.motion.read_options import UNITS
from lead.motion.rotations import normalize

_UNITS = {**UNITS, "CMU": 0.0254 / 0.45}
"""Meters in a file's unit; CMU's ASF files count in inches / 0.45."""
LEG = 0.82
"""Meters from a person's hip to the ankle."""
_RARE = {"inch": 0.25, "CMU": 0.25}
"""Handicap of units that are rarer than the others, as a logarithm of leg lengths."""
_ODD_LEG = 0.35
"""The guess is doubtful if the logarithm of a leg's length over LEG is larger: below .58 m, above 1.16 m."""
UP_TO_WORLD = {
    "Y": np.eye(3),
    "Z": np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]),
    "X": np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]),
    "-Y": np.diag([1.0, -1, -1]),
    "-Z": np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]),
    "-X": np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]]),
}
"""The rotation from each up axis to Y up."""
_UPRIGHT = 0.7
"""A body stands along an axis if their mean cosine is at least this."""
_FLOOR = 0.35
"""Of the body's height: how far from zero the feet of a person who stands on a floor at zero may be."""
_ALIGNED = 0.85
"""The same as _UPRIGHT where no floor tells whether a body stands or lies."""
_ON_HANDS = 0.05
"""Of the body's height: the hands of a person who stands on them or on the head are at least this far below it."""


def guess_unit(leg: float, stated: str | None) -> tuple[float, tuple[str, ...]]:
    """Meters in a unit of the file, by the leg's length in the file; and a note if no unit makes it a usual length."""
    if stated is not None:
        return UNITS[stated], ()
    odds = {unit: abs(np.log(leg * meters / LEG)) for unit, meters in _UNITS.items()}
    unit = min(_UNITS, key=lambda unit: odds[unit] + _RARE.get(unit, 0.0))
    if odds[unit] < _ODD_LEG:
        return _UNITS[unit], ()
    return _UNITS[unit], (
        f"legs of {leg * _UNITS[unit]:.2f} m if lengths are in {unit}: state the unit if they are not",
    )


def standing_axis(
    feet: Float[np.ndarray, "frames 2 3"],
    hands: Float[np.ndarray, "frames 2 3"],
    head: Float[np.ndarray, "frames 3"],
    expected: str,
    floating: bool = False,
) -> tuple[str, tuple[str, ...]]:
    """The axis along which a clip's body stands, and a note if it is not the expected one.

    Another axis is taken only if the body stands along it on average, never along the expected one, and the feet keep
    to a floor there. A person who
    lies or crawls stands along no axis. Of a `floating` body, whose height over a floor is unknown, the feet do not
    count. The opposite axis is taken if the body is upside down throughout, but not on its hands.
    """
    if not len(head):
        return expected, ()
    body = head - feet.mean(axis=1)
    height = float(np.linalg.norm(body, axis=-1).mean())
    cosines = {axis: normalize(body) @ rotation[1] for axis, rotation in UP_TO_WORLD.items()}
    opposite = expected[1:] or f"-{expected}"
    for axis, cosine in cosines.items():
        if axis == expected or cosine.mean() < _UPRIGHT or np.percentile(cosines[expected], 95) > _UPRIGHT:
            continue  # who stands along the expected axis for a while has fallen
        up = UP_TO_WORLD[axis][1]
        if axis == opposite:
            above = ((hands - head[:, None]) @ up).max(axis=1)
            stands = np.percentile(cosine, 10) > _UPRIGHT and np.median(above) < _ON_HANDS * height
        else:
            on_floor = np.percentile(np.abs((feet @ up).min(axis=1)), 90) < _FLOOR * height
            stands = on_floor or (floating and cosine.mean() > _ALIGNED)
        if stands:
            return axis, (f"the person stands along {axis}, not along {expected}: {axis} was taken to point up",)
        if axis == opposite:
            return expected, (f"the person stands upside down if {expected} points up: state the axis if it does not",)
    return expected, ()


def nearest_axis(direction: Float[np.ndarray, "3"]) -> str:
    """The axis nearest to the direction in which a body stands; Y is by far the likeliest, X the rarest."""
    x, y, z = np.abs(direction)
    axis = "Z" if z > 0.6 and z > 1.5 * y else "X" if x > 0.8 and x > 2 * y else "Y"
    return axis if direction["XYZ".index(axis)] > 0 else f"-{axis}"
