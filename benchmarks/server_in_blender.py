"""Proscenium's own client code in headless Blender, against a running server: joints must be right to 1 cm.

    lead-invert serve --port 8123                                                       # in one shell
    python benchmarks/server_in_blender.py ADDON http://127.0.0.1:8123 [PROMPT] [BLEND] # in another

The second Python has Blender (`pip install bpy` in an environment of its own). ADDON is the folder that holds the
add-on's package `proscenium_blender` (https://github.com/animatica-ai/proscenium-blender). The add-on connects, lists
the models, builds its request from an armature, its prompt blocks and its default settings, and bakes the answer. This
is done on the armature that it makes of the server's skeleton, and on one with Mixamo's names, in centimeters, Y up,
turned and scaled as Mixamo's files are. Each joint's place in Blender is compared with the answer's own.
"""

import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix, Vector

FRAMES = 12
"""Frames to check, evenly spaced."""
CENTIMETER = 0.01
MIXAMO = {  # a T-pose in centimeters, Y up, facing +Z: name -> parent, head
    "Hips": (None, (0, 98, 0)),
    "Spine": ("Hips", (0, 108, -1)),
    "Spine1": ("Spine", (0, 119, -2)),
    "Spine2": ("Spine1", (0, 132, -2)),
    "Neck": ("Spine2", (0, 147, -2)),
    "Head": ("Neck", (0, 156, 1)),
    "HeadTop_End": ("Head", (0, 176, 3)),
    **{f"{side}{name}": (parent and parent.replace("@", side), (sign * x, y, z))
       for side, sign in (("Left", 1), ("Right", -1)) for name, parent, (x, y, z) in (
        ("Shoulder", "Spine2", (5, 143, -1)), ("Arm", "@Shoulder", (17, 143, -4)), ("ForeArm", "@Arm", (44, 143, -4)),
        ("Hand", "@ForeArm", (71, 143, -4)), ("HandMiddle1", "@Hand", (80, 143, -4)),
        ("UpLeg", "Hips", (9, 93, 0)), ("Leg", "@UpLeg", (9, 52, 1)), ("Foot", "@Leg", (9, 10, -2)),
        ("ToeBase", "@Foot", (9, 2, 9)), ("Toe_End", "@ToeBase", (9, 2, 17)),
    )},
}  # fmt: skip


def make_mixamo() -> Any:
    """An armature as Mixamo's FBX files give it."""
    data = bpy.data.armatures.new("mixamo")
    armature = bpy.data.objects.new("mixamo", data)
    bpy.context.scene.collection.objects.link(armature)
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    for name, (parent, head) in MIXAMO.items():
        bone = data.edit_bones.new(f"mixamorig:{name}")
        bone.head = Vector(head)
        below = [place for above, place in MIXAMO.values() if above == name]
        bone.tail = Vector(below[0]) if below else bone.head + Vector((0, 5, 0))
        bone.roll = 0.3 * len(data.edit_bones)
        if parent:
            bone.parent = data.edit_bones[f"mixamorig:{parent}"]
    bpy.ops.object.mode_set(mode="OBJECT")
    armature.rotation_euler = (np.pi / 2, 0, 0)
    armature.scale = (0.01, 0.01, 0.01)
    bpy.context.view_layer.update()
    return armature


def place_joints(document: dict[str, Any]) -> tuple[list[str], np.ndarray]:
    """Names and places (frames, joints, 3) of an answer's joints by forward kinematics, in Blender's axes."""
    from proscenium_blender import gltf_to_blender as reader

    nodes, animation = document["nodes"], document["animations"][0]
    parents = {child: node for node, one in enumerate(nodes) for child in one.get("children", ())}
    turns, moves = {}, {}
    for channel in animation["channels"]:
        output = animation["samplers"][channel["sampler"]]["output"]
        kind = "VEC4" if channel["target"]["path"] == "rotation" else "VEC3"
        rows = np.array(reader._read_floats(document, output, kind)).reshape(-1, int(kind[3]))
        (turns if kind == "VEC4" else moves)[channel["target"]["node"]] = rows
    frames = len(next(iter(turns.values())))
    places = np.zeros((frames, len(nodes), 3))
    for frame in range(frames):
        worlds: dict[int, Matrix] = {}
        for node, one in enumerate(nodes):
            x, y, z, w = turns[node][frame]
            local = Matrix.LocRotScale(Vector(moves[node][frame] if node in moves else one["translation"]),
                                       Matrix.Identity(3).to_quaternion().__class__((w, x, y, z)), None)  # fmt: skip
            worlds[node] = worlds[parents[node]] @ local if node in parents else local
            px, py, pz = worlds[node].translation
            places[frame, node] = px, -pz, py
    return [one["name"] for one in nodes], places


def check(client: Any, model: dict[str, Any], armature: Any, prompt: str) -> float:
    """Generate on an armature as the add-on does; the largest distance of a joint in meters."""
    from proscenium_blender import constraints_ui, gltf_to_blender, request_builder

    scene = bpy.context.scene
    blocks = [
        SimpleNamespace(frame_start=1, frame_end=90, prompt=prompt, enabled=True),
        SimpleNamespace(frame_start=91, frame_end=150, prompt="a person sits down", enabled=True),
    ]
    request = request_builder.build_request(
        model_id=model["id"], model_caps=model, armature_obj=armature, prompt_blocks=blocks, settings=scene.proscenium,
        scene=scene, constraint_objects=constraints_ui.walk_scene_constraints(scene),
    )  # fmt: skip
    started = time.monotonic()
    document = client.generate(request)
    spent = time.monotonic() - started
    gltf_to_blender.bake_gltf_to_armature(document, armature, start_frame=1)
    names, places = place_joints(document)
    worst = 0.0
    for frame in np.unique(np.linspace(0, len(places) - 1, FRAMES).astype(int)):
        scene.frame_set(int(frame) + 1)
        for joint, name in enumerate(names):
            head = armature.matrix_world @ armature.pose.bones[name].head
            worst = max(worst, float(np.linalg.norm(np.array(head) - places[frame, joint])))
    notes = [note["message"] for note in document["extensions"]["MMCP_motion"].get("notes", ())]
    kinds = [one["type"] for one in request.get("constraints", ())]
    print(
        f"{armature.name}: {len(names)} joints, {len(places)} frames, {spent:.2f} s, constraints {kinds}, notes {notes}"
    )
    print(f"{armature.name}: largest error {1000 * worst:.3f} mm")
    return worst


def main() -> int:
    """Connect, list, generate on both armatures."""
    addon, url, *rest = sys.argv[1:]
    prompt = rest[0] if rest else "a person walks forward"
    sys.path.insert(0, str(Path(addon).resolve()))
    import proscenium_blender
    from proscenium_blender import canonical_skeleton, mmcp_client

    bpy.ops.wm.read_factory_settings(use_empty=True)
    proscenium_blender.register()
    client = mmcp_client.MmcpClient(url)
    mmcp_client.store_capabilities(client.capabilities())
    print("models:", [label for _, label, _ in mmcp_client.cached_model_items()])
    model = client.capabilities()["models"][0]
    own, _ = canonical_skeleton.build_armature_from_canonical(
        model["id"], model["canonical_skeleton"]["joints"], bpy.context
    )
    worst = max(check(client, model, armature, prompt) for armature in (own, make_mixamo()))
    if len(rest) > 1:
        bpy.ops.wm.save_as_mainfile(filepath=str(Path(rest[1]).resolve()))
    print("right to 1 cm" if worst < CENTIMETER else "WRONG by more than 1 cm")
    return int(worst >= CENTIMETER)


if __name__ == "__main__":
    sys.exit(main())
