"""Skeletons as clients send them."""

from typing import Any

import numpy as np

from lead.motion.rotations import axis_angle_to_matrix, matrix_to_quaternion, quaternion_to_matrix

MIXAMO = {  # a T-pose in meters, Y up, facing +Z: name -> parent, head
    "Hips": (None, (0, 0.98, 0)),
    "Spine": ("Hips", (0, 1.08, -0.01)),
    "Spine1": ("Spine", (0, 1.19, -0.02)),
    "Spine2": ("Spine1", (0, 1.32, -0.02)),
    "Neck": ("Spine2", (0, 1.47, -0.02)),
    "Head": ("Neck", (0, 1.56, 0.01)),
    "HeadTop_End": ("Head", (0, 1.76, 0.03)),
    **{f"{side}{name}": (parent and parent.replace("@", side), (sign * x, y, z))
       for side, sign in (("Left", 1), ("Right", -1)) for name, parent, (x, y, z) in (
        ("Shoulder", "Spine2", (0.05, 1.43, -0.01)), ("Arm", "@Shoulder", (0.17, 1.43, -0.04)),
        ("ForeArm", "@Arm", (0.44, 1.43, -0.04)), ("Hand", "@ForeArm", (0.71, 1.43, -0.04)),
        ("HandMiddle1", "@Hand", (0.80, 1.43, -0.04)), ("UpLeg", "Hips", (0.09, 0.93, 0)),
        ("Leg", "@UpLeg", (0.09, 0.52, 0.01)), ("Foot", "@Leg", (0.09, 0.10, -0.02)),
        ("ToeBase", "@Foot", (0.09, 0.02, 0.09)), ("Toe_End", "@ToeBase", (0.09, 0.02, 0.17)),
    )},
}  # fmt: skip


def mixamo_skeleton(turned: int | None = None) -> dict[str, Any]:
    """Mixamo's names. With a seed, every joint has a random orientation at rest, and the body stands as without."""
    rng = np.random.default_rng(turned)
    names = list(MIXAMO)
    drawn = axis_angle_to_matrix(rng.normal(size=(len(names), 3)))
    orientations = dict(
        zip(names, drawn if turned is not None else np.broadcast_to(np.eye(3), drawn.shape), strict=True)
    )
    joints = []
    for name, (parent, head) in MIXAMO.items():
        above = np.eye(3) if parent is None else orientations[parent]
        start = np.zeros(3) if parent is None else np.array(MIXAMO[parent][1])
        joints.append({
            "name": f"mixamorig:{name}", "parent": parent and f"mixamorig:{parent}",
            "rest_translation": (above.T @ (np.array(head) - start)).tolist(),
            "rest_rotation": matrix_to_quaternion(above.T @ orientations[name]).tolist(),
        })  # fmt: skip
    return {"joints": joints}


def place_nodes(document: dict[str, Any], samples: Any) -> np.ndarray:
    """The places of the nodes of an answer (frames, nodes, 3) by forward kinematics; `samples` are as the SDK reads."""
    nodes = document["nodes"]
    parents = {child: node for node, one in enumerate(nodes) for child in one.get("children", ())}
    turns, moves = samples["local_rot_mats"].astype(float), samples["local_translations"].astype(float)
    places, world = np.zeros(moves.shape), np.zeros(turns.shape)
    for node in range(len(nodes)):
        if node in parents:
            above = parents[node]
            places[:, node] = places[:, above] + np.einsum("fij,fj->fi", world[:, above], moves[:, node])
            world[:, node] = world[:, above] @ turns[:, node]
        else:
            places[:, node], world[:, node] = moves[:, node], turns[:, node]
    return places


def rest_orientations(skeleton: dict[str, Any]) -> np.ndarray:
    """Each joint's orientation in the world at rest."""
    place: dict[str, np.ndarray] = {}
    for joint in skeleton["joints"]:
        above = np.eye(3) if joint["parent"] is None else place[joint["parent"]]
        place[joint["name"]] = above @ quaternion_to_matrix(np.array(joint["rest_rotation"]))
    return np.stack(list(place.values()))
