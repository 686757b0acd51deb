"""Parts of a clip made anew: in-betweening, and one half of the body with another one's movement.

1. *Windows.* Each run of frames that are not kept is made with up to CONTEXT seconds of kept frames on both sides.
2. *Generation.* The window is generated from the prompt. The kept frames, on the one skeleton at the base's rate, are
   constraints (`lead.control.constraints`), and so are legs that are kept in all frames. An upper body that is kept
   takes the place of the one that was made.
3. *The clip's own body.* The new frames get the clip's rate, its bone lengths and the shape of its hips and chest. What
   they are off the kept frames dies out into them (`finish.spread`), in position and in velocity.
Kept frames are the clip's own, bit by bit: joints here, and the rig's channels where the motion is written as BVH.
Conventions: meters, Y up; frames are the clip's own, from 0.
"""

from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float

from lead.conditioning import Words
from lead.control.constraints import PARTS, PoseConstraint
from lead.control.finish import SETTLE, SETTLE_PATH, Joints, spread
from lead.data.dataset import MAX_FRAMES, MIN_FRAMES, UNIT
from lead.errors import LeadError
from lead.model import Lead
from lead.motion import Motion
from lead.motion.motion_like import TimeMark
from lead.motion.processing.edit import bone_directions, replace_upper_body
from lead.motion.processing.foot_lock import lock_feet
from lead.motion.processing.ik import ANKLES, KNEES
from lead.motion.processing.join import place_after
from lead.motion.resample import resample
from lead.motion.rotations import kabsch, normalize
from lead.motion.skeleton import bone_lengths, place_bones

CONTEXT = 1.0
"""Seconds of kept frames that a new part is fitted to, before it and after it."""
SNAPS, SNAPS_MORE = 7.0, 1.5
"""Meters a second of a joint beside a border, and times the fastest of the kept frames, from which a note says so."""
BESIDE = 0.25
"""Seconds of a new part that are beside its border."""
TRUNK = ([1, 2, 3], [12, 13, 14])
"""The joints that hang from the pelvis, and from the chest: one rotation carries each three."""
HALVES = ("legs", "upper_body")
"""Parts of the body that can be kept in all frames."""


def edit_clip(
    base: Lead,
    clip: Motion,
    kept: Bool[np.ndarray, "frames"],
    prompt: str,
    *,
    half: str | None = None,
    words: Words | None = None,
    seed: int = 0,
    guidance: float | None = None,
    clean_feet: bool = True,
) -> Motion:
    """The clip with its kept frames as they are, bit by bit, and all others made from the prompt.

    `half` ("legs" or "upper_body") is kept in the new frames too: the legs with the body's path, exactly; the upper
    body relative to the way that the body faces. The result has the clip's rate, rig and bone lengths. Raises LeadError
    where nothing is to be made, where nothing is kept, and for a new part that is longer than the base makes.
    """
    kept = np.asarray(kept, dtype=bool)
    _check(clip, kept, half)
    joints = clip.joints.astype(np.float64)
    for first, end in list_new_parts(kept):
        low, high = _find_window(kept, first, end, clip.fps)
        window, inside = slice(low, high), slice(first - low, end - low)
        part = replace(clip, joints=joints[window])
        constraints, frames, late = _list_constraints(part, kept[window], half, base)
        made = base.generate(
            prompt, seconds=frames / base.skeleton.fps, words=words, seed=seed, guidance=guidance,
            clean_feet=clean_feet, constraints=constraints,
        )[0]  # fmt: skip
        rates = base.skeleton.fps, clip.fps
        own = _fit_to_body(made.joints[late:].astype(np.float64), joints[window], kept[window], half, rates)
        if clean_feet and half != "legs":
            own = lock_feet(own, clip.fps, kept[window])
        joints[first:end] = own[inside]
        if half == "legs":
            legs = list(PARTS["legs"])
            joints[first:end, legs] = clip.joints[first:end, legs]
    edited = joints.astype(np.float32)
    edited[kept] = clip.joints[kept]
    rig = replace(clip.rig, kept=kept) if clip.rig else None
    marks = [TimeMark(first / clip.fps, end / clip.fps, prompt) for first, end in list_new_parts(kept)]
    notes = (*clip.notes, *_note_snaps(joints, kept, clip.fps))
    return replace(clip, joints=edited, rig=rig, notes=notes, marks=(*clip.marks, *marks))


def _note_snaps(joints: Joints, kept: Bool[np.ndarray, "frames"], fps: float) -> list[str]:
    """A note for each border of a new part at which a joint moves too fast."""
    speeds = (
        np.linalg.norm(np.diff(joints, axis=0), axis=-1).max(axis=1, initial=0.0) * fps
    )  # of the step after a frame
    fastest = speeds[kept[1:] & kept[:-1]].max(initial=0.0)
    beside, notes = max(round(BESIDE * fps), 1), []
    for first, end in list_new_parts(kept):
        for low, high in {(max(first - 1, 0), min(first + beside, end)), (max(end - beside, first), end)}:
            peak = speeds[low:high].max(initial=0.0)
            if peak > max(SNAPS, SNAPS_MORE * fastest):
                at = (low + int(speeds[low:high].argmax())) / fps
                notes.append(
                    f"at {at:.1f} s a joint moves at {peak:.0f} m/s: the new part snaps to what is kept; "
                    "take another seed, or make more frames anew"
                )
    return sorted(notes)


def list_new_parts(kept: Bool[np.ndarray, "frames"]) -> list[tuple[int, int]]:
    """The first frame of each run that is not kept, and the frame after it."""
    edges = np.flatnonzero(np.diff(np.concatenate([[True], kept, [True]]).astype(np.int8)))
    return [(int(first), int(end)) for first, end in edges.reshape(-1, 2)]


def _check(clip: Motion, kept: Bool[np.ndarray, "frames"], half: str | None) -> None:
    name = clip.name or "the clip"
    if kept.shape != (len(clip.joints),):
        raise LeadError(f"{name}: {kept.shape} marks for {len(clip.joints)} frames; expected one a frame")
    if half is not None and half not in HALVES:
        raise LeadError(f"{name}: there is no half {half!r}; expected {' or '.join(HALVES)}")
    if kept.all():
        raise LeadError(f"{name}: all frames are kept, so nothing is left to make; keep fewer")
    if not kept.any() and half is None:
        raise LeadError(f"{name}: nothing is kept; keep some frames or a half of the body, or generate a motion")


def _find_window(kept: Bool[np.ndarray, "frames"], first: int, end: int, fps: float) -> tuple[int, int]:
    """The frames of a new part with the kept ones around it, up to CONTEXT on each side."""
    context = round(CONTEXT * fps)
    new = np.flatnonzero(~kept)
    before, after = new[new < first], new[new >= end]
    low = max(int(before[-1]) + 1 if len(before) else 0, first - context)
    high = min(int(after[0]) if len(after) else len(kept), end + context)
    return low, high


def _list_constraints(
    window: Motion, kept: Bool[np.ndarray, "frames"], half: str | None, base: Lead
) -> tuple[list[PoseConstraint], int, int]:
    """Poses of the kept frames, and of the kept half in the others, at the base's rate; and the frames to generate.

    What is generated is a whole number of units long. The last number says how many of its frames come before the
    window; they are free.
    """
    rate = base.skeleton.fps
    at_rate = window.resample(rate).on_one_skeleton().joints.astype(np.float64)
    x, _, z = at_rate[0, 0]
    at_rate = at_rate - [x, at_rate[..., 1].min(), z]  # a clip may be far from where it began
    longest = MAX_FRAMES / rate
    if len(at_rate) > MAX_FRAMES:
        raise LeadError(
            f"{window.name or 'the clip'}: a new part of {len(window.joints) / window.fps:.3g} s with the kept frames "
            f"around it; the base makes {longest:g} s at once. Keep some frames in the middle, or make it in two runs"
        )
    frames = max(-(-len(at_rate) // UNIT) * UNIT, MIN_FRAMES)
    late = frames - len(at_rate)
    times = np.arange(len(at_rate)) / rate
    nearest = np.clip(np.round(times * window.fps).astype(int), 0, len(kept) - 1)
    constraints = []
    for place, (pose, frame) in enumerate(zip(at_rate, nearest, strict=True)):
        seconds = (late + place) / rate
        if kept[frame]:
            constraints.append(PoseConstraint(pose, seconds, placed=True, name=f"kept frame {frame}"))
        elif half == "legs":
            constraints.append(PoseConstraint(pose, seconds, PARTS[half], placed=True, name=f"legs of frame {frame}"))
    return constraints, frames, late


def _fit_to_body(
    made: Float[np.ndarray, "made 22 3"],
    clip: Joints,
    kept: Bool[np.ndarray, "frames"],
    half: str | None,
    rates: tuple[float, float],
) -> Joints:
    """The made motion at the clip's rate on the clip's body; kept frames and bones are as in the clip.

    `rates` are those of the made motion and of the clip.
    """
    ground = np.array([clip[0, 0, 0], clip[..., 1].min(), clip[0, 0, 2]])
    made = resample(made, *rates).astype(np.float64)
    made = np.concatenate([made, np.repeat(made[-1:], max(len(clip) - len(made), 0), axis=0)])[: len(clip)]
    if half == "upper_body" and not kept.any():
        made = place_after(clip[0] - ground, made)
    legs, lengths = [*KNEES, *ANKLES], bone_lengths(clip)
    scale = float(lengths[:, legs].mean(axis=0).sum() / bone_lengths(made[0])[legs].sum())
    placed = made * scale + ground
    if half == "upper_body":
        placed = replace_upper_body(placed, clip)
    own, aim = _take_apart(placed), _take_apart(clip)
    _shape_trunk(own, aim[kept] if kept.any() else aim)
    anchors = _thin_out(kept, rates)
    for joint in range(22):
        fixed = anchors | (half == "legs" and joint in PARTS["legs"])
        own[:, joint] += spread(aim[:, joint] - own[:, joint], fixed, (SETTLE if joint else SETTLE_PATH) * rates[1])
    return place_bones(own[:, 0], normalize(own) * lengths[..., None], np.ones(22))


def _shape_trunk(own: Joints, clip: Float[np.ndarray, "kept 22 3"]) -> None:
    """Give the made directions the clip's angles between hips and spine, and between collars and neck, in place.

    So both have one body: a file with a rigid skeleton holds both.
    """
    for children in TRUNK:
        made, theirs = own[:, children], clip[:, children]
        shape = normalize(np.einsum("fji,fnj->ni", _turn_to(theirs, theirs[0]), theirs))  # the mean of the frames
        own[:, children] = np.einsum("fij,nj->fni", _turn_to(made, shape), shape)


def _turn_to(
    vectors: Float[np.ndarray, "frames n 3"], shape: Float[np.ndarray, "n 3"]
) -> Float[np.ndarray, "frames 3 3"]:
    """The rotations that take a shape to the vectors of each frame."""
    upright = np.broadcast_to(np.eye(3), (len(vectors), 3, 3))
    return kabsch(np.broadcast_to(shape, vectors.shape), vectors, upright)


def _thin_out(kept: Bool[np.ndarray, "frames"], rates: tuple[float, float]) -> Bool[np.ndarray, "frames"]:
    """Kept frames about as far apart as those of the base, counted from the border of the new part.

    From one frame to the next of a fast recording, a millimeter of noise is a great velocity and a greater
    acceleration, and a new part would go on with both.
    """
    step = max(int(rates[1] / rates[0]), 1)
    frames = np.arange(len(kept))
    away = np.abs(frames[:, None] - frames[~kept]).min(axis=1)
    thinned: np.ndarray = kept & ((away - 1) % step == 0)
    return thinned


def _take_apart(joints: Joints) -> Joints:
    """The pelvis' place, then the bones' directions."""
    parts = bone_directions(joints)
    parts[:, 0] = joints[:, 0]
    return parts
