"""Suffixes of the motion files that are read and written. Imports nothing, so that the command line can name them."""

SKELETONS = (".bvh", ".fbx", ".glb", ".gltf")
"""Of files that hold a skeleton."""
READS = (*SKELETONS, ".npz", ".npy")
"""The suffixes that are read."""
WRITES = (".bvh", ".glb", ".npz", ".npy")
"""The suffixes that `Motion.save` writes."""
