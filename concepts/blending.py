"""New concepts from learned ones: a blend of two, and the opposite of a style. NumPy only: knows no base model.

What a concept does is linear except for its token vectors, so a blend by weight w is, part by part,

    token vectors     slerp(a, b, w): along the arc between them, at lengths between theirs
    direction         slerp of both scaled directions; where one has none, its share of the other's
    direction.seen    the same for the action of each template; a concept without one there has its direction
    schedule          direction_scale 1, because the blend's direction is stored scaled; each other number is
                      (1 - w) a + w b; where one has no direction, the other's
    adapter           (1 - w) up_a down_a + w up_b down_b, exactly: the ranks side by side, each times its share's root
    init              slerp, where both have it

A scaled direction is direction_scale times the stored one, which makes concepts of different schedules and formats
comparable. A direction half-way along the arc keeps more of both than one half-way along the line (elderly and
exhausted: a judge's .81 and .16 against .87 and .07; at .75 they are .13 and .85 against .23 and .70).
What was measured or shown of the old concepts (probe, preview, picture, loss) is left out: it is not the new one's.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from concepts.concept import BOUND_TO, TEXT_PARTS, Concept
from concepts.errors import ConceptError
from concepts.schedule import StyleSchedule
from concepts.tensors import ADAPTER, DOWN, MAX_SIZES
from concepts.text import quote

Array = np.ndarray
OPPOSITE = -0.999
"""Below this cosine two vectors are opposite: no arc between them is shorter than another."""


def blend(a: Concept, b: Concept, weight: float = 0.5, token: str | None = None) -> Concept:
    """A concept between two of one base and one kind: 0 is a, 1 is b.

    The default token joins both names. Raises ConceptError for concepts that cannot be blended, and says why.
    """
    if not 0.0 <= weight <= 1.0:
        raise ConceptError(f"the weight is {weight:g}, expected 0 (all of {a.token}) to 1 (all of {b.token})")
    _check_pair(a, b)
    exemplars = {one.sha256: one for one in (*a.exemplars, *b.exemplars)}
    templates = tuple(dict.fromkeys((*a.templates, *b.templates)))
    return replace(
        _start_from(a, token or blend_token(a, b)),
        token_embedding=_slerp_rows(a.token_embedding, b.token_embedding, weight),
        tensors=_blend_tensors(a, b, templates, weight),
        schedule=_blend_schedules(a, b, weight),
        init=a.init if a.init == b.init else "",
        templates=templates,
        exemplars=tuple(exemplars.values()),
        objective="blend",
        scores={"blend.weight": weight},
        author=_join_parts(a.author, b.author, ", "),
        license=_join_parts(a.license, b.license, "; "),
        description=f"A blend: {1 - weight:g} of {a.token}, {weight:g} of {b.token}.",
    )


def negate(a: Concept, token: str | None = None) -> Concept:
    """The opposite style: the negated directions under the same schedule, and nothing else.

    The default token is <not-...>.  The token vectors are zeros, which the text tower takes for no style (a judge finds
    .95 of walks normal). Negated vectors and adapters lose the action: content .42 and .21 for two styles, against
    1.00 and .94 without them. Raises ConceptError for a concept without a direction.
    """
    if "direction" not in a.tensors:
        raise ConceptError(
            f"{a.token} has no direction, so it has no opposite: a style or a persona has one, an action has none"
        )
    return replace(
        _start_from(a, token or negate_token(a)),
        token_embedding=np.zeros_like(a.token_embedding),
        tensors={name: -tensor for name, tensor in a.tensors.items() if name.startswith("direction")},
        init="",
        objective="negate",
        description=f"The opposite of {a.token}.",
    )


def blend_token(a: Concept, b: Concept) -> str:
    """The default token of a blend."""
    return f"<{f'{a.slug}-{b.slug}'[:63]}>"


def negate_token(a: Concept) -> str:
    """The default token of an opposite."""
    return f"<{f'not-{a.slug}'[:63]}>"


def slerp(a: Float[Array, " n"], b: Float[Array, " n"], weight: float) -> Float[Array, " n"]:
    """Spherical interpolation of the vectors' directions, at a length between theirs.

    ((1-w) |a| + w |b|) (sin((1-w) o) a/|a| + sin(w o) b/|b|) / sin(o), o the angle between them; a line where it is 0.
    Source: Shoemake, *Animating rotation with quaternion curves*, SIGGRAPH 1985.
    """
    if weight in (0.0, 1.0):
        return np.array(b if weight else a, np.float32)
    x, y = np.asarray(a, np.float64), np.asarray(b, np.float64)
    lengths = np.linalg.norm(x), np.linalg.norm(y)
    if not all(lengths):
        return ((1 - weight) * x + weight * y).astype(np.float32)
    x, y = x / lengths[0], y / lengths[1]
    cosine = float(np.clip(x @ y, -1.0, 1.0))
    if cosine < OPPOSITE:
        raise ConceptError("the words are opposites, and a blend of opposites is not defined: use a strength instead")
    angle = np.arccos(cosine)
    shares = (1 - weight, weight) if angle < 1e-6 else np.sin(np.array([1 - weight, weight]) * angle) / np.sin(angle)
    length = (1 - weight) * lengths[0] + weight * lengths[1]
    between: Array = length * (shares[0] * x + shares[1] * y)
    return between.astype(np.float32)


def _slerp_rows(a: Array, b: Array, weight: float) -> Array:
    """`slerp` of each vector of a and b."""
    rows = zip(np.atleast_2d(a), np.atleast_2d(b), strict=True)
    return np.stack([slerp(x, y, weight) for x, y in rows]).reshape(a.shape)


def _check_pair(a: Concept, b: Concept) -> None:
    """ConceptError unless the concepts are of one kind, one base and one shape."""
    for part in sorted(a.fingerprints.keys() & b.fingerprints.keys()):
        ours, theirs = a.fingerprints[part], b.fingerprints[part]
        bound = [name for one in (a, b) for name in one.tensors if part in _parts_of(name)]
        if ours != theirs and (part in TEXT_PARTS or bound):
            raise ConceptError(
                f"{a.token} was learned on the base {quote(a.base)} ({part} {ours[:12]}), {b.token} on "
                f"{quote(b.base)} ({part} {theirs[:12]}): only words of one base can be blended; learn one again"
            )
    if (a.kind == "action") != (b.kind == "action"):
        raise ConceptError(
            f"{a.token} is of the kind {a.kind}, {b.token} of the kind {b.kind}; these kinds cannot be blended: put "
            'both into one prompt, as in "a person does <action> in <style> style"'
        )
    if a.token_embedding.shape != b.token_embedding.shape:
        raise ConceptError(
            f"{a.token} has {len(a.token_embedding)} vectors, {b.token} has {len(b.token_embedding)}, expected equal "
            "numbers: learn one of them again with the other's --vectors"
        )


def _parts_of(name: str) -> tuple[str, ...]:
    """The base's parts that determine what a tensor means."""
    return next((parts for start, parts in BOUND_TO.items() if name.startswith(start)), ())


def _tensors_that_act(concept: Concept, templates: Sequence[str] = ()) -> dict[str, Array]:
    """The tensors, beside the token vectors, that act at generation; directions are scaled.

    With `templates` there is a seen direction for each of them.
    """
    tensors = {name: x for name, x in concept.tensors.items() if name.startswith(("direction", "init", ADAPTER))}
    if concept.schedule is None:
        return tensors
    scale = np.float32(concept.schedule.direction_scale)
    scaled = {name: scale * x for name, x in tensors.items() if name.startswith("direction")}
    if templates:
        known = dict(zip(concept.templates, scaled.get("direction.seen", ()), strict=False))
        scaled["direction.seen"] = np.stack([known.get(one, scaled["direction"]) for one in templates])
    return tensors | scaled


def _blend_tensors(a: Concept, b: Concept, templates: Sequence[str], weight: float) -> dict[str, Array]:
    seen = templates if any("direction.seen" in one.tensors for one in (a, b)) else ()
    x, y = (_tensors_that_act(one, seen) for one in (a, b))
    blended = {}
    for name in x.keys() | y.keys():
        if name.startswith(ADAPTER):
            parts = [share**0.5 * of[name] for share, of in ((1 - weight, x), (weight, y)) if share and name in of]
            if parts:
                blended[name] = np.concatenate(parts, axis=0 if name.endswith(DOWN) else 1)
        elif name.startswith("direction") or (name in x and name in y):
            pair = [of.get(name, np.zeros_like((x | y)[name])) for of in (x, y)]
            if pair[0].shape != pair[1].shape:
                raise ConceptError(f"{name} of {a.token} and of {b.token} differ in size: they are of other bases")
            blended[name] = _slerp_rows(pair[0], pair[1], weight)
    ranks = [len(tensor) for name, tensor in blended.items() if name.endswith(DOWN)]
    if max(ranks, default=0) > MAX_SIZES["rank"]:
        raise ConceptError(f"the blend's adapter would have rank {max(ranks)}, at most {MAX_SIZES['rank']}: blend less")
    return blended


def _blend_schedules(a: Concept, b: Concept, weight: float) -> StyleSchedule | None:
    """The schedule of a direction that is stored scaled; None where neither concept has a direction."""
    if a.schedule is None or b.schedule is None:
        schedule = a.schedule or b.schedule
    else:
        schedule = a.schedule.blend(b.schedule, weight)
    return None if schedule is None else replace(schedule, direction_scale=1.0)


def _start_from(concept: Concept, token: str) -> Concept:
    """Another concept of the same base, without what was measured or shown of this one."""
    names = [name for name in concept.tensors if name.startswith(("direction", "init", ADAPTER))]
    tensors = {name: concept.tensors[name] for name in names}
    return replace(concept, token=token, title="", thumbnail="", loss=(), scores={}, steps=0, date="", tensors=tensors)


def _join_parts(a: str, b: str, between: str) -> str:
    """The parts of both texts, each once."""
    return between.join(dict.fromkeys(part for text in (a, b) for part in text.split(between) if part))
