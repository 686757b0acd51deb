"""The suffixes of motion files: what is read, what holds a skeleton, what is written.

Imports nothing, so that help texts can name the formats at no cost.
"""

SCENE_FORMATS = {".fbx": "fbx", ".glb": "gltf", ".gltf": "gltf", ".vrm": "gltf", ".vrma": "gltf"}
"""The suffix of files that hold nodes and animations -> the module of `lead.motion.formats` whose `read_scene` reads
them."""
SKELETON_FORMATS = {".bvh": "bvh", **SCENE_FORMATS}
"""The suffix of files that hold a skeleton -> the module of `lead.motion.formats` whose `read_skeleton` reads them."""
SKELETONS = tuple(SKELETON_FORMATS)
ARRAYS = (".npz", ".npy")
"""Files of joints, features or SMPL poses."""
READS = (*SKELETONS, *ARRAYS)
"""All that `Motion.read` takes."""
WRITES = (".bvh", ".glb", *ARRAYS)
"""What `Motion.save` writes."""
