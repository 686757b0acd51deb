"""Where motions differ from the clips that they should resemble: pace, height, side.

Each difference that is found lowers the grade of the reproduction. Meters, seconds; heights in lengths of a leg, so
that the size of a person does not count.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from lead.motion import Motion
from lead.motion import measures as m
from lead.motion.skeleton import FPS, L_ANKLE

TRAVELS = 0.45
"""Meters a second of a person who goes somewhere: slow walks have .7, steps on the spot up to .4."""
PACE = 1.3
"""Times as fast or as slow over the floor."""
TEMPO = 1.5
"""Times as much movement of the limbs, of people who stand."""
HEIGHT = 0.12
"""Legs that the hips, or the head, are higher or lower on the mean: an eighth of a leg is 11 cm."""
ONE_SIDED = 1.8
"""Times as much as the other hand or foot that one of a side moves."""
SWAPPED = 1.25
"""The least ratio of the other side that counts as the other side."""


@dataclass(frozen=True)
class Figures:
    """Means over some motions."""

    speed: float
    """Meters a second over the floor."""
    tempo: float
    """Meters a second of the joints as the body sees them."""
    hips: float
    head: float
    """Legs above the floor."""
    hands: float
    feet: float
    """How much the left one moves, as a multiple of the right one."""


def measure_figures(motions: Sequence[Motion]) -> Figures:
    """The figures of motions."""
    joints = [motion.resample(FPS).joints for motion in motions]

    def mean(measure: Callable[[m.Joints], float]) -> float:
        return float(np.mean([measure(one) for one in joints]))

    return Figures(
        mean(m.mean_speed),
        mean(_tempo),
        mean(lambda one: float(m.pelvis_height(one).mean())),
        mean(lambda one: float(m.head_height(one).mean())),
        _ratio(mean(lambda one: _range(one, m.L_WRIST)), mean(lambda one: _range(one, m.of_side(m.L_WRIST, "right")))),
        _ratio(mean(lambda one: _range(one, L_ANKLE)), mean(lambda one: _range(one, m.of_side(L_ANKLE, "right")))),
    )


def _tempo(joints: m.Joints) -> float:
    seen = m.in_body_frame(joints)
    return float(np.linalg.norm(np.diff(seen, axis=0), axis=-1).mean() * FPS)


def _range(joints: m.Joints, joint: int) -> float:
    """Standard deviation of a joint as the body sees it, in meters."""
    return float(np.linalg.norm(m.in_body_frame(joints)[:, joint].std(axis=0)))


def _ratio(left: float, right: float) -> float:
    return max(left, 0.01) / max(right, 0.01)


def find_differences(ours: Figures, clips: Figures) -> tuple[str, ...]:
    """What differs, in words; `ours` are the figures of the motions."""
    return (*_compare_pace(ours, clips), *_compare_height(ours, clips), *_compare_sides(ours, clips))


def _compare_pace(ours: Figures, clips: Figures) -> tuple[str, ...]:
    """Over the floor where the clips travel, else of the limbs. Standing still is no pace."""
    if clips.speed >= TRAVELS:
        if ours.speed < TRAVELS:
            return (f"it stands where the clips travel at {clips.speed:.1f} m/s",)
        if max(ours.speed / clips.speed, clips.speed / ours.speed) > PACE:
            pace = "faster" if ours.speed > clips.speed else "slower"
            return (f"a {pace} pace ({ours.speed:.1f} m/s, the clips have {clips.speed:.1f})",)
        return ()
    if ours.speed >= TRAVELS and ours.speed > 2 * clips.speed:
        return (f"it travels at {ours.speed:.1f} m/s where the clips stay on the spot",)
    ratio = ours.tempo / max(clips.tempo, 0.02)
    if max(ratio, 1 / max(ratio, 1e-6)) > TEMPO:
        return (f"limbs that move {'faster' if ratio > 1 else 'slower'} ({ratio:.1f} times the clips' speed)",)
    return ()


def _compare_height(ours: Figures, clips: Figures) -> tuple[str, ...]:
    for part, mine, theirs in (("hips", ours.hips, clips.hips), ("head", ours.head, clips.head)):
        if abs(mine - theirs) > HEIGHT:
            way = "higher" if mine > theirs else "lower"
            return (f"the {part} {'are' if part == 'hips' else 'is'} {way} ({mine:.2f} legs, the clips {theirs:.2f})",)
    return ()


def _compare_sides(ours: Figures, clips: Figures) -> tuple[str, ...]:
    """A hand or foot that acts alone in the clips, and the other one in the motions."""
    for part, mine, theirs in (("hand", ours.hands, clips.hands), ("foot", ours.feet, clips.feet)):
        for side, own, other in (("left", theirs, mine), ("right", 1 / theirs, 1 / mine)):
            if own > ONE_SIDED and other < 1 / SWAPPED:
                return (f"the other {part} acts (the clips use the {side} one)",)
            if own > ONE_SIDED and other < 1 + (own - 1) / 4:
                return (f"both {part}s act alike (the clips use the {side} one)".replace("foots", "feet"),)
    return ()
