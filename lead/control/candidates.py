"""What a constrained motion starts from: of several plain motions of its prompt, the one nearest its constraints.

The nearer a motion is to its constraints, the less steering has to bend it, and the more of the prompt is left. A plain
motion takes a hundredth of the time that steering takes, so CANDIDATES of them are made; the noise of the best one is
steered. Knows nothing of models. Conventions: meters, Y up, 20 frames a second.
"""

import numpy as np
from jaxtyping import Float
from torch import Tensor

from lead.control.constrained_sampling import compute_loss
from lead.control.targets import Targets
from lead.data.compose.truth import holds
from lead.differentiable import features_to_joints, rigid_joints
from lead.text.parsing import read_prompt

CANDIDATES = 32
UNSHOWN = 0.05
"""Meters by which a motion that does not show its prompt counts as farther off."""


def choose(features: Float[Tensor, "candidates frames feats"], targets: Targets, prompt: str) -> int:
    """The candidate nearest to the targets; those that do not show the prompt count as UNSHOWN farther off."""
    joints = rigid_joints(features_to_joints(features))
    meaning = read_prompt(prompt)
    off = [(float(compute_loss(one, targets)) / targets.count) ** 0.5 for one in joints]
    shown = [meaning is None or holds(meaning, one.cpu().double().numpy()) is not False for one in joints]
    return int(np.where(shown, off, np.add(off, UNSHOWN)).argmin())
