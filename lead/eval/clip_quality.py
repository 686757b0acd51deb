"""Figures of a clip before anything is learned from it, and a verdict with its reasons.

Green: usable as it is. Amber: usable, but something was guessed or looks wrong. Red: unusable.
Needs no model. Figures are at HumanML3D's 20 fps; meters, seconds, degrees, Y up.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from lead.data.dataset import MAX_FRAMES, MIN_FRAMES
from lead.eval.metrics import foot_skate_ratio, jitter
from lead.motion import Motion
from lead.motion.heading import facing
from lead.motion.read import LEAD_IN
from lead.motion.rigs.animations import PASSED_OVER
from lead.motion.skeleton import FPS, bone_lengths

# Limits from 5,195 real clips of four data sets; clips beyond them are bad recordings, or ballet.
SKATES = 0.45
"""Share of steps that slide: .67 at most in one of them, .43 in all but a hundredth."""
SPIKE, TIMES = 250.0, 5.0
"""m/s² of a joint, and how many times the clip's own median: kicks and jumps up to 175, three ballet clips 600 and
more; a wrist put wrong in one frame: 440."""
SHAKES = 550.0
"""m/s³, jitter: fast runs have up to 430, one ballet clip 504; a centimeter of noise has 580."""
UPRIGHT = 0.5
"""Meters from the ankles up to the head, the median over frames: real clips 1.08 and more; lying down: up to .47."""
TALL = (1.2, 2.2)
"""Meters of a person."""
POSSIBLE = (0.4, 5.0)
"""Meters of the smallest and the largest body that a unit is right for."""
_FAR = 10.0
"""Meters: a floor so far from zero comes from a path in another unit than the body's."""
_MISFIT = {
    "the two legs": 1.6, "the two arms": 1.6, "thigh and shin": 3.0, "upper arm and forearm": 3.0, "arm and leg": 4.0,
    "torso and leg": 5.0,
}  # fmt: skip
"""How many times as long the one may be as the other. People and hand-keyed figures: 1.1, 1.2, 1.4, 1.7, 2.0, 2.7."""
_SUNK = 0.06
"""Of the height: a head so far below the shoulders of a body that stands is another joint."""
_LEG = 0.491
"""Of a person's height: hip to knee to ankle (Drillis and Contini 1966)."""


@dataclass(frozen=True)
class Check:
    """One clip."""

    frames: int = 0
    fps: float = 0.0
    seconds: float = 0.0
    rig: str = ""
    """The maker of the joints' names, as far as they tell."""
    matched: int = 22
    """How many of our joints the file has; the others were interpolated or built."""
    height: float = 0.0
    """Of the person, by the legs' bones."""
    floor: float = 0.0
    """Of the lowest joint."""
    facing: float = 0.0
    """At the start: 0 is +Z, 90 is +X."""
    skate: float = 0.0
    """Share of steps in which a foot on the floor slides."""
    spikes: tuple[float, ...] = ()
    """Seconds at which a joint jumps."""
    pieces: int = 1
    """Into how many a base's longest clip cuts it; 0 where it is too short for a base."""
    verdict: str = "green"
    reasons: tuple[str, ...] = ()
    """Why it is not green."""
    notes: tuple[str, ...] = field(default=())
    """What was guessed, corrected or cut."""


def check_clip(motion: Motion) -> Check:
    """The figures and the verdict of a clip that could be read."""
    clip = motion.resample(FPS)
    joints = np.array(clip.joints, dtype=np.float64)
    floor = float(joints[..., 1].min())
    joints[..., 1] -= floor
    rows = len(joints) - 1
    ahead = facing(joints[:1])[0]
    spikes = find_spikes(joints, FPS)
    height = _measure_height(joints)
    matched = 22 if motion.rig is None else sum(0 <= node < len(motion.rig.names) for node in motion.rig.nodes)
    skate = foot_skate_ratio(joints)
    reasons = [note for note in motion.notes if not note.endswith((LEAD_IN, PASSED_OVER))]
    if abs(floor) > _FAR:
        reasons.append(f"the floor is at {floor:.0f} m: state the unit if that is wrong")
    if rows >= MIN_FRAMES:
        reasons += _find_oddities(joints, height, skate, spikes)
    unusable = _find_faults(joints, height, rows)
    return Check(
        len(motion.joints), motion.fps, motion.seconds, motion.rig.maker if motion.rig else "", matched, height, floor,
        float(np.degrees(np.arctan2(ahead[0], ahead[2]))), skate, spikes,
        -(-rows // MAX_FRAMES) if rows >= MIN_FRAMES else 0,
        "red" if unusable else "amber" if reasons else "green", (*unusable, *reasons), motion.notes,
    )  # fmt: skip


def refuse_clip(reason: str) -> Check:
    """A file that could not be read."""
    return Check(matched=0, pieces=0, verdict="red", reasons=(reason,))


def _find_faults(joints: Float[np.ndarray, "frames 22 3"], height: float, rows: int) -> list[str]:
    """Why nothing can be learned from a clip."""
    if rows < MIN_FRAMES:
        return [f"too short: {(rows + 1) / FPS:.2f} s, at least {(MIN_FRAMES + 1) / FPS:.2f} s are needed"]
    faults = []
    if not POSSIBLE[0] < height < POSSIBLE[1]:
        faults.append(f"a person of {height:.5g} m: the unit is wrong; state it")
    if rise(joints) < -UPRIGHT * height / 1.7:
        faults.append("the person is upside down: state the axis that points up, -Y for instance")
    if misfit := find_misfit(joints):
        faults.append(misfit)
    return faults


def find_misfit(joints: Float[np.ndarray, "frames 22 3"]) -> str:
    """What cannot be a person's in a body's proportions, in a sentence; empty if nothing is."""
    misfit = _describe_misfit(joints)
    return f"{misfit}: joints are taken for others; say which is which in a rig map" if misfit else ""


def _describe_misfit(joints: Float[np.ndarray, "frames 22 3"]) -> str:
    lengths = bone_lengths(joints).mean(axis=0)
    legs, arms = ([lengths[list(limb)].sum() for limb in limbs] for limbs in (((4, 7), (5, 8)), ((18, 20), (19, 21))))
    torso = np.linalg.norm(joints[:, 12] - joints[:, 0], axis=-1).mean()
    pairs = (
        ("the two legs", *legs), ("the two arms", *arms), ("thigh and shin", lengths[4], lengths[7]),
        ("thigh and shin", lengths[5], lengths[8]), ("upper arm and forearm", lengths[18], lengths[20]),
        ("upper arm and forearm", lengths[19], lengths[21]), ("arm and leg", sum(arms) / 2, sum(legs) / 2),
        ("torso and leg", torso, sum(legs) / 2),
    )  # fmt: skip
    for name, one, other in pairs:
        if not max(one, other) < _MISFIT[name] * min(one, other):
            return f"{name} of {one:.2f} and {other:.2f} m"
    spine = joints[:, 9] - joints[:, 0]
    stands = spine[:, 1] > 0.7 * np.linalg.norm(spine, axis=-1)
    above = joints[stands, 15, 1] - joints[stands][:, [16, 17], 1].mean(axis=1)
    if stands.any() and np.median(above) < -_SUNK * _measure_height(joints):
        return f"the head is {-np.median(above):.2f} m below the shoulders of a body that stands"
    return ""


def _find_oddities(
    joints: Float[np.ndarray, "frames 22 3"], height: float, skate: float, spikes: Sequence[float]
) -> list[str]:
    """What looks wrong in the motion itself."""
    odd = []
    if rise(joints) < UPRIGHT:
        odd.append("the person lies or crawls: state the axis that points up if not")
    if not TALL[0] < height < TALL[1]:
        odd.append(f"a person of {height:.2f} m: state the unit if that is wrong")
    if skate > SKATES:
        odd.append(f"feet slide in {skate:.0%} of the steps")
    if spikes:
        odd.append(f"a joint jumps at {', '.join(f'{second:.2f}' for second in spikes[:3])} s: tracking, or a bad cut")
    elif jitter(joints, FPS) > SHAKES:
        odd.append("it shakes: smooth it first")
    toes = (joints[:, [10, 11]] - joints[:, [7, 8]]).mean(axis=1)
    ahead = facing(joints)
    if np.median(np.einsum("fi,fi->f", toes, ahead)) < -0.03:
        odd.append("the feet point backward: left and right may be exchanged")
    return odd


def rise(joints: Float[np.ndarray, "frames 22 3"]) -> float:
    """Meters from the ankles up to the head, the median over frames."""
    return float(np.median(joints[:, 15, 1] - joints[:, [7, 8], 1].mean(axis=1)))


def find_spikes(joints: Float[np.ndarray, "frames 22 3"], fps: float) -> tuple[float, ...]:
    """Seconds at which a joint accelerates faster than a body can, one for each group of frames."""
    if len(joints) < 3:
        return ()
    size = np.linalg.norm(np.diff(joints, n=2, axis=0), axis=-1).max(axis=1) * fps**2
    frames = np.flatnonzero(size > max(SPIKE, TIMES * float(np.median(size)))) + 1
    first = np.diff(frames, prepend=-9) > 3
    return tuple(float(frame / fps) for frame in frames[first])


def _measure_height(joints: Float[np.ndarray, "frames 22 3"]) -> float:
    return float(bone_lengths(joints)[:, [4, 5, 7, 8]].mean(axis=0).sum() / 2 / _LEG)
