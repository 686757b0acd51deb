"""The rigs of motion tools, animated by real motion: the files that `benchmarks.rigs` reads and writes.

A rig is a tree of named joints, each with a place in a person's T-pose. It also defines the axes of its bones at rest,
and the order, unit, up axis and rate of its files. The world rotations of our 22 joints animate it, by forward
kinematics of its own. It does not use the writing side of `lead.motion`, so that the two can disagree.
Conventions: meters, Y up, a person faces +Z. `_write_bvh` converts to the file's units and axes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from lead.motion import Bvh
from lead.motion.rotations import euler_to_matrix, matrix_to_euler, nearest_rotation, shortest_arc, unwrap_euler
from lead.motion.skeleton import JOINTS

TO_FILE = {"Y": np.eye(3), "Z": np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])}
BEYOND = {
    "crown": ("head", (0.0, 0.17, 0.0)), "eye": ("head", (0.03, 0.07, 0.08)), "toetip": ("*_foot", (0.0, 0.0, 0.06)),
    "thumb1": ("*_wrist", (0.03, -0.01, 0.03)), "thumb2": ("*_wrist", (0.06, -0.02, 0.05)),
    "palm": ("*_wrist", (0.04, 0.0, 0.0)), "index1": ("*_wrist", (0.09, 0.0, 0.02)),
    "index2": ("*_wrist", (0.12, 0.0, 0.02)), "index3": ("*_wrist", (0.145, 0.0, 0.02)),
}  # fmt: skip
"""Places without a joint of ours: the joint that each moves with, and its offset from that joint (left side)."""


@dataclass(frozen=True)
class Tool:
    """One maker's convention."""

    name: str
    chains: tuple[str, ...]
    """`Parent Child:place Child:place ...`; the first starts with the root, which has a place too. `*` is each side.

    A place is one of our joints, a share of the way between two (`pelvis~spine3@0.3`), or one of BEYOND."""
    sides: tuple[str, str] = ("Left", "Right")
    order: str = "ZXY"
    unit: float = 0.01
    """Meters."""
    up: str = "Y"
    fps: float = 30.0
    size: float = 1.0
    """Size of the body relative to ours."""
    positions: bool = False
    """Whether every joint has position channels."""
    along: bool = False
    """Whether each joint's x axis lies along its bone at rest; then the offsets alone do not form a standing person."""
    arms_down: float = 0.0
    """Degrees by which the arms hang at rest: 0 is a T-pose, 45 an A-pose."""


_ARM = "*Shoulder:*_collar *Arm:*_shoulder *ForeArm:*_elbow *Hand:*_wrist"
_LEG = "*UpLeg:*_hip *Leg:*_knee *Foot:*_ankle"
_SEGMENTS = (
    "Hips Chest:spine1 Chest2:spine1~spine3@0.4 Chest3:spine1~spine3@0.8 Chest4:spine3 Neck:neck Head:head",
    "Hips *Hip:*_hip *Knee:*_knee *Ankle:*_ankle *Toe:*_foot",
    "Chest4 *Collar:*_collar *Shoulder:*_shoulder *Elbow:*_elbow *Wrist:*_wrist",
)
TOOLS = (
    Tool("Mixamo", (
        "mixamorig:Hips:pelvis",
        "mixamorig:Hips mixamorig:Spine:spine1 mixamorig:Spine1:spine2 mixamorig:Spine2:spine3 mixamorig:Neck:neck"
        " mixamorig:Head:head mixamorig:HeadTop_End:crown",
        "mixamorig:Hips mixamorig:*UpLeg:*_hip mixamorig:*Leg:*_knee mixamorig:*Foot:*_ankle"
        " mixamorig:*ToeBase:*_foot mixamorig:*Toe_End:toetip",
        "mixamorig:Spine2 mixamorig:*Shoulder:*_collar mixamorig:*Arm:*_shoulder mixamorig:*ForeArm:*_elbow"
        " mixamorig:*Hand:*_wrist mixamorig:*HandIndex1:index1 mixamorig:*HandIndex2:index2"
        " mixamorig:*HandIndex3:index3",
        "mixamorig:*Hand mixamorig:*HandThumb1:thumb1 mixamorig:*HandThumb2:thumb2",
    ), size=1.05),
    Tool("Unreal", (
        "root:floor", "root pelvis:pelvis spine_01:spine1 spine_02:spine2 spine_03:spine3 neck_01:neck head:head",
        "pelvis thigh_*:*_hip calf_*:*_knee foot_*:*_ankle ball_*:*_foot",
        "thigh_* thigh_twist_01_*:*_hip~*_knee@0.5", "calf_* calf_twist_01_*:*_knee~*_ankle@0.5",
        "spine_03 clavicle_*:*_collar upperarm_*:*_shoulder lowerarm_*:*_elbow hand_*:*_wrist index_01_*:index1"
        " index_02_*:index2",
        "upperarm_* upperarm_twist_01_*:*_shoulder~*_elbow@0.5",
        "lowerarm_* lowerarm_twist_01_*:*_elbow~*_wrist@0.5",
    ), sides=("l", "r"), order="XYZ", up="Z", size=1.08, along=True, arms_down=45.0),
    Tool("Rokoko", (
        "Hips:pelvis", "Hips Spine1:spine1 Spine2:spine1~spine3@0.3 Spine3:spine1~spine3@0.7 Spine4:spine3 Neck:neck"
        " Head:head",
        "Hips *Thigh:*_hip *Shin:*_knee *Foot:*_ankle *Toe:*_foot", f"Spine4 {_ARM}",
    ), order="YXZ", fps=100.0, positions=True),
    Tool("Perception Neuron", (
        "Hips:pelvis", f"Hips {_LEG}", "Hips Spine:spine1 Spine1:spine2 Spine2:spine3 Neck:neck Neck1:neck~head@0.5"
        " Head:head",
        f"Spine2 {_ARM} *InHandIndex:palm *HandIndex1:index1 *HandIndex2:index2",
        "*Hand *HandThumb1:thumb1 *HandThumb2:thumb2",
    ), order="YXZ", fps=60.0, size=0.97, positions=True),
    Tool("Xsens MVN", (
        "Pelvis:pelvis", "Pelvis L5:spine1 L3:spine1~spine3@0.4 T12:spine1~spine3@0.7 T8:spine3 Neck:neck Head:head",
        "Pelvis *UpperLeg:*_hip *LowerLeg:*_knee *Foot:*_ankle *Toe:*_foot",
        "T8 *Shoulder:*_collar *UpperArm:*_shoulder *ForeArm:*_elbow *Hand:*_wrist",
    ), order="ZYX", unit=1.0, up="Z", fps=60.0, size=1.03),
    Tool("CMU (cgspeed)", (
        "Hips:pelvis", "Hips LHipJoint:pelvis LeftUpLeg:left_hip LeftLeg:left_knee LeftFoot:left_ankle"
        " LeftToeBase:left_foot",
        "Hips RHipJoint:pelvis RightUpLeg:right_hip RightLeg:right_knee RightFoot:right_ankle RightToeBase:right_foot",
        "Hips LowerBack:pelvis Spine:spine1 Spine1:spine3 Neck:spine3 Neck1:neck Head:head",
        "Spine1 LeftShoulder:spine3 LeftArm:left_shoulder LeftForeArm:left_elbow LeftHand:left_wrist"
        " LeftFingerBase:palm LeftHandIndex1:index1",
        "Spine1 RightShoulder:spine3 RightArm:right_shoulder RightForeArm:right_elbow RightHand:right_wrist"
        " RightFingerBase:palm RightHandIndex1:index1",
        "LeftHand LThumb:thumb1", "RightHand RThumb:thumb1",
    ), order="ZYX", unit=0.0254 / 0.45, fps=120.0),
    Tool("LAFAN1", (
        "Hips:pelvis", f"Hips {_LEG} *Toe:*_foot", "Hips Spine:spine1 Spine1:spine2 Spine2:spine3 Neck:neck Head:head",
        f"Spine2 {_ARM}",
    ), order="ZYX", size=1.02, along=True),
    Tool("100STYLE", ("Hips:pelvis", *_SEGMENTS), order="YXZ", fps=60.0, size=0.95),
    Tool("VRM", (
        "Root:floor", "Root J_Bip_C_Hips:pelvis J_Bip_C_Spine:spine1 J_Bip_C_Chest:spine2 J_Bip_C_UpperChest:spine3"
        " J_Bip_C_Neck:neck J_Bip_C_Head:head J_Adj_*_FaceEye:eye",
        "J_Bip_C_Hips J_Bip_*_UpperLeg:*_hip J_Bip_*_LowerLeg:*_knee J_Bip_*_Foot:*_ankle J_Bip_*_ToeBase:*_foot",
        "J_Bip_C_UpperChest J_Bip_*_Shoulder:*_collar J_Bip_*_UpperArm:*_shoulder J_Bip_*_LowerArm:*_elbow"
        " J_Bip_*_Hand:*_wrist J_Bip_*_Index1:index1 J_Bip_*_Index2:index2",
    ), sides=("L", "R"), unit=1.0, size=0.9),
    Tool("SMPL names", (
        "Pelvis:pelvis", "Pelvis *_Hip:*_hip *_Knee:*_knee *_Ankle:*_ankle *_Foot:*_foot",
        "Pelvis Spine1:spine1 Spine2:spine2 Spine3:spine3 Neck:neck Head:head",
        "Spine3 *_Collar:*_collar *_Shoulder:*_shoulder *_Elbow:*_elbow *_Wrist:*_wrist *_Hand:palm",
    ), sides=("L", "R"), order="XYZ", unit=0.001, fps=60.0),
    Tool("3ds Max Biped", (
        "Bip01:pelvis", "Bip01 Bip01_Pelvis:pelvis Bip01_Spine:spine1 Bip01_Spine1:spine3 Bip01_Neck:neck"
        " Bip01_Head:head",
        "Bip01_Pelvis Bip01_*_Thigh:*_hip Bip01_*_Calf:*_knee Bip01_*_Foot:*_ankle Bip01_*_Toe0:*_foot",
        "Bip01_Spine1 Bip01_*_Clavicle:*_collar Bip01_*_UpperArm:*_shoulder Bip01_*_Forearm:*_elbow"
        " Bip01_*_Hand:*_wrist Bip01_*_Finger0:thumb1",
    ), sides=("L", "R"), order="YZX", unit=0.0254, up="Z", fps=24.0, along=True),
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Joint:
    """One joint of a rig."""

    name: str
    parent: int
    place: Float[np.ndarray, "3"]
    """In the T-pose."""
    turns: tuple[int, int, float]
    """The two joints of ours that it turns with, and the share of the second; -1 for none."""
    ours: int
    """Our joint in its place; -1 for none."""


def list_joints(tool: Tool, rest: np.ndarray) -> list[Joint]:
    """The rig's joints, depth first, on a body with our 22 joints at `rest` in a T-pose."""
    made: list[Joint] = []
    for chain in tool.chains:
        for side in (0, 1) if "*" in chain else (0,):
            _add_chain(made, chain, tool, side, rest)
    return _sort_depth_first(made)


def _sort_depth_first(joints: Sequence[Joint]) -> list[Joint]:
    """The joints in the order in which a BVH lists them."""
    order: list[int] = []
    todo = [0]
    while todo:
        order.append(todo.pop())
        todo += [n for n in reversed(range(len(joints))) if joints[n].parent == order[-1]]
    return [replace(joints[n], parent=order.index(joints[n].parent) if joints[n].parent >= 0 else -1) for n in order]


def _add_chain(made: list[Joint], chain: str, tool: Tool, side: int, rest: np.ndarray) -> None:
    parent = -1
    names = {joint.name: n for n, joint in enumerate(made)}
    for word in chain.split():
        full, _, place = word.rpartition(":")
        is_parent = word.replace("*", tool.sides[side]) in names
        name = (word if is_parent else full).replace("*", tool.sides[side])
        if name not in names:
            hand = "right" if name.startswith("R") and "*" not in word else ("left", "right")[side]
            made.append(_make_joint(name, parent, place, hand, rest, tool.size))
            names[name] = len(made) - 1
        parent = names[name]


def _make_joint(name: str, parent: int, place: str, side: str, rest: np.ndarray, size: float) -> Joint:
    if place == "floor":
        return Joint(name, parent, np.zeros(3), (-1, -1, 0.0), -1)
    if place in BEYOND:
        held, offset = BEYOND[place]
        joint = JOINTS.index(held.replace("*", side))
        mirror = np.array([-1.0 if side == "right" else 1.0, 1, 1])
        return Joint(name, parent, rest[joint] + size * mirror * np.array(offset), (joint, joint, 0.0), -1)
    low, _, rest_of = place.replace("*", side).partition("~")
    high, _, share = rest_of.partition("@")
    a = JOINTS.index(low)
    b, part = (JOINTS.index(high), float(share)) if high else (a, 0.0)
    limb = "_" in low and bool(high)  # a twist joint turns with its limb, a joint of the spine with both its ends
    turns = (a, a, 0.0) if limb else (a, b, part)
    return Joint(name, parent, (1 - part) * rest[a] + part * rest[b], turns, -1 if high else a)


def animate(
    tool: Tool, rest: Float[np.ndarray, "22 3"], root: Float[np.ndarray, "frames 3"],
    turns: Float[np.ndarray, "frames 22 3 3"],
) -> tuple[Bvh, Float[np.ndarray, "frames joints 3"], list[int]]:  # fmt: skip
    """A BVH of the rig, its joints' true positions (meters, Y up), and which of ours each of them is (-1: none).

    `rest` are our joints in a T-pose on a body of size 1, `root` the path of its pelvis, `turns` the joints' world
    rotations from the T-pose.
    """
    joints, frames = list_joints(tool, tool.size * rest), len(root)
    world = np.stack([_turn_joint(joint, turns) for joint in joints], axis=1)
    positions = np.zeros((frames, len(joints), 3))
    for n, joint in enumerate(joints):
        if joint.parent < 0 or joints[joint.parent].turns[0] < 0:
            positions[:, n] = tool.size * root if joint.turns[0] >= 0 else 0.0
        else:
            bone = joint.place - joints[joint.parent].place
            positions[:, n] = positions[:, joint.parent] + world[:, joint.parent] @ bone
    return _write_bvh(tool, joints, positions, world), positions, [joint.ours for joint in joints]


def _turn_joint(joint: Joint, turns: np.ndarray) -> np.ndarray:
    first, second, share = joint.turns
    if first < 0:
        return np.broadcast_to(np.eye(3), (len(turns), 3, 3))
    if not share:
        return turns[:, first]
    return nearest_rotation((1 - share) * turns[:, first] + share * turns[:, second])


def _write_bvh(tool: Tool, joints: Sequence[Joint], positions: np.ndarray, world: np.ndarray) -> Bvh:
    """The file: rest offsets in the joints' own axes; angles in the tool's order, units and up axis."""
    to_file = TO_FILE[tool.up] / tool.unit
    axes = TO_FILE[tool.up]
    rest, hang = _pose_rest(tool, joints)
    own = _orient_rest(tool, joints, rest)
    oriented = [world[:, n] @ hang[n].T @ own[n] for n in range(len(joints))]
    offsets, channels, columns, ends = [], [], [], []
    for n, joint in enumerate(joints):
        p = joint.parent
        offset = own[p].T @ (rest[n] - rest[p]) if p >= 0 else np.zeros(3)
        moved = _rotate_back(oriented[p], positions[:, n] - positions[:, p]) if p >= 0 else positions[:, n]
        local = oriented[p].swapaxes(-1, -2) @ oriented[n] if p >= 0 else oriented[n]
        angles = np.degrees(unwrap_euler(matrix_to_euler(axes @ local @ axes.T, tool.order)))
        moves = p < 0 or tool.positions or joints[p].turns[0] < 0
        channels.append((("Xposition", "Yposition", "Zposition") if moves else ()) + tuple(
            f"{axis}rotation" for axis in tool.order
        ))  # fmt: skip
        columns += ([moved @ to_file.T] if moves else []) + [angles]
        offsets.append(to_file @ offset)
        if all(other.parent != n for other in joints):
            ends.append((n, _make_end_site(joint, own[n].T, to_file, rest[n] - rest[p])))
    return Bvh(
        tuple(joint.name for joint in joints), tuple(joint.parent for joint in joints), np.array(offsets),
        tuple(channels), tuple(ends), np.concatenate(columns, axis=1), 1.0 / tool.fps,
    )  # fmt: skip


def _rotate_back(oriented: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    return np.einsum("fji,fj->fi", oriented, vectors)


def _make_end_site(
    joint: Joint, to_own: np.ndarray, to_file: np.ndarray, bone: np.ndarray
) -> tuple[float, float, float]:
    """The offset of an End Site: ahead of a foot or toe, else along the bone."""
    foot = joint.turns[0] in (7, 8, 10, 11)
    tip = np.array([0.0, -0.02, 0.12]) if foot else 0.06 * bone / max(float(np.linalg.norm(bone)), 1e-9)
    x, y, z = (to_file @ to_own @ tip).tolist()
    return x, y, z


def _pose_rest(tool: Tool, joints: Sequence[Joint]) -> tuple[np.ndarray, np.ndarray]:
    """The joints' places at rest, and the rotation of each from the T-pose to there."""
    hang = np.tile(np.eye(3), (len(joints), 1, 1))
    rest = np.array([joint.place for joint in joints])
    for n, joint in enumerate(joints):
        if joint.turns[0] >= 16:
            sign = -1.0 if joint.turns[0] % 2 == 0 else 1.0
            hang[n] = euler_to_matrix(np.array([sign * np.radians(tool.arms_down)]), "Z")
    for n, joint in enumerate(joints):
        if joint.parent >= 0:
            rest[n] = rest[joint.parent] + hang[joint.parent] @ (joint.place - joints[joint.parent].place)
    return rest, hang


def _orient_rest(tool: Tool, joints: Sequence[Joint], rest: np.ndarray) -> np.ndarray:
    """Each joint's axes at rest: the world's, or x along the bone to its first child."""
    own = np.tile(np.eye(3), (len(joints), 1, 1))
    if tool.along:
        for n, joint in enumerate(joints):
            after = next((m for m, other in enumerate(joints) if other.parent == n), None)
            if joint.turns[0] >= 0:
                bone = rest[after] - rest[n] if after is not None else rest[n] - rest[joint.parent]
                own[n] = shortest_arc(np.array([1.0, 0, 0]), bone) if np.linalg.norm(bone) > 1e-9 else own[n]
    return own
