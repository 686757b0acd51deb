"""Arrays of joints as researchers save them to our 22 joints.

SMPL, SMPL-H and SMPL-X (24, 52 and 55 joints; 45, 73, 127 and 144 as their programs give them, with marks on the
skin) begin with our 22. MDM and the models after it put time last and motions first. Where joints lie flat in a row,
a width that poses may have, too, is one of joints if the bones keep their lengths, left and right alike. The unit is
guessed from the legs, the up axis from the body, unless the user states them; meters with Y up are expected.
Knows nothing of rates and files.
"""

import numpy as np
from jaxtyping import Float

from lead.motion.errors import MotionError
from lead.motion.read_options import ReadOptions
from lead.motion.rigs.units import UP_TO_WORLD, guess_unit, standing_axis
from lead.motion.skeleton import bone_lengths

COUNTS = (22, 24, 45, 52, 55, 73, 127, 144)
"""Joints of the bodies that begin with our 22."""
_STRETCH = 0.4
"""The typical bone of an array that is no joints changes its length by more than this: the standard deviation over the
mean. Real joints have at most .05."""
_RIGID = 0.1
"""The most by which a bone of joints changes its length, or differs from that of the other side."""


def find_joints(array: Float[np.ndarray, "..."]) -> Float[np.ndarray, "motions frames 22 3"] | None:
    """The motions of an array of any known layout, as in the file; None if it has none of them."""
    if array.ndim == 4 and array.shape[-1] == 3 and array.shape[-2] in COUNTS:
        return array[:, :, :22]
    if array.ndim == 4 and array.shape[-2] == 3 and array.shape[-3] in COUNTS:
        return array[:, :22].transpose(0, 3, 1, 2)
    if array.ndim in (2, 3) and array.shape[-1] in (3 * count for count in COUNTS):
        joints = find_joints(array.reshape(*array.shape[:-1], -1, 3))
        return joints if array.shape[-1] == 66 or _is_rigid(joints) else None
    if array.ndim == 3 and 3 in array.shape[1:]:
        return find_joints(array[None])
    return None


def _is_rigid(motions: Float[np.ndarray, "motions frames 22 3"] | None) -> bool:
    """Whether the numbers are a body's joints: limbs keep their lengths in the first motion, left and right alike."""
    if motions is None or not motions.size:
        return False
    lengths = bone_lengths(motions[0])[:, [4, 7, 18, 20, 5, 8, 19, 21]]
    means = lengths.mean(axis=0)
    sides = np.abs(means[:4] - means[4:])
    rigid = (lengths.std(axis=0) < _RIGID * means).all() and (sides < _RIGID * means[4:]).all()
    return bool(rigid and (means > 0).all())


def read_joints(
    array: Float[np.ndarray, "frames 22 3"], options: ReadOptions = ReadOptions()
) -> tuple[Float[np.ndarray, "frames 22 3"], tuple[str, ...]]:
    """Joints in the file's unit and axes to meters, Y up, and notes of what was guessed.

    Raises MotionError where the numbers are no joints.
    """
    lengths = bone_lengths(array)[:, 1:]
    means = lengths.mean(axis=0) if len(array) else np.zeros(21)
    leg = float(means[[3, 4, 6, 7]].sum()) / 2
    if not leg > 0:
        return array, ()
    stretch = float(np.median(lengths.std(axis=0) / np.maximum(means, 1e-9)))
    if stretch > _STRETCH:
        raise MotionError(
            f"the array is no joints in SMPL's order: its bones change their length by {stretch:.0%}. Joints of "
            "another order have to be sorted; SMPL's angles belong into an NPZ, as poses with trans and fps."
        )
    unit, notes = guess_unit(leg, options.unit)
    up, up_notes = options.up, tuple[str, ...]()
    if up is None:
        centered = not np.ptp(array[:, 0], axis=0).any()
        up, up_notes = standing_axis(array[:, [7, 8]], array[:, [20, 21]], array[:, 12], "Y", floating=centered)
    return array @ (unit * UP_TO_WORLD[up].T), (*notes, *up_notes)
