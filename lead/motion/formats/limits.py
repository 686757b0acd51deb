"""Limits of what a motion file may claim, checked before memory or time is spent on it."""

from pathlib import Path

from lead.motion.errors import MotionError

MAX_FILE_BYTES = 1 << 30
MAX_ARRAY_BYTES = 1 << 29
"""One array in memory. 512 MiB hold over four hours of AMASS at 120 fps in single precision."""
MAX_JOINTS = 1024
MAX_NODES = 1 << 14
"""Nodes of a scene, joints included."""
MAX_ANIMATIONS = 1 << 10
MAX_SAMPLES = 1 << 21
"""Nodes times frames of a scene."""
MAX_KEYS = 1 << 25
"""Numbers in the keys of one animation of a scene: those of MAX_SAMPLES with translations, rotations and scales."""
MAX_VALUE = 1e9
"""The largest number, in degrees, meters or units of the file."""


def read_bytes(path: Path, advice: str) -> bytes:
    """The content of a file; raises MotionError with the advice if the file is too large."""
    if path.stat().st_size > MAX_FILE_BYTES:
        raise MotionError(f"larger than {MAX_FILE_BYTES} bytes; {advice}.")
    return path.read_bytes()
