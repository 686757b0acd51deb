"""Which way is up in a file, and how long its unit is: guessed from the body, unless a user says it.

Conventions: ours are meters, Y up, right-handed.  Each guess comes with notes, in words, where it may be wrong.
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
"""How much less likely a unit is than the others, as a logarithm of leg lengths."""
_ODD_LEG = 0.35
"""Logarithm of a leg's length over LEG beyond which the guess is doubtful: below .58 m, above 1.16 m."""
UP_TO_WORLD = {
    "Y": np.eye(3),
    "Z": np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]),
    "X": np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]),
}
"""What turns a file with that axis up to Y up."""
_UPRIGHT = 0.7
"""Mean cosine from which a clip's body stands along an axis."""
_FLOOR = 0.35
"""Of a body's height: how far from zero the feet of a person may be who stands on a floor there."""


def guess_unit(leg: float, stated: str | None) -> tuple[float, tuple[str, ...]]:
    """Meters in a unit of the file, by the leg's length, and a note where no unit makes it a usual one."""
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
    feet: Float[np.ndarray, "frames 2 3"], head: Float[np.ndarray, "frames 3"], expected: str
) -> tuple[str, tuple[str, ...]]:
    """The axis along which a clip's body stands, and a note if it is not the expected one.

    Another axis than the expected one is taken only where the body stands along it on the whole and the feet keep to a
    floor there; a person who lies or crawls is upright along none.
    """
    if not len(head):
        return expected, ()
    body = head - feet.mean(axis=1)
    height = float(np.linalg.norm(body, axis=-1).mean())
    direction = normalize(body).mean(axis=0)
    if direction["XYZ".index(expected)] < _UPRIGHT:
        for n, axis in enumerate("XYZ"):
            lowest = feet[..., n].min(axis=1)
            if axis != expected and direction[n] > _UPRIGHT and np.percentile(np.abs(lowest), 90) < _FLOOR * height:
                return axis, (f"the person stands along {axis}, not along {expected}: {axis} was taken to point up",)
    if direction["XYZ".index(expected)] < -_UPRIGHT:
        return expected, (f"the person stands upside down if {expected} points up: state the axis if it does not",)
    return expected, ()


def nearest_axis(direction: Float[np.ndarray, "3"]) -> str:
    """The axis nearest to a body's way up; Y is by far the likeliest, X the rarest."""
    x, y, z = direction
    if z > 0.6 and z > 1.5 * abs(y):
        return "Z"
    return "X" if x > 0.8 and x > 2 * abs(y) else "Y"
