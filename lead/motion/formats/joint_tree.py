"""Trees of joints, given as the parent's number for each joint (-1 for a root)."""

from collections.abc import Sequence


def path_to_root(joint: int, parents: Sequence[int]) -> list[int]:
    """The joint, its parent, and so on up to the root."""
    path = []
    while joint >= 0:
        path.append(joint)
        joint = parents[joint]
    return path


def common_ancestor(a: int, b: int, parents: Sequence[int]) -> int:
    """The lowest joint above (or at) both; -1 if there is none."""
    above = set(path_to_root(a, parents))
    return next((joint for joint in path_to_root(b, parents) if joint in above), -1)


def list_children(parents: Sequence[int]) -> list[list[int]]:
    """For each joint its children, in order."""
    children: list[list[int]] = [[] for _ in parents]
    for joint, parent in enumerate(parents):
        if parent >= 0:
            children[parent].append(joint)
    return children
