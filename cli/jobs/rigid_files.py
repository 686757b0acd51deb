"""How far joints move in files whose skeleton is ours and rigid: bones of a recording may change their lengths."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cli.write_outputs import ON_RIGS

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float

    from lead.motion import Motion


def list_rigid(formats: Sequence[str], on_rig: bool) -> list[str]:
    """The formats whose files have a rigid skeleton of ours; `on_rig` says whether there is another one to write on."""
    return [form for form in formats if form == "glb" or (form in ON_RIGS and not on_rig)]


def measure_moved(motion: "Motion", rigid: Sequence[str]) -> "Float[np.ndarray, 'frames']":
    """Meters by which the joint that moves most is off in each frame of a file with a rigid skeleton; else 0."""
    import numpy as np

    from lead.motion.rigs.retarget import measure_rigid_gap

    return measure_rigid_gap(motion.joints, motion.fps) if rigid else np.zeros(len(motion.joints))
