"""File formats: a file to and from its own skeleton.

A format of files with a skeleton is one module here with a function

    read_skeleton(path: Path, options: ReadOptions) -> Bvh

and a line in `lead.motion.suffixes.SKELETON_FORMATS`.
"""
