"""File formats: a file to and from its own skeleton.

A format of files with a skeleton is one module here with a function

    read_skeleton(path: Path, options: ReadOptions) -> Bvh

and a line in `lead.motion.suffixes.SKELETON_FORMATS`. A format of files that may hold several animations has a function

    read_scene(path: Path, options: ReadOptions) -> Scene

too, and its line stands in `SCENE_FORMATS`.
"""
