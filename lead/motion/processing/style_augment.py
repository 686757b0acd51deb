"""Procedural variations of a clip: the same motion slower, hunched, crouched, with the arms out, and so on.

A clip is taken apart into root path, heading and bone directions in the facing frame; every variation turns
directions (so bone lengths stay true) or moves the root with the feet held where they were (two-bone leg IK).
Used to teach a base that one action has many manners.  Knows nothing of models or captions' use.

Conventions: meters, radians, Y up, 20 fps; in the facing frame the person looks along +Z with the left side at +X.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from lead.motion.features import _gaussian, _half_yaw, _turn, _unit, facing
from lead.motion.skeleton import MIRROR, PARENTS, bone_lengths

_SPINE, _NECK, _ARMS = (3, 6, 9), 12, ((16, 18, 20), (17, 19, 21))
_LEGS = ((1, 4, 7, 10), (2, 5, 8, 11))


@dataclass(frozen=True)
class StyleParams:
    """How a clip is varied; every field's neutral value changes nothing."""

    tempo: float = 1.0
    """Speed: 2 is twice as fast."""
    lean: float = 0.0
    """Upper body pitched forward (+) or back (-), radians, spread over the three spine joints."""
    side: float = 0.0
    """Upper body tilted to the left (+) or right (-), radians."""
    head: float = 0.0
    """Head and neck pitched down (+) or up (-), radians."""
    arms_out: float = 0.0
    """Both arms lifted sideways from the shoulder, radians."""
    arms_forward: float = 0.0
    """Both arms swung forward (+) or back (-) from the shoulder, radians."""
    elbows: float = 0.0
    """Forearms turned up and forward at the elbow, radians."""
    crouch: float = 0.0
    """Pelvis lowered by this share of its height, feet held in place."""
    step: float = 1.0
    """Steps and path, multiplied; the feet still stand where they stand."""
    stance: float = 0.0
    """Each foot moved outward, meters."""
    smooth: float = 0.0
    """Upper body's movement smoothed over this many frames."""
    arm_gain: float = 1.0
    """The arms' movement about its own mean, multiplied."""
    torso_gain: float = 1.0
    """The spine's and head's movement about its own mean, multiplied."""
    sway: float = 0.0
    """Slow side-to-side swing of the upper body, radians."""
    bounce: float = 0.0
    """Up-and-down of the pelvis, meters, feet held in place."""
    tremor: float = 0.0
    """Trembling of arms and head, radians."""
    asymmetry: float = 0.0
    """Left shoulder and arm lower (+) or higher (-) than the right, radians."""


def vary(joints: Float[np.ndarray, "frames 22 3"], manner: StyleParams, seed: int = 0) -> Float[np.ndarray, "frames2 22 3"]:
    """The clip in another manner; bone lengths are kept, the number of frames follows the tempo."""
    rng = np.random.default_rng(seed)
    joints = _retimed(np.asarray(joints, dtype=np.float64), manner.tempo)
    lengths = bone_lengths(joints[0])
    half_yaw = _half_yaw(_gaussian(facing(joints), 4.0))
    local = _turn(half_yaw, joints)
    directions = np.zeros_like(local)
    directions[:, 1:] = _unit(local[:, 1:] - local[:, PARENTS[1:]])

    for joints_of, gain in (((*_SPINE, _NECK, 15), manner.torso_gain), ((*_ARMS[0], *_ARMS[1]), manner.arm_gain)):
        for joint in joints_of:
            directions[:, joint] = _amplified(directions[:, joint], gain, manner.smooth)
    _bend_upper_body(directions, manner, rng)
    _place_arms(directions, manner)
    return _turn(-half_yaw, _stepped(local, directions, lengths, manner, rng))


def mirrored(joints: Float[np.ndarray, "*batch 22 3"]) -> Float[np.ndarray, "*batch 22 3"]:
    """Left and right exchanged: reflected in the plane x = 0, each joint named for the other side."""
    return joints[..., MIRROR, :] * np.array([-1.0, 1.0, 1.0])


def with_upper_body(
    joints: Float[np.ndarray, "frames 22 3"], other: Float[np.ndarray, "frames2 22 3"]
) -> Float[np.ndarray, "frames 22 3"]:
    """The legs and path of one clip with the spine, head and arms of another (repeated back and forth to fit)."""
    frames = np.arange(len(joints)) % max(2 * len(other) - 2, 1)
    other = other[np.minimum(frames, 2 * len(other) - 2 - frames)]
    mine = _turn(_half_yaw(_gaussian(facing(joints), 4.0)), joints)
    theirs = _turn(_half_yaw(_gaussian(facing(other), 4.0)), other)
    directions = np.zeros_like(mine)
    upper = [3, 6, 9, *range(12, 22)]
    directions[:, 1:] = _unit(mine[:, 1:] - mine[:, PARENTS[1:]])
    directions[:, upper] = _unit(theirs[:, upper] - theirs[:, np.array(PARENTS)[upper]])
    out = _assembled(mine[:, 0], directions, bone_lengths(joints[0]))
    return _turn(-_half_yaw(_gaussian(facing(joints), 4.0)), out)


def _retimed(joints: np.ndarray, tempo: float) -> np.ndarray:
    frames = len(joints)
    wanted = max(round((frames - 1) / tempo) + 1, 2)
    times = np.linspace(0, frames - 1, wanted)
    low = np.minimum(times.astype(int), frames - 2)
    part = (times - low)[:, None, None]
    return joints[low] * (1 - part) + joints[low + 1] * part


def _amplified(direction: np.ndarray, gain: float, smooth: float) -> np.ndarray:
    if smooth > 0.3:
        direction = _unit(_gaussian(direction, smooth))
    if gain == 1.0:
        return direction
    center = direction.mean(axis=0)
    return _unit(center + gain * (direction - center))


def _stepped(
    local: np.ndarray, directions: np.ndarray, lengths: np.ndarray, manner: StyleParams, rng: np.random.Generator
) -> np.ndarray:
    """The body on its new root path, each ankle where its own scaled path puts it."""
    wide = np.array([manner.step, 1.0, manner.step])
    root = local[:, 0] * wide
    root[:, 1] *= 1.0 - manner.crouch
    root[:, 1] += manner.bounce * np.sin(4 * np.pi * np.arange(len(local)) / 20.0 + rng.uniform(0, 6.28))
    joints = _assembled(root, directions, lengths)
    if (manner.crouch, manner.bounce, manner.stance, manner.step) != (0.0, 0.0, 0.0, 1.0):
        for leg, sign in zip(_LEGS, (1.0, -1.0), strict=True):
            _reach(joints, leg, local[:, leg[2]] * wide + np.array([sign * manner.stance, 0, 0]), lengths)
    return joints


def _bend_upper_body(directions: np.ndarray, manner: StyleParams, rng: np.random.Generator) -> None:
    frames = len(directions)
    seconds = np.arange(frames) / 20.0
    side = manner.side + manner.sway * np.sin(2 * np.pi * 0.5 * seconds + rng.uniform(0, 6.28))
    shake = _gaussian(rng.standard_normal((frames, 3)), 1.0) * 1.7 * manner.tremor
    above = {3: range(3, 22), 6: range(6, 22), 9: range(9, 22)}
    for joint in _SPINE:
        bones = [b for b in above[joint] if b not in (4, 5, 7, 8, 10, 11)]
        _rotate(directions, bones, "x", np.full(frames, manner.lean / 3))
        _rotate(directions, bones, "z", -side / 3)
    _rotate(directions, [12, 15], "x", manner.head + shake[:, 0])
    for arm, sign in ((_ARMS[0], 1.0), (_ARMS[1], -1.0)):
        _rotate(directions, arm, "x", shake[:, 1])
        _rotate(directions, [arm[0] - 3, *arm], "z", np.full(frames, -0.5 * manner.asymmetry * (sign > 0)))


def _place_arms(directions: np.ndarray, manner: StyleParams) -> None:
    frames = len(directions)
    for arm, sign in ((_ARMS[0], 1.0), (_ARMS[1], -1.0)):
        _rotate(directions, arm, "z", np.full(frames, sign * manner.arms_out))
        _rotate(directions, arm, "x", np.full(frames, -manner.arms_forward))
        _rotate(directions, arm[2:], "x", np.full(frames, -manner.elbows))


def _rotate(directions: np.ndarray, bones: Iterable[int], axis: str, angle: np.ndarray) -> None:
    """Turns the named bones about an axis of the facing frame, in place (right-handed)."""
    of = np.array(list(bones))
    i, j = {"x": (1, 2), "z": (0, 1)}[axis]
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    a, b = directions[:, of, i], directions[:, of, j]
    directions[:, of, i], directions[:, of, j] = cos * a - sin * b, sin * a + cos * b


def _assembled(root: np.ndarray, directions: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    joints = np.empty_like(directions)
    joints[:, 0] = root
    for joint in range(1, 22):
        joints[:, joint] = joints[:, PARENTS[joint]] + directions[:, joint] * lengths[joint]
    return joints


def _reach(joints: np.ndarray, leg: tuple[int, ...], ankle: np.ndarray, lengths: np.ndarray) -> None:
    """Two-bone IK in place: ankle at its target as far as the leg is long, knee bent as it was, foot kept parallel."""
    hip, knee, foot = joints[:, leg[0]], joints[:, leg[1]], joints[:, leg[3]] - joints[:, leg[2]]
    thigh, shin = lengths[leg[1]], lengths[leg[2]]
    pole = knee - hip + np.array([0.0, 0.0, 0.05])
    axis = ankle - hip
    reach = np.clip(np.linalg.norm(axis, axis=-1, keepdims=True), abs(thigh - shin) + 1e-3, thigh + shin - 1e-3)
    axis = _unit(axis)
    pole = _unit(pole - (pole * axis).sum(-1, keepdims=True) * axis)
    along = (thigh**2 - shin**2 + reach**2) / (2 * reach)
    joints[:, leg[1]] = hip + along * axis + np.sqrt(np.maximum(thigh**2 - along**2, 0.0)) * pole
    joints[:, leg[2]] = hip + reach * axis
    joints[:, leg[3]] = joints[:, leg[2]] + foot


@dataclass(frozen=True)
class Attribute:
    """A manner that words describe: how its fields are drawn, and phrases that follow any caption."""

    fields: dict[str, tuple[float, float]]
    phrases: tuple[str, ...]


ATTRIBUTES = (
    Attribute({"tempo": (0.5, 0.75)}, ("slowly", "very slowly", "at a slow pace", "unhurriedly")),
    Attribute({"tempo": (1.35, 1.9)}, ("quickly", "fast", "at a rapid pace", "in a hurry")),
    Attribute({"lean": (0.45, 0.9), "head": (0.0, 0.3)}, ("hunched over", "bent forward", "leaning forward")),
    Attribute({"lean": (-0.5, -0.25)}, ("leaning back", "leaning backward", "with the upper body tilted back")),
    Attribute({"side": (0.25, 0.5)}, ("leaning to the left", "tilted to the left")),
    Attribute({"side": (-0.5, -0.25)}, ("leaning to the right", "tilted to the right")),
    Attribute({"head": (0.4, 0.9)}, ("with the head down", "looking down", "with a lowered head")),
    Attribute({"head": (-0.7, -0.35)}, ("with the head up", "looking up")),
    Attribute({"arms_out": (0.45, 1.1)}, ("with the arms out to the sides", "with arms held away from the body")),
    Attribute({"arms_forward": (0.6, 1.4)}, ("with the arms stretched forward", "with arms held out in front")),
    Attribute({"elbows": (0.7, 1.5)}, ("with bent elbows", "with the forearms raised")),
    Attribute({"crouch": (0.12, 0.35)}, ("crouching", "with bent knees", "in a crouch", "low to the ground")),
    Attribute({"step": (0.4, 0.7)}, ("with short steps", "taking small steps", "shuffling")),
    Attribute({"step": (1.2, 1.4), "crouch": (0.03, 0.08)}, ("with long strides", "taking big steps")),
    Attribute({"stance": (0.07, 0.16), "crouch": (0.02, 0.06)}, ("with the feet wide apart", "with a wide stance")),
    Attribute({"smooth": (3.0, 7.0)}, ("smoothly", "fluidly", "softly")),
    Attribute({"arm_gain": (1.7, 2.6)}, ("with big arm swings", "swinging the arms widely")),
    Attribute({"arm_gain": (0.0, 0.25), "torso_gain": (0.1, 0.4)}, ("stiffly", "with stiff arms", "rigidly")),
    Attribute({"sway": (0.15, 0.35)}, ("swaying from side to side", "swaying")),
    Attribute({"bounce": (0.025, 0.06)}, ("bouncing", "with a bounce", "bobbing up and down")),
    Attribute({"tremor": (0.06, 0.16)}, ("trembling", "shaking", "with a tremor")),
    Attribute({"asymmetry": (0.3, 0.7)}, ("with the left shoulder dropped", "with a lowered left shoulder")),
)  # fmt: skip


SCALES = {
    "tempo": 0.25, "lean": 0.3, "side": 0.15, "head": 0.3, "arms_out": 0.35, "arms_forward": 0.35, "elbows": 0.5,
    "crouch": 0.12, "step": 0.22, "stance": 0.05, "smooth": 2.0, "arm_gain": 0.4, "torso_gain": 0.3, "sway": 0.1,
    "bounce": 0.02, "tremor": 0.04, "asymmetry": 0.25,
}  # fmt: skip
"""The spread of each field (of its logarithm, for the multiplying ones) in a `wild` manner."""
_MULTIPLYING = ("tempo", "step", "arm_gain", "torso_gain")


def style_params_to_vector(manner: StyleParams) -> Float[np.ndarray, "params"]:
    """The manner as numbers of about unit spread, 0 where neutral, in the order of `SCALES`."""
    values = []
    for name, scale in SCALES.items():
        value = getattr(manner, name)
        values.append((np.log(max(value, 0.1)) if name in _MULTIPLYING else value) / scale)
    return np.array(values, dtype=np.float32)


def drawn(rng: np.random.Generator, most: int = 2) -> tuple[StyleParams, tuple[str, ...]]:
    """A random manner of one to `most` attributes that do not contradict each other, and one phrase for each."""
    manner, phrases = StyleParams(), []
    taken: set[str] = set()
    for index in rng.permutation(len(ATTRIBUTES))[: rng.integers(1, most + 1)]:
        attribute = ATTRIBUTES[index]
        if taken & attribute.fields.keys():
            continue
        taken |= attribute.fields.keys()
        manner = replace(manner, **{name: float(rng.uniform(*span)) for name, span in attribute.fields.items()})
        phrases.append(str(rng.choice(attribute.phrases)))
    return manner, tuple(phrases)


def wild(rng: np.random.Generator) -> StyleParams:
    """A random manner with no words: about half of the fields drawn at once, to teach all that a body can do."""
    values = {}
    for name, scale in SCALES.items():
        amount = float(np.clip(rng.standard_normal(), -2, 2)) * scale * (rng.random() < 0.6)
        if name in ("arms_out", "elbows"):
            amount = abs(amount)
        if name in ("crouch", "smooth", "sway", "bounce", "tremor"):
            amount = max(amount, 0.0)
        values[name] = float(np.exp(amount)) if name in _MULTIPLYING else amount
    return StyleParams(**values)
