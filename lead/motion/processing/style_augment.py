"""Procedural styles: the same clip slower, hunched, crouched, with the arms out, and so on.

A clip is taken apart into root path, heading and bone directions in the facing frame. A style turns directions, so that
bone lengths stay true, or moves the root while the feet are held where they were (two-bone leg IK). A base model
learns from such clips that one action has many styles.
Conventions: meters, radians, Y up, 20 fps; in the facing frame the person looks along +Z, with the left side at +X.
Knows nothing of models. `ATTRIBUTES` has the phrases for captions; who writes captions, this module does not know.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from lead.motion.heading import turn
from lead.motion.processing.edit import bone_directions, smooth_half_yaw
from lead.motion.processing.ik import LEGS, two_bone_ik
from lead.motion.rotations import normalize
from lead.motion.skeleton import bone_lengths, place_bones
from lead.motion.smoothing import gaussian_smooth

_SPINE, _NECK, _ARMS = (3, 6, 9), 12, ((16, 18, 20), (17, 19, 21))

Directions = Float[np.ndarray, "frames 22 3"]
"""Unit vectors from each joint's parent to it, in the facing frame."""


@dataclass(frozen=True)
class StyleParams:
    """The parameters of a style. Each field's default changes nothing."""

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


def apply_style(
    joints: Float[np.ndarray, "frames 22 3"], style: StyleParams, seed: int = 0
) -> Float[np.ndarray, "new_frames 22 3"]:
    """The clip in a style. Bone lengths are kept; the number of frames follows the tempo.

    `seed` decides the phases of sway and bounce and the trembling.
    """
    rng = np.random.default_rng(seed)
    joints = _change_tempo(np.asarray(joints, dtype=np.float64), style.tempo)
    lengths = bone_lengths(joints[0])
    half_yaw = smooth_half_yaw(joints)
    local = turn(half_yaw, joints)
    directions = bone_directions(local)

    for bones, gain in (((*_SPINE, _NECK, 15), style.torso_gain), ((*_ARMS[0], *_ARMS[1]), style.arm_gain)):
        for bone in bones:
            directions[:, bone] = _amplify(directions[:, bone], gain, style.smooth)
    _bend_upper_body(directions, style, rng)
    _place_arms(directions, style)
    return turn(-half_yaw, _move_root(local, directions, lengths, style, rng))


def _change_tempo(joints: Float[np.ndarray, "frames 22 3"], tempo: float) -> Float[np.ndarray, "new_frames 22 3"]:
    """The clip `tempo` times as fast, at the same rate, by straight lines between frames."""
    frames = len(joints)
    wanted = max(round((frames - 1) / tempo) + 1, 2)
    times = np.linspace(0, frames - 1, wanted)
    low = np.minimum(times.astype(int), frames - 2)
    part = (times - low)[:, None, None]
    changed: np.ndarray = joints[low] * (1 - part) + joints[low + 1] * part
    return changed


def _amplify(direction: Float[np.ndarray, "frames 3"], gain: float, smooth: float) -> Float[np.ndarray, "frames 3"]:
    """A bone's direction smoothed over `smooth` frames, its movement about its own mean multiplied by `gain`."""
    if smooth > 0.3:
        direction = normalize(gaussian_smooth(direction, smooth))
    if gain == 1.0:
        return direction
    center = direction.mean(axis=0)
    return normalize(center + gain * (direction - center))


def _move_root(
    local: Float[np.ndarray, "frames 22 3"],
    directions: Directions,
    lengths: Float[np.ndarray, "22"],
    style: StyleParams,
    rng: np.random.Generator,
) -> Float[np.ndarray, "frames 22 3"]:
    """The body on its new root path, with each ankle where its own scaled path puts it."""
    wide = np.array([style.step, 1.0, style.step])
    root = local[:, 0] * wide
    root[:, 1] *= 1.0 - style.crouch
    root[:, 1] += style.bounce * np.sin(4 * np.pi * np.arange(len(local)) / 20.0 + rng.uniform(0, 6.28))
    joints = place_bones(root, directions, lengths)
    if (style.crouch, style.bounce, style.stance, style.step) != (0.0, 0.0, 0.0, 1.0):
        for leg, sign in zip(LEGS, (1.0, -1.0), strict=True):
            _move_ankle(joints, leg, local[:, leg[2]] * wide + np.array([sign * style.stance, 0, 0]), lengths)
    return joints


def _bend_upper_body(directions: Directions, style: StyleParams, rng: np.random.Generator) -> None:
    """Lean, side, sway, head, tremor and asymmetry, in place."""
    frames = len(directions)
    seconds = np.arange(frames) / 20.0
    side = style.side + style.sway * np.sin(2 * np.pi * 0.5 * seconds + rng.uniform(0, 6.28))
    shake = gaussian_smooth(rng.standard_normal((frames, 3)), 1.0) * 1.7 * style.tremor
    for joint in _SPINE:
        bones = [bone for bone in range(joint, 22) if bone not in (4, 5, 7, 8, 10, 11)]
        _rotate(directions, bones, "x", np.full(frames, style.lean / 3))
        _rotate(directions, bones, "z", -side / 3)
    _rotate(directions, [12, 15], "x", style.head + shake[:, 0])
    for arm, sign in ((_ARMS[0], 1.0), (_ARMS[1], -1.0)):
        _rotate(directions, arm, "x", shake[:, 1])
        _rotate(directions, [arm[0] - 3, *arm], "z", np.full(frames, -0.5 * style.asymmetry * (sign > 0)))


def _place_arms(directions: Directions, style: StyleParams) -> None:
    """Arms out, arms forward and elbows, in place."""
    frames = len(directions)
    for arm, sign in ((_ARMS[0], 1.0), (_ARMS[1], -1.0)):
        _rotate(directions, arm, "z", np.full(frames, sign * style.arms_out))
        _rotate(directions, arm, "x", np.full(frames, -style.arms_forward))
        _rotate(directions, arm[2:], "x", np.full(frames, -style.elbows))


def _rotate(directions: Directions, bones: Iterable[int], axis: str, angle: Float[np.ndarray, "frames"]) -> None:
    """Turn bones about an axis of the facing frame ("x" or "z"), right-handed, in place."""
    of = np.array(list(bones))
    i, j = {"x": (1, 2), "z": (0, 1)}[axis]
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    a, b = directions[:, of, i], directions[:, of, j]
    directions[:, of, i], directions[:, of, j] = cos * a - sin * b, sin * a + cos * b


def _move_ankle(
    joints: Float[np.ndarray, "frames 22 3"],
    leg: tuple[int, int, int, int],
    target: Float[np.ndarray, "frames 3"],
    lengths: Float[np.ndarray, "22"],
) -> None:
    """Put an ankle at its target as far as the leg is long, the knee bent as it was, the foot parallel, in place."""
    hip, knee, ankle, toe = leg
    foot = joints[:, toe] - joints[:, ankle]
    thigh, shin = lengths[knee], lengths[ankle]
    pole = joints[:, knee] - joints[:, hip] + np.array([0.0, 0.0, 0.05])
    axis = target - joints[:, hip]
    reach = np.clip(np.linalg.norm(axis, axis=-1), abs(thigh - shin) + 1e-3, thigh + shin - 1e-3)
    axis = normalize(axis)
    pole = normalize(pole - (pole * axis).sum(-1, keepdims=True) * axis)
    joints[:, knee], joints[:, ankle] = two_bone_ik(joints[:, hip], axis, reach, pole, thigh, shin)
    joints[:, toe] = joints[:, ankle] + foot


@dataclass(frozen=True)
class Attribute:
    """A style that phrases describe."""

    fields: dict[str, tuple[float, float]]
    """The range of each of `StyleParams`' fields that it sets."""
    phrases: tuple[str, ...]
    """Phrases that can follow any caption."""


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
"""The spread of each field in a random style; for the fields that multiply, of the logarithm."""
_MULTIPLYING = ("tempo", "step", "arm_gain", "torso_gain")


def style_params_to_vector(style: StyleParams) -> Float[np.ndarray, "params"]:
    """The style as numbers of about unit spread, 0 where neutral, in the order of `SCALES`."""
    values = []
    for name, scale in SCALES.items():
        value = getattr(style, name)
        values.append((np.log(max(value, 0.1)) if name in _MULTIPLYING else value) / scale)
    return np.array(values, dtype=np.float32)


def draw_described_style(rng: np.random.Generator, most: int = 2) -> tuple[StyleParams, tuple[str, ...]]:
    """A random style of one to `most` attributes that do not contradict each other, and one phrase for each."""
    style, phrases = StyleParams(), []
    taken: set[str] = set()
    for index in rng.permutation(len(ATTRIBUTES))[: rng.integers(1, most + 1)]:
        attribute = ATTRIBUTES[index]
        if taken & attribute.fields.keys():
            continue
        taken |= attribute.fields.keys()
        style = replace(style, **{name: float(rng.uniform(*span)) for name, span in attribute.fields.items()})
        phrases.append(str(rng.choice(attribute.phrases)))
    return style, tuple(phrases)


def draw_style(rng: np.random.Generator) -> StyleParams:
    """A random style without phrases: each field is drawn with probability .6, to show all that a body can do."""
    values = {}
    for name, scale in SCALES.items():
        amount = float(np.clip(rng.standard_normal(), -2, 2)) * scale * (rng.random() < 0.6)
        if name in ("arms_out", "elbows"):
            amount = abs(amount)
        if name in ("crouch", "smooth", "sway", "bounce", "tremor"):
            amount = max(amount, 0.0)
        values[name] = float(np.exp(amount)) if name in _MULTIPLYING else amount
    return StyleParams(**values)
