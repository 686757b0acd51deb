"""The suffixes of motion files: what is read, what holds a skeleton, what is written.

Imports nothing, so that help texts can name the formats at no cost.
"""

SCENE_FORMATS = {".fbx": "fbx", ".glb": "gltf", ".gltf": "gltf", ".vrm": "gltf", ".vrma": "gltf"}
"""The suffix of files that may hold several animations -> the module of `lead.motion.formats` whose `read_scene` reads
them."""
SKELETON_FORMATS = {".bvh": "bvh"}
"""The suffix of files that hold one motion of a skeleton -> the module whose `read_skeleton` reads them."""
SKELETONS = (*SKELETON_FORMATS, *SCENE_FORMATS)
ARRAYS = (".npz", ".npy")
"""Files of joints, features or SMPL poses."""
READS = (*SKELETONS, *ARRAYS)
"""All that `Motion.read` takes."""
WRITES = (".bvh", ".fbx", ".usda", ".glb", ".vrma", *ARRAYS)
"""What `Motion.save` writes."""
