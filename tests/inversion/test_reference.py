"""A clip in place of a prompt."""

from dataclasses import replace

import numpy as np
import pytest

from inversion.errors import InversionError
from inversion.reference import generate_like
from lead import Motion


def test_a_motion_depends_on_its_clip_and_its_seed_alone(tiny_base, walk: Motion):
    other = replace(walk, joints=walk.joints[::-1])
    options = {"steps": 4, "guidance": 3.0}
    together = generate_like(tiny_base, [walk, other], seconds=[2.0, 1.0], seeds=[3, 4], **options)
    (alone,) = generate_like(tiny_base, [other], seconds=[1.0], seeds=[4], **options)
    assert [len(motion.joints) for motion in together] == [40, 20]
    np.testing.assert_allclose(together[1].joints, alone.joints, atol=1e-4)
    (different,) = generate_like(tiny_base, [walk], seconds=[1.0], seeds=[4], **options)
    assert np.abs(different.joints - alone.joints).max() > 1e-4
    assert generate_like(tiny_base, [], seconds=[], seeds=[]) == []


def test_short_clips_and_odd_lengths_are_refused(tiny_base, walk: Motion):
    with pytest.raises(InversionError, match=r"0\.50 s; at least 0\.85 s"):
        generate_like(tiny_base, [replace(walk, joints=walk.joints[:10])], seconds=[2.0], seeds=[0])
    with pytest.raises(InversionError, match=r"makes 0\.8 to 9\.8 s"):
        generate_like(tiny_base, [walk], seconds=[20.0], seeds=[0])
