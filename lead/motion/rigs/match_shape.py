"""Which joint of a rig is which of ours, by the shape of its tree, where names say nothing.

A person is two legs that branch from one joint, two arms that branch from another, a spine between the two, and a head
on the arms' side. A limb is three joints whose two bones are long and of similar length, on both sides. A joint that
never bends (a twist bone, a hip in one place with the pelvis) is not one of the three. The left side is the one that a
mark in the names says; without marks, it is left of where feet or knees point.
Conventions: positions are the file's own, of a few frames; any axis up, right-handed.
Knows nothing of names but their side marks (`match_names.simplify_name`) and words such as "wing" (`joint_names`).
"""

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from lead.motion.formats.joint_tree import common_ancestor, list_children, path_to_root
from lead.motion.rigs.joint_names import OTHER_LIMBS, PARTS
from lead.motion.rigs.match_names import simplify_name, split_name
from lead.motion.rotations import normalize

_LEAST_SIDE_RATIO = 0.88
"""Of the lengths of left and right limb, the shorter over the longer."""
_LEAST_BONE_RATIO = 0.5
"""Of the lengths of a limb's two bones; in mocap skeletons it is 0.59 and more."""
_BONE_RATIO_POWER = 0.7
"""A limb's length counts times its bones' ratio to this power."""
_LEAST_BONE = 0.01
"""A bone shorter than this times the whole chain does not count as one."""
_BEND_VARIES, _BEND_MEAN = 2.0, 15.0
"""Degrees: a joint bends if its angle varies by more than the first, or is larger on average than the second."""
_LEAST_PAIR = 0.35
"""Pairs shorter than this times the longest are fingers, ears or props."""
_MOST_LIMBS, _MOST_JOINTS, _MOST_PAIRS = 16, 32, 32
"""What is tried, the longest first: chains of a joint, joints of a chain, pairs of limbs. People have fewer."""
_NECK_TO_HEAD = 0.13
"""Of a leg's length."""


Positions = Float[np.ndarray, "frames nodes 3"]
Lengths = Float[np.ndarray, "nodes"]
Limb = tuple[int, int, int]
"""Hip, knee, ankle; or shoulder, elbow, wrist."""


@dataclass(frozen=True)
class _Pair:
    """Two limbs that branch from one joint."""

    branch: int
    chains: tuple[list[int], list[int]]
    """All nodes from the branch to the tip, of each limb."""
    limbs: tuple[Limb, Limb]
    length: float

    @property
    def nodes(self) -> set[int]:
        """Of both chains."""
        return {*self.chains[0], *self.chains[1]}


def match_shape(
    names: Sequence[str], parents: Sequence[int], positions: Float[np.ndarray, "frames nodes 3"]
) -> dict[str, int]:
    """Our joint's name -> the index in `names`, as `match_names` gives it; empty if there is no person.

    `parents` and `positions` also have the End Sites, after the joints that `names` has.
    """
    lengths = _measure_bones(parents, positions)
    children = _list_limbs(names, parents)
    reach = _measure_reach(children, lengths)
    eligible = {joint for joint, name in enumerate(names) if not PARTS.intersection(split_name(name))}
    pairs = _find_pairs(eligible, children, lengths, reach, positions)
    for legs, arms in _list_bodies(pairs):
        head = _find_head(legs, arms, children, reach, parents, positions)
        head = [joint for joint in _drop_coincident(head, lengths) if joint < len(names)]
        if head and _is_upright(legs, arms, positions):
            return _name_joints(names, legs, arms, head, positions)
    return {}


def _list_limbs(names: Sequence[str], parents: Sequence[int]) -> list[list[int]]:
    """For each node its children, without those whose names say that they and what is below are no person's limb."""
    below = Counter(above for node in range(len(parents)) for above in path_to_root(node, parents))
    barred: set[int] = set()
    for node, parent in enumerate(parents):
        told = node < len(names) and OTHER_LIMBS.intersection(split_name(names[node]))
        if parent in barred or (told and below[node] < len(parents) / 2):
            barred.add(node)
    children = list_children(parents)
    return [[child for child in some if child not in barred] for some in children]


def _measure_bones(parents: Sequence[int], positions: Positions) -> Lengths:
    """The median distance of each node from its parent; 0 for roots."""
    lengths = np.zeros(len(parents))
    for node, parent in enumerate(parents):
        if parent >= 0:
            lengths[node] = np.median(np.linalg.norm(positions[:, node] - positions[:, parent], axis=-1))
    return lengths


def _follow_chain(node: int, children: Sequence[Sequence[int]], reach: Sequence[float]) -> list[int]:
    """From a node down the longest way to a leaf."""
    chain = [node]
    while children[chain[-1]]:
        chain.append(max(children[chain[-1]], key=reach.__getitem__))
    return chain


def _pick_longest(nodes: Sequence[int], reach: Sequence[float]) -> list[int]:
    """Of several nodes those with the longest chains, in the nodes' order."""
    return sorted(sorted(nodes, key=reach.__getitem__, reverse=True)[:_MOST_LIMBS])


def _measure_reach(children: Sequence[Sequence[int]], lengths: Lengths) -> list[float]:
    """The longest way down from each node's parent through the node; children come after their parents."""
    reach: list[float] = lengths.tolist()
    for node in reversed(range(len(children))):
        reach[node] += max((reach[child] for child in children[node]), default=0.0)
    return reach


def _find_pairs(
    eligible: set[int], children: Sequence[Sequence[int]], lengths: Lengths, reach: Sequence[float],
    positions: Positions,
) -> list[_Pair]:  # fmt: skip
    """All pairs of limbs of eligible joints that are long enough to be legs or arms, longest first."""
    found = []
    for branch in range(len(children)):
        for one, other in itertools.combinations(_pick_longest(children[branch], reach), 2):
            chains = _follow_chain(one, children, reach), _follow_chain(other, children, reach)
            bare = [_drop_coincident([node for node in chain if node in eligible], lengths) for chain in chains]
            bare = [chain[:_MOST_JOINTS] for chain in bare]
            bends = [_find_bends(chain, children, positions) for chain in bare]
            if len(bare[0]) == len(bare[1]):  # what bends on one side is a joint on the other
                bends = [[a or b for a, b in zip(*bends, strict=True)]] * 2
            left, right = (_find_limb(chain, bent, positions) for chain, bent in zip(bare, bends, strict=True))
            if left is None or right is None:
                continue
            if min(left[1], right[1]) > _LEAST_SIDE_RATIO * max(left[1], right[1]):
                found.append(_Pair(branch, chains, (left[0], right[0]), left[1]))
    longest = max((pair.length for pair in found), default=0.0)
    return sorted((p for p in found if p.length > _LEAST_PAIR * longest), key=lambda pair: -pair.length)[:_MOST_PAIRS]


def _drop_coincident(chain: Sequence[int], lengths: Lengths) -> list[int]:
    """A chain without the joints that lie where their parent does."""
    least = _LEAST_BONE * lengths[list(chain)].sum()
    return [node for node in chain if lengths[node] > least]


def _find_limb(chain: Sequence[int], bends: Sequence[bool], positions: Positions) -> tuple[Limb, float] | None:
    """The three joints of a chain that are most like a limb, and its length: two long bones of similar length.

    The more the two differ, the less the length counts: a hand may go on in fingers that never bend.
    """
    best, limb = 0.0, None
    for i, j, k in itertools.combinations(range(len(chain)), 3):
        if any(bends[i + 1 : j]) or any(bends[j + 1 : k]) or not (bends[j] or k - i == 2):
            continue
        bones = np.diff(positions[:, [chain[i], chain[j], chain[k]]], axis=1)
        upper, lower = np.linalg.norm(bones, axis=-1).mean(axis=0).tolist()
        ratio = min(upper, lower) / max(upper, lower)
        score = (upper + lower) * ratio**_BONE_RATIO_POWER
        if ratio > _LEAST_BONE_RATIO and score > best * 1.001:
            best, limb = score, ((chain[i], chain[j], chain[k]), upper + lower)
    return limb


def _find_bends(chain: Sequence[int], children: Sequence[Sequence[int]], positions: Positions) -> list[bool]:
    """For each joint of a chain whether it bends; the ends and joints with several children (wrists) always do."""
    bones = normalize(np.diff(positions[:, list(chain)], axis=1))
    angles = np.degrees(np.arccos(np.clip(np.einsum("fji,fji->fj", bones[:, 1:], bones[:, :-1]), -1, 1)))
    bent = (angles.std(axis=0) > _BEND_VARIES) | (angles.mean(axis=0) > _BEND_MEAN)
    inner = [bool(bend) or len(children[joint]) > 1 for bend, joint in zip(bent, chain[1:], strict=False)]
    return [True, *inner, True]


def _list_bodies(pairs: Sequence[_Pair]) -> list[tuple[_Pair, _Pair]]:
    """Pairs of legs and arms, the likeliest first: legs are longer than arms."""
    bodies = [(legs, arms) for legs, arms in itertools.permutations(pairs, 2) if not legs.nodes & arms.nodes]
    return sorted(bodies, key=lambda body: (body[0].length < body[1].length, -body[0].length - body[1].length))


def _find_head(
    legs: _Pair, arms: _Pair, children: Sequence[Sequence[int]], reach: Sequence[float], parents: Sequence[int],
    positions: Positions,
) -> list[int]:  # fmt: skip
    """The chain to the head: of the other chains at the arms' branch, the one that rises farthest from the legs."""
    meet = common_ancestor(legs.branch, arms.branch, parents)
    taken = {arms.chains[0][0], arms.chains[1][0], *path_to_root(legs.branch, parents)}
    taken |= {legs.chains[0][0], legs.chains[1][0]} if meet == arms.branch else set()
    up = positions[:, arms.branch] - positions[:, [limb[2] for limb in legs.limbs]].mean(axis=1)
    free = _pick_longest([child for child in children[arms.branch] if child not in taken], reach)
    chains = [_follow_chain(child, children, reach) for child in free]
    rises = [
        np.einsum("fi,fi->f", positions[:, c[-1]] - positions[:, arms.branch], normalize(up)).mean() for c in chains
    ]
    best = int(np.argmax(rises)) if chains else -1
    return chains[best] if chains and rises[best] > 0.1 * legs.length else []


def _is_upright(legs: _Pair, arms: _Pair, positions: Positions) -> bool:
    """Whether legs continue the spine, as in people but not in dogs, and proportions are a person's."""
    hips, ankles, shoulders = (
        positions[:, [limb[place] for limb in pair.limbs]].mean(axis=1)
        for pair, place in ((legs, 0), (legs, 2), (arms, 0))
    )
    spine, leg = shoulders - hips, ankles - hips
    along = np.median(np.einsum("fi,fi->f", normalize(spine), normalize(leg)))
    torso = float(np.median(np.linalg.norm(spine, axis=-1)))
    return bool(along < -0.5 and 0.2 < torso / legs.length < 1.5 and 0.3 < arms.length / legs.length < 1.5)


def _name_joints(
    names: Sequence[str], legs: _Pair, arms: _Pair, head: list[int], positions: Positions
) -> dict[str, int]:
    """Our names for the joints that were found, with their sides."""
    left = _find_left_leg(names, legs, positions)
    hips, shoulders = ([positions[:, limb[0]] for limb in pair.limbs] for pair in (legs, arms))
    across = (hips[left] - hips[1 - left], shoulders[0] - shoulders[1])
    left_arm = 0 if np.einsum("fi,fi->f", *across).sum() > 0 else 1
    found = {"pelvis": legs.branch}
    for side, leg, arm in (("left_", left, left_arm), ("right_", 1 - left, 1 - left_arm)):
        found |= dict(zip((side + "hip", side + "knee", side + "ankle"), legs.limbs[leg], strict=True))
        found |= dict(zip((side + "shoulder", side + "elbow", side + "wrist"), arms.limbs[arm], strict=True))
        after = legs.chains[leg][legs.chains[leg].index(legs.limbs[leg][2]) + 1 :]
        if after and after[0] < len(names):
            found[side + "foot"] = after[0]
        before = arms.chains[arm][: arms.chains[arm].index(arms.limbs[arm][0])]
        if before:
            found[side + "collar"] = before[-1]
    found["neck"] = head[0]
    rises = np.linalg.norm(positions[:, head[1:]] - positions[:, head[:1]], axis=-1).mean(axis=0)
    if len(rises):
        found["head"] = head[1 + int(np.argmin(np.abs(rises - _NECK_TO_HEAD * legs.length)))]
    return found


def _find_left_leg(names: Sequence[str], legs: _Pair, positions: Positions) -> int:
    """Which of the two legs is the left one: 0 or 1."""
    marks = [sum(simplify_name(names[joint]).startswith(("left_", "right_")) for joint in limb) for limb in legs.limbs]
    if min(marks):
        lefts = [sum(simplify_name(names[joint]).startswith("left_") for joint in limb) for limb in legs.limbs]
        if lefts[0] != lefts[1]:
            return int(lefts[1] > lefts[0])
    hips, knees, ankles = (positions[:, [limb[place] for limb in legs.limbs]] for place in range(3))
    toes = [chain[chain.index(limb[2]) + 1 :] for chain, limb in zip(legs.chains, legs.limbs, strict=True)]
    forward = positions[:, [toe[0] for toe in toes]] - ankles if all(toes) else knees - (hips + ankles) / 2
    up = normalize(hips.mean(axis=1) - ankles.mean(axis=1))
    side = np.cross(up, forward.sum(axis=1))
    return 0 if np.einsum("fi,fi->f", hips[:, 0] - hips[:, 1], side).sum() > 0 else 1
