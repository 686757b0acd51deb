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


def match_names(names: Sequence[str], parents: Sequence[int], given: Mapping[str, int] | None = None) -> dict[str, int]:
    """Our joint's name -> the index in `names`, for hips, legs, arms, collars, neck and head as far as they
    are there; `given` ones, by index or -1 for none, come first.
    """
    plain: dict[str, int] = {}
    for joint, name in enumerate(names):
        plain.setdefault(plain_name(name), joint)
    found = dict(given or {})
    for side in ("left_", "right_"):
        for limb, aliases in _LIMBS.items():
            _take(found, side + limb, [side + alias for alias in aliases], plain)
    for joint_name, aliases in _MIDDLE.items():
        _take(found, joint_name, aliases, plain)
    found = {ours: joint for ours, joint in found.items() if joint >= 0}
    if "left_hip" in found and "right_hip" in found and "pelvis" not in (given or {}):
        legs_meet = common_ancestor(found["left_hip"], found["right_hip"], parents)
        if found.get("pelvis", -1) not in path_up(legs_meet, parents) and legs_meet >= 0:
            found["pelvis"] = legs_meet  # it has another name, or "Hips" is a control that no leg hangs from
    return found


def missing_joints(found: Mapping[str, int]) -> list[str]:
    """What is needed of a rig and was not found."""
    missing = [name for name in _NEEDED if name not in found]
    return missing if "neck" in found or "head" in found else [*missing, "neck or head"]


def unknown_rig(names: Sequence[str], missing: Sequence[str], notes: Sequence[str] = ()) -> MotionError:
    """The error that says which joints cannot be matched, and the names that were there."""
    also = "".join(f"; {note}" for note in notes)
    return MotionError(
        f"an unknown rig: no joint matches {', '.join(missing)}{also}. Its joints are: {_listing(names)}. "
        "Say which is which in a rig map, or rename them to a common scheme, for instance Mixamo's (Hips, "
        "LeftUpLeg, LeftLeg, LeftFoot, LeftArm, LeftForeArm, LeftHand, ...)."
    )


_CONVENTIONS = (
    ("Mixamo", r"mixamorig", 5),
    ("VRM", r"J_Bip_", 5),
    ("3ds Max Biped", r"(?:ValveBiped\.)?Bip\d+", 5),
    ("Daz", r"(?:hip|abdomen|[lr](?:Thigh|Shin|Shldr|ForeArm|Collar))$|[lr](?:ThighBend|ShldrBend)$", 6),
    ("CMU", r"[lr](?:femur|tibia|humerus|radius)$", 8),
    ("CMU", r"[LR]HipJoint$|LowerBack$|Neck1$", 4),
    ("Bandai-Namco", r"joint_Root$|(?:Upper|Lower)(?:Leg|Arm)_[LR]$", 8),
    ("Unreal", r"(?:thigh|calf|upperarm|lowerarm|clavicle|ball)_[lr]$", 8),
    ("Xsens MVN", r"(?:L5|L3|T12|T8|(?:Left|Right)(?:Upper|Lower)Leg)$", 8),
    ("Xsens, 100STYLE", r"(?:Chest4|(?:Left|Right)(?:Collar|Elbow|Knee|Ankle))$", 9),
    ("Unity, VRM", r"(?:Left|Right)(?:Upper|Lower)(?:Leg|Arm)$", 8),
    ("Perception Neuron", r"(?:Left|Right)InHand", 2),
    ("Rokoko", r"(?:Left|Right)(?:Thigh|Shin)$", 4),
    ("SMPL", r"(?:.*_)?(?:[LR]|left|right)_(?:Hip|Knee|Ankle|Collar|Wrist)$", 8),
    ("Rigify", r"(?:DEF|ORG)-", 8),
    ("Kinect", r"Spine(?:Base|Mid|Shoulder)$", 3),
    ("LAFAN1", r"(?:Left|Right)(?:UpLeg|Toe)$", 4),
    ("MotionBuilder", r"(?:Left|Right)(?:UpLeg|ToeBase|ForeArm)$", 4),
    ("classic BVH", r"(?:Left|Right)(?:Hip|Knee|Ankle|Elbow|Wrist)$", 8),
)
"""What gives a rig's maker away: a pattern that at least so many different names match; the first that fits counts."""


def convention(names: Sequence[str]) -> str:
    """Whose joint names these are, as far as they tell it; empty where they do not."""
    bare = {re.split(r"[:|]", name)[-1] if not re.match(r"mixamorig", name, re.IGNORECASE) else name for name in names}
    for maker, pattern, least in _CONVENTIONS:
        if sum(bool(re.match(pattern, name, re.IGNORECASE)) for name in bare) >= least:
            return maker
    return ""


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
    if ours in found:
        return
    taken = set(found.values())
    joint = next((plain[alias] for alias in aliases if alias in plain and plain[alias] not in taken), None)
    if joint is not None:
        found[ours] = joint


def _listing(names: Sequence[str]) -> str:
    shown = ", ".join(names[:80])
    return shown + (f" and {len(names) - 80} more" if len(names) > 80 else "")
