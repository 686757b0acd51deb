"""New words from learned ones: two blended, a manner turned round.  NumPy only: knows no base model.

What a word does is linear but for its token vectors, so a blend by weight w is, part by part,

    token vectors     slerp(a, b, w): along the arc between them, at lengths between theirs
    direction         slerp of both; where one has none, its share of the other's
    adapter           (1 - w) up_a down_a + w up_b down_b, exactly: the ranks side by side, each times its share's root
    init              slerp, where both have it

A direction half-way along the arc keeps more of both than one half-way along the line (elderly and exhausted: a judge's
.81 and .16 against .87 and .07; at .75 they are .13 and .85 against .23 and .70).
What was measured or shown of the old words (probe, preview, picture, loss) is not the new one's and is left out.
"""

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from concepts.concept import BOUND_TO, TEXT_PARTS, Concept
from concepts.container import MAX_SIZES
from concepts.errors import ConceptError
from concepts.text import quoted

Array = np.ndarray
DOWN, UP, ADAPTER = "/down", "/up", "adapter."
OPPOSITE = -0.999
"""A cosine below which there is no arc to speak of: opposite vectors have no middle."""


def blend(a: Concept, b: Concept, weight: float = 0.5, token: str | None = None) -> Concept:
    """A word between two of one base and one kind: 0 is a, 1 is b.

    The default token is made of both. Raises ConceptError for words that do not go together, and says why.
    """
    if not 0.0 <= weight <= 1.0:
        raise ConceptError(f"the weight is {weight:g}, expected 0 (all of {a.token}) to 1 (all of {b.token})")
    _check_pair(a, b)
    exemplars = {one.sha256: one for one in (*a.exemplars, *b.exemplars)}
    return replace(
        _bare(a, token or blend_token(a, b)),
        token_embedding=_slerp_rows(a.token_embedding, b.token_embedding, weight),
        tensors=_tensors(a, b, weight),
        init=a.init if a.init == b.init else "",
        templates=tuple(dict.fromkeys((*a.templates, *b.templates))),
        exemplars=tuple(exemplars.values()),
        objective="blend",
        scores={"blend.weight": weight},
        author=_all_of(a.author, b.author, ", "),
        license=_all_of(a.license, b.license, "; "),
        description=f"A blend: {1 - weight:g} of {a.token}, {weight:g} of {b.token}.",
    )


def negate(a: Concept, token: str | None = None) -> Concept:
    """The opposite manner: the direction turned round, and nothing else; the default token is <not-...>.

    Its vectors are zeros, which the text tower hears as no manner (walks normal by a judge's .95).  Vectors and adapter
    turned round too lost what the person does: content .42 and .21 for two styles, against 1.00 and .94 without.
    Raises ConceptError for a word without a direction.
    """
    if "direction" not in a.tensors:
        raise ConceptError(
            f"{a.token} has no direction, so it has no opposite: a style or a persona has one, an action has none"
        )
    return replace(
        _bare(a, token or negate_token(a)),
        token_embedding=np.zeros_like(a.token_embedding),
        tensors={"direction": -a.tensors["direction"]},
        init="",
        objective="negate",
        description=f"The opposite of {a.token}.",
    )


def blend_token(a: Concept, b: Concept) -> str:
    """A blend's token where none is given."""
    return f"<{f'{a.slug}-{b.slug}'[:63]}>"


def negate_token(a: Concept) -> str:
    """The opposite's token where none is given."""
    return f"<{f'not-{a.slug}'[:63]}>"


def slerp(a: Float[Array, " n"], b: Float[Array, " n"], weight: float) -> Float[Array, " n"]:
    """Spherical interpolation of vectors brought to one length, at the length between theirs.

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
        raise ConceptError("the words are opposites, and between opposites there is no middle: use a strength instead")
    angle = np.arccos(cosine)
    shares = (1 - weight, weight) if angle < 1e-6 else np.sin(np.array([1 - weight, weight]) * angle) / np.sin(angle)
    length = (1 - weight) * lengths[0] + weight * lengths[1]
    return (length * (shares[0] * x + shares[1] * y)).astype(np.float32)


def _slerp_rows(a: Array, b: Array, weight: float) -> Array:
    """Vector by vector, whether there is one or several."""
    rows = zip(np.atleast_2d(a), np.atleast_2d(b), strict=True)
    return np.stack([slerp(x, y, weight) for x, y in rows]).reshape(a.shape)


def _check_pair(a: Concept, b: Concept) -> None:
    """ConceptError unless the words are of one kind, one base and one shape."""
    for part in sorted(a.fingerprints.keys() & b.fingerprints.keys()):
        ours, theirs = a.fingerprints[part], b.fingerprints[part]
        bound = [name for one in (a, b) for name in one.tensors if part in _parts_of(name)]
        if ours != theirs and (part in TEXT_PARTS or bound):
            raise ConceptError(
                f"{a.token} was learned on the base {quoted(a.base)} ({part} {ours[:12]}), {b.token} on "
                f"{quoted(b.base)} ({part} {theirs[:12]}): only words of one base can be blended, learn one again"
            )
    if (a.kind == "action") != (b.kind == "action"):
        raise ConceptError(
            f"{a.token} is of the kind {a.kind}, {b.token} of the kind {b.kind}, and there is nothing between: put "
            'both into one prompt, as in "a person does <action> in <style> style"'
        )
    if a.token_embedding.shape != b.token_embedding.shape:
        raise ConceptError(
            f"{a.token} has {len(a.token_embedding)} vectors, {b.token} has {len(b.token_embedding)}: only words of "
            "equally many can be blended, learn one of them again with the other's --vectors"
        )


def _parts_of(name: str) -> tuple[str, ...]:
    """The base's parts that fix what a tensor means."""
    return next((parts for start, parts in BOUND_TO.items() if name.startswith(start)), ())


def _acting(concept: Concept) -> dict[str, Array]:
    """The tensors, beside its vectors, that say what a word does."""
    return {name: x for name, x in concept.tensors.items() if name.startswith(("direction", "init", ADAPTER))}


def _tensors(a: Concept, b: Concept, weight: float) -> dict[str, Array]:
    """The blend's, of those that say what a word does."""
    x, y = _acting(a), _acting(b)
    mixed = {}
    for name in x.keys() | y.keys():
        if name.startswith(ADAPTER):
            parts = [share**0.5 * of[name] for share, of in ((1 - weight, x), (weight, y)) if share and name in of]
            if parts:
                mixed[name] = np.concatenate(parts, axis=0 if name.endswith(DOWN) else 1)
        elif name == "direction" or (name in x and name in y):
            pair = [of.get(name, np.zeros_like((x | y)[name])) for of in (x, y)]
            if pair[0].shape != pair[1].shape:
                raise ConceptError(f"{name} of {a.token} and of {b.token} differ in size: they are of other bases")
            mixed[name] = _slerp_rows(pair[0], pair[1], weight)
    ranks = [len(tensor) for name, tensor in mixed.items() if name.endswith(DOWN)]
    if max(ranks, default=0) > MAX_SIZES["rank"]:
        raise ConceptError(f"the blend's adapter would have rank {max(ranks)}, at most {MAX_SIZES['rank']}: blend less")
    return mixed


def _bare(concept: Concept, token: str) -> Concept:
    """Another word of the same base, without what was measured or shown of this one."""
    return replace(
        concept, token=token, title="", thumbnail="", loss=(), scores={}, steps=0, date="", tensors=_acting(concept)
    )


def _all_of(a: str, b: str, between: str) -> str:
    """The parts of both lists, each once."""
    return between.join(dict.fromkeys(part for text in (a, b) for part in text.split(between) if part))
