"""Which joint of a rig is which of ours, by name: prefixes and spelling taken away, then aliases, then the
hierarchy.

Known spellings: Bandai-Namco, CMU (ASF bones, cgspeed's, Daz), Mixamo, SMPL, LAFAN1, MotionBuilder, 3ds Max
Biped, Unreal, Unity and VRM, Xsens, Rokoko, Perception Neuron, Kinect, Rigify, the classic BVH names.
Knows nothing of positions: joints of a spine are told apart by where arms and legs branch off, never by name.
"""

import re
from collections.abc import Mapping, Sequence

from lead.motion.errors import MotionError

_PREFIX = re.compile(
    r"^(?:(?:mixamorig\d*|valvebiped|bip\d+|character\d+|cc_base|robot)[ ._-]*"
    r"|(?:j_(?:bip|adj|sec)(?:_c)?|[mf]_avg|avatar|def|org|skel|b)[ ._-]+)(?=[A-Za-z])",
    re.IGNORECASE,
)
_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_SIDES = {"left": "left_", "l": "left_", "lft": "left_", "right": "right_", "r": "right_", "rgt": "right_"}
_FILLERS = {"joint", "jnt", "jt", "bone", "bind"}

# For each of our joints the names to look for, best first. A name already taken is passed over, which is how
# "LeftShoulder" is a collar beside "LeftArm" and a shoulder beside "LeftCollar".
_LIMBS: dict[str, tuple[str, ...]] = {
    "hip": ("upleg", "upperleg", "thigh", "hip", "femur", "thighbend"),
    "knee": ("lowleg", "lowerleg", "shin", "calf", "knee", "tibia", "leg"),
    "ankle": ("ankle", "foot"),
    "foot": ("toebase", "toes", "toe", "toe0", "ball", "toebase0", "forefoot", "foot"),
    "shoulder": ("upperarm", "uparm", "arm", "shldr", "shldrbend", "humerus", "shoulder"),
    "elbow": ("forearm", "lowerarm", "lowarm", "elbow", "forearmbend", "radius"),
    "wrist": ("wrist", "hand"),
    "collar": ("collar", "clavicle", "collarbone", "shoulder"),
}
_MIDDLE: dict[str, tuple[str, ...]] = {
    "pelvis": ("hips", "hip", "pelvis", "spinebase"),
    "neck": ("neck", "neck0", "neck1", "lowerneck", "upperneck"),
    "head": ("head",),
}
_NEEDED = ("pelvis", *(f"{side}_{limb}" for side in ("left", "right")
                       for limb in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")))  # fmt: skip


def match_names(names: Sequence[str], parents: Sequence[int]) -> dict[str, int]:
    """Our joint's name -> the index in `names`, for hips, legs, arms, collars, neck and head as far as they
    are there.

    Raises MotionError with all that could not be matched, and the names that were there.
    """
    plain: dict[str, int] = {}
    for joint, name in enumerate(names):
        plain.setdefault(plain_name(name), joint)
    found: dict[str, int] = {}
    for side in ("left_", "right_"):
        for limb, aliases in _LIMBS.items():
            _take(found, side + limb, [side + alias for alias in aliases], plain)
    for joint_name, aliases in _MIDDLE.items():
        _take(found, joint_name, aliases, plain)
    if "left_hip" in found and "right_hip" in found:
        legs_meet = common_ancestor(found["left_hip"], found["right_hip"], parents)
        if found.get("pelvis", -1) not in path_up(legs_meet, parents) and legs_meet >= 0:
            found["pelvis"] = legs_meet  # it has another name, or "Hips" is a control that no leg hangs from
    missing = [name for name in _NEEDED if name not in found]
    if "neck" not in found and "head" not in found:
        missing.append("neck or head")
    if missing:
        raise MotionError(
            f"an unknown rig: no joint matches {', '.join(missing)}. Its joints are: {_listing(names)}. "
            "Rename them to a common scheme, for instance Mixamo's (Hips, LeftUpLeg, LeftLeg, LeftFoot, "
            "LeftArm, LeftForeArm, LeftHand, ...)."
        )
    return found


def plain_name(name: str) -> str:
    """A joint's name without namespace, rig prefix, case and separators, its side in front: "left_upleg"."""
    name = re.split(r"[:|]", name)[-1].strip()
    stripped = _PREFIX.sub("", name)
    while stripped != name:
        name, stripped = stripped, _PREFIX.sub("", stripped)
    words = [word.lower() for word in _WORDS.findall(name)]
    side = next((_SIDES[word] for word in words if word in _SIDES), "")
    if side:
        words.remove(next(word for word in words if word in _SIDES))
    words = [word.lstrip("0") or "0" if word.isdigit() else word for word in words if word not in _FILLERS]
    plain = "".join(words)
    if not side:
        for spelling, its_side in (("left", "left_"), ("right", "right_"), ("l", "left_"), ("r", "right_")):
            rest = plain.removeprefix(spelling)
            if rest != plain and any(rest in aliases for aliases in _LIMBS.values()):
                return its_side + rest
    return side + plain


def path_up(joint: int, parents: Sequence[int]) -> list[int]:
    """The joint, its parent, and so on to the root."""
    path = []
    while joint >= 0:
        path.append(joint)
        joint = parents[joint]
    return path


def common_ancestor(a: int, b: int, parents: Sequence[int]) -> int:
    """The nearest joint that both hang from (or are); -1 if there is none."""
    above = set(path_up(a, parents))
    return next((joint for joint in path_up(b, parents) if joint in above), -1)


def spine_path(found: Mapping[str, int], parents: Sequence[int]) -> tuple[list[int], int]:
    """The joints strictly between pelvis and neck (or head), lowest first, and how many are below the arms.

    The arms branch off the last of those.
    """
    top = found.get("neck", found.get("head", -1))
    up = path_up(top, parents)
    spine = up[1 : up.index(common_ancestor(found["pelvis"], top, parents))][::-1]
    arms = {common_ancestor(top, found[f"{side}_shoulder"], parents) for side in ("left", "right")}
    return spine, max((spine.index(joint) + 1 for joint in arms if joint in spine), default=len(spine))


def _take(found: dict[str, int], ours: str, aliases: Sequence[str], plain: Mapping[str, int]) -> None:
    taken = set(found.values())
    joint = next((plain[alias] for alias in aliases if alias in plain and plain[alias] not in taken), None)
    if joint is not None:
        found[ours] = joint


def _listing(names: Sequence[str]) -> str:
    shown = ", ".join(names[:80])
    return shown + (f" and {len(names) - 80} more" if len(names) > 80 else "")
