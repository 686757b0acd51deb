"""Concepts made from others, by `blend` and `negate`: the prompt that shows one, a motion of it, and its preview."""

import datetime
from dataclasses import replace
from typing import TYPE_CHECKING

from cli.errors import UsageError
from cli.load_models import encode_probe
from cli.options import check_unicode

if TYPE_CHECKING:
    from concepts import Concept
    from lead import Lead, Motion

PREVIEW_SECONDS = 4.0


def to_template(prompt: str | None, concept: "Concept", option: str = "--prompt") -> str:
    """The prompt with {} for the token, by default the concept's own; UsageError where {} is not there once."""
    check_unicode(prompt or "", option)
    template = prompt or concept.probe_prompt.replace(concept.token, "{}")
    if template.count("{}") != 1:
        raise UsageError(f'{option} {template!r}: expected one {{}} for the word, as "a person waves in {{}} style".')
    return template


def generate_one(model: "Lead", concept: "Concept", template: str, seconds: float, seed: int) -> "Motion":
    """One motion, generated alone, so that all that are made of one seed start from the same noise."""
    prompt = template.replace("{}", concept.token)
    return model.generate([prompt], seconds=seconds, words=concept.words, seed=seed)[0]


def add_preview(model: "Lead", concept: "Concept", seed: int) -> "Concept":
    """The concept with the text condition of its probe prompt, a motion generated with it, its picture and the date."""
    from concepts.concept import PREVIEW_FRAMES
    from concepts.thumbnail import png_to_thumbnail
    from lead.motion.render.sheets import thumbnail

    preview = generate_one(model, concept, to_template(None, concept), PREVIEW_SECONDS, seed)
    preview = replace(preview, joints=preview.joints[:PREVIEW_FRAMES])
    return replace(
        concept,
        tensors={**concept.tensors, "probe.cond": encode_probe(concept, model), "preview.joints": preview.joints},
        thumbnail=png_to_thumbnail(thumbnail(preview)),
        date=datetime.date.today().isoformat(),
    )
