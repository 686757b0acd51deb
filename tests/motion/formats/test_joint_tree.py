"""Trees of joints: paths, common ancestors, children."""

import pytest

from lead.motion.formats.joint_tree import common_ancestor, list_children, path_to_root

PARENTS = (-1, 0, 1, 1, 0, -1)


def test_paths_and_children() -> None:
    assert path_to_root(3, PARENTS) == [3, 1, 0]
    assert path_to_root(-1, PARENTS) == []
    assert list_children(PARENTS) == [[1, 4], [2, 3], [], [], [], []]


@pytest.mark.parametrize(("a", "b", "ancestor"), [(2, 3, 1), (2, 4, 0), (1, 2, 1), (3, 3, 3), (2, 5, -1)])
def test_common_ancestors(a: int, b: int, ancestor: int) -> None:
    assert common_ancestor(a, b, PARENTS) == common_ancestor(b, a, PARENTS) == ancestor
