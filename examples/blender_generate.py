"""Puts motions of a running `lead-invert serve` on an armature in Blender, by the protocol MMCP; needs no add-on.

    lead-invert serve                                                                      # in one shell
    blender scene.blend --python examples/blender_generate.py -- "a person waves"          # in another
    blender scene.blend --python examples/blender_generate.py -- --armature Hero "a person walks" "a person sits down"
    blender scene.blend --python examples/blender_generate.py -- "a person walks" --curve Way --hold 1 --hold 96

The motion goes along a curve of the scene with --curve, and through the armature's own pose at each frame with --hold.
Several prompts become one motion, --seconds each. The armature is the active object, the one that is named, or the
first of the scene; without one the server's own skeleton is made. Any person's skeleton will do: the server finds its
joints by their names or by their shape. With `pip install bpy` plain Python runs it too, and --save writes a file.

Axes: the protocol has Y up, Blender has Z up, so (x, y, z) there is (x, -z, y) here.
"""

import argparse
import base64
import json
import sys
import urllib.error
import urllib.request
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix, Quaternion, Vector

TO_BLENDER = Matrix(((1, 0, 0), (0, 0, -1), (0, 1, 0)))


def ask(url: str, key: str | None, body: dict[str, Any] | None = None) -> Any:
    """The JSON of an answer; the program ends with the server's own message where there is none."""
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=300) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        sys.exit(f"the server refused: {json.load(error)['error']['message']}")
    except urllib.error.URLError as error:
        sys.exit(f"no server at {url} ({error.reason}); start one with `lead-invert serve`")


def find_armature(name: str | None) -> Any:
    """The armature that is named, active, or first; None where the scene has none."""
    if name is not None:
        found = bpy.data.objects.get(name)
        return (
            found if found is not None and found.type == "ARMATURE" else sys.exit(f"no armature {name!r} in the scene")
        )
    active = bpy.context.view_layer.objects.active
    if active is not None and active.type == "ARMATURE":
        return active
    return next((one for one in bpy.context.scene.objects if one.type == "ARMATURE"), None)


def make_armature(joints: list[dict[str, Any]]) -> Any:
    """An armature of a skeleton whose joints are not turned at rest."""
    data = bpy.data.armatures.new("lead")
    armature = bpy.data.objects.new("lead", data)
    bpy.context.scene.collection.objects.link(armature)
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    for joint in joints:
        bone = data.edit_bones.new(joint["name"])
        parent = data.edit_bones.get(joint["parent"] or "")
        bone.head = TO_BLENDER @ Vector(joint["rest_translation"]) + (parent.head if parent else Vector())
        bone.tail = bone.head + Vector((0, 0, 0.05))
        bone.parent = parent
    bpy.ops.object.mode_set(mode="OBJECT")
    return armature


def read_skeleton(armature: Any) -> dict[str, Any]:
    """The rest pose in the protocol's form: places in meters from the parent, in the world's axes, and no rotations."""
    joints = []
    for bone in armature.data.bones:
        start = armature.matrix_world @ bone.parent.head_local if bone.parent else Vector()
        offset = TO_BLENDER.transposed() @ (armature.matrix_world @ bone.head_local - start)
        joints.append({"name": bone.name, "parent": bone.parent.name if bone.parent else None,
                       "rest_translation": list(offset), "rest_rotation": [0, 0, 0, 1]})  # fmt: skip
    return {"joints": joints}


def read_path(name: str, frames: int) -> dict[str, Any]:
    """A curve as the root's path: its points, evenly spaced over the frames."""
    curve = bpy.data.objects.get(name)
    if curve is None or curve.type != "CURVE":
        sys.exit(f"no curve {name!r} in the scene")
    evaluated = curve.evaluated_get(bpy.context.evaluated_depsgraph_get())
    points = np.array([curve.matrix_world @ vertex.co for vertex in evaluated.to_mesh().vertices])
    way = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=-1))])
    keys = np.unique(np.linspace(0, frames - 1, max(frames // 10, 2)).round().astype(int))
    at = [np.interp(keys / (frames - 1) * way[-1], way, column) for column in points.T]
    return {"type": "root_path", "frames": keys.tolist(), "positions_xz": np.stack([at[0], -at[1]], axis=-1).tolist()}


def read_pose(armature: Any, frame: int, first: int) -> dict[str, Any]:
    """The armature's pose at a frame of the scene; the inverse of `key_frames`."""
    bpy.context.scene.frame_set(frame)
    to_bone = TO_BLENDER.transposed() @ armature.matrix_world.to_quaternion().to_matrix()
    rotations = {}
    for bone in armature.pose.bones:
        axes = to_bone @ bone.bone.matrix_local.to_3x3()
        w, x, y, z = (axes @ bone.matrix_basis.to_3x3() @ axes.transposed()).to_quaternion()
        rotations[bone.name] = [x, y, z, w]
    root = next(bone for bone in armature.pose.bones if bone.parent is None)
    place = TO_BLENDER.transposed() @ (armature.matrix_world @ root.head)
    return {"type": "pose_keyframe", "frame": frame - first, "joint_rotations": rotations, "fill_mode": "rest",
            "root_position": list(place)}  # fmt: skip


def read_channels(document: dict[str, Any]) -> dict[tuple[int, str], np.ndarray]:
    """The numbers of the first animation by node and path; each has a row a frame."""
    content = base64.b64decode(document["buffers"][0]["uri"].partition(",")[2])
    animation, rows = document["animations"][0], {}
    for channel in animation["channels"]:
        accessor = document["accessors"][animation["samplers"][channel["sampler"]]["output"]]
        start = document["bufferViews"][accessor["bufferView"]]["byteOffset"]
        width = int(accessor["type"][3])
        numbers = np.frombuffer(content, "<f4", accessor["count"] * width, start).reshape(-1, width)
        rows[channel["target"]["node"], channel["target"]["path"]] = numbers
    return rows


def key_frames(document: dict[str, Any], armature: Any, first: int) -> int:
    """Set a key for each bone in each frame; the number of frames."""
    world = armature.matrix_world.to_quaternion().to_matrix()
    to_bone, place = TO_BLENDER.transposed() @ world, armature.matrix_world.inverted()
    frames = 0
    for (node, path), rows in read_channels(document).items():
        bone = armature.pose.bones[document["nodes"][node]["name"]]
        rest = bone.bone.matrix_local.to_3x3()
        bone.rotation_mode, frames = "QUATERNION", len(rows)
        for frame, row in enumerate(rows.tolist(), start=first):
            if path == "rotation":
                turn = Quaternion((row[3], *row[:3])).to_matrix()
                axes = to_bone @ rest
                bone.rotation_quaternion = (axes.transposed() @ turn @ axes).to_quaternion()
                bone.keyframe_insert("rotation_quaternion", frame=frame)
            else:
                bone.location = rest.transposed() @ (place @ (TO_BLENDER @ Vector(row)) - bone.bone.head_local)
                bone.keyframe_insert("location", frame=frame)
    return frames


def main() -> None:
    """Parse what stands after `--`, ask, and key the armature."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prompts", nargs="+")
    parser.add_argument("--armature")
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--curve", help="a curve of the scene that the motion goes along")
    parser.add_argument("--hold", type=int, action="append", default=[], metavar="FRAME",
                        help="keep the pose that the armature has at a frame; repeat for more")  # fmt: skip
    parser.add_argument("--seed", type=int)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--key")
    parser.add_argument("--save", help="write the scene to this .blend file")
    given = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
    options = parser.parse_args(given)
    model = ask(f"{options.url}/capabilities", options.key)["models"][0]
    armature = find_armature(options.armature) or make_armature(model["canonical_skeleton"]["joints"])
    scene = bpy.context.scene
    fps = scene.render.fps / scene.render.fps_base
    frames = round(options.seconds * fps)
    constraints = [read_pose(armature, frame, scene.frame_start) for frame in options.hold]
    if options.curve:
        constraints.append(read_path(options.curve, frames * len(options.prompts)))
    request = {
        "protocol_version": "1.0",
        "model": model["id"],
        "skeleton": read_skeleton(armature),
        "timing": {"fps": fps},
        "segments": [{"type": "text", "prompt": prompt, "duration_frames": frames} for prompt in options.prompts],
        "constraints": constraints,
        "options": {"seed": options.seed},
    }
    document = ask(f"{options.url}/generate", options.key, request)
    count = key_frames(document, armature, scene.frame_start)
    scene.frame_end = scene.frame_start + count - 1
    for note in document["extensions"]["MMCP_motion"].get("notes", ()):
        print(f"note: {note['message']}")
    print(f"{count} frames on {armature.name}")
    if options.save:
        bpy.ops.wm.save_as_mainfile(filepath=options.save)


if __name__ == "__main__":
    main()
