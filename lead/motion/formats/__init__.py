"""File formats: a file to and from its own skeleton.

A format of files with a skeleton is one module here and a line in `lead.motion.suffixes`. The module has a function

    read_skeleton(path: Path, options: ReadOptions) -> Bvh

and a line in `SKELETON_FORMATS`; or, for files that may hold several animations,

    read_scene(path: Path, options: ReadOptions) -> Scene

and a line in `SCENE_FORMATS`.
"""
