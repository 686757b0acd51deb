"""Which joint of a rig is which of ours, by name.

Stages: take prefix, namespace, case and separators off the names -> look for known spellings (`joint_names`) -> correct
the pelvis by the tree.
Knows nothing of positions. Joints of a spine are told apart by where arms and legs branch off, never by name.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from lead.motion.errors import MotionError
from lead.motion.formats.joint_tree import common_ancestor, path_to_root
from lead.motion.rigs.joint_names import ABOVE, FILLERS, LIMBS, MAKERS, MIDDLE, PREFIX, SIDES

_PREFIX = re.compile(PREFIX, re.IGNORECASE)
_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_NEEDED = ("pelvis", *(f"{side}_{limb}" for side in ("left", "right")
                       for limb in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")))  # fmt: skip


def match_names(names: Sequence[str], parents: Sequence[int], given: Mapping[str, int] | None = None) -> dict[str, int]:
    """Our joint's name -> the index in `names`: hips, legs, arms, collars, neck and head, as far as they are there.

    `given` joints, by index or -1 for none, are taken as they are.
    """
    below = Counter(above for joint in range(len(names)) for above in path_to_root(joint, parents))
    plain: dict[str, int] = {}
    for joint, name in enumerate(names):
        same = plain.setdefault(simplify_name(name), joint)
        if below[joint] > below[same]:  # a control has the name of a joint, but nothing hangs from it
            plain[simplify_name(name)] = joint
    found = dict(given or {})
    spellings = {side + limb: [side + name for name in known] for side in ("left_", "right_")
                 for limb, known in LIMBS.items()}  # fmt: skip
    for ours, known in (*spellings.items(), *MIDDLE.items()):
        taken = set(found.values())
        free = [plain[name] for name in known if name in plain and plain[name] not in taken]
        side, _, limb = ours.rpartition("_")
        above = found.get(f"{side}_{ABOVE.get(limb)}", -1)
        if free:  # an IK target hangs elsewhere
            found.setdefault(ours, next((joint for joint in free if above in path_to_root(joint, parents)), free[0]))
    found = {ours: joint for ours, joint in found.items() if joint >= 0}
    if "left_hip" in found and "right_hip" in found and "pelvis" not in (given or {}):
        legs_meet = common_ancestor(found["left_hip"], found["right_hip"], parents)
        if found.get("pelvis", -1) not in path_to_root(legs_meet, parents) and legs_meet >= 0:
            found["pelvis"] = legs_meet  # it has another name, or "Hips" is a control that no leg hangs from
    return found


def list_missing_joints(found: Mapping[str, int]) -> list[str]:
    """The joints that a rig needs and that were not found."""
    missing = [name for name in _NEEDED if name not in found]
    return missing if "neck" in found or "head" in found else [*missing, "neck or head"]


def make_unknown_rig_error(names: Sequence[str], missing: Sequence[str], notes: Sequence[str] = ()) -> MotionError:
    """The error that says which joints cannot be matched, and which names are there."""
    also = "".join(f"; {note}" for note in notes)
    shown = ", ".join(names[:80]) + (f" and {len(names) - 80} more" if len(names) > 80 else "")
    return MotionError(
        f"an unknown rig: no joint matches {', '.join(missing)}{also}. Its joints are: {shown}. "
        "Say which is which in a rig map, or rename them to a common scheme, for instance Mixamo's (Hips, "
        "LeftUpLeg, LeftLeg, LeftFoot, LeftArm, LeftForeArm, LeftHand, ...)."
    )


def guess_maker(names: Sequence[str]) -> str:
    """The tool or data set whose joint names these are; empty if they do not tell."""
    bare = {re.split(r"[:|]", name)[-1] if not re.match(r"mixamorig", name, re.IGNORECASE) else name for name in names}
    for maker in MAKERS:
        if sum(bool(re.match(maker.pattern, name, re.IGNORECASE)) for name in bare) >= maker.least:
            return maker.name
    return ""


def simplify_name(name: str) -> str:
    """A joint's name without namespace, prefix, case and separators, its side in front: "left_upleg"."""
    words = split_name(name)
    side = next((SIDES[word] for word in words if word in SIDES), "")
    if side:
        words.remove(next(word for word in words if word in SIDES))
    words = [word.lstrip("0") or "0" if word.isdigit() else word for word in words if word not in FILLERS]
    plain = "".join(words)
    if not side:
        for spelling, its_side in (("left", "left_"), ("right", "right_"), ("l", "left_"), ("r", "right_")):
            rest = plain.removeprefix(spelling)
            if rest != plain and any(rest in known for known in LIMBS.values()):
                return its_side + rest
    return side + plain


def split_name(name: str) -> list[str]:
    """The words of a joint's name, without namespace, prefix and case."""
    name = re.split(r"[:|]", name)[-1].strip()
    stripped = _PREFIX.sub("", name)
    while stripped != name:
        name, stripped = stripped, _PREFIX.sub("", stripped)
    return [word.lower() for word in _WORDS.findall(name)]


def find_spine(found: Mapping[str, int], parents: Sequence[int]) -> tuple[list[int], int]:
    """The joints strictly between pelvis and neck (or head), lowest first, and how many of them are below the arms.

    The arms branch off the last of those.
    """
    top = found.get("neck", found.get("head", -1))
    up = path_to_root(top, parents)
    spine = up[1 : up.index(common_ancestor(found["pelvis"], top, parents))][::-1]
    arms = {common_ancestor(top, found[f"{side}_shoulder"], parents) for side in ("left", "right")}
    return spine, max((spine.index(joint) + 1 for joint in arms if joint in spine), default=len(spine))
