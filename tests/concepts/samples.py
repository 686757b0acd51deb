"""The two sample files beside the specification: what they hold, and a program that writes them.

python tests/concepts/samples.py docs/samples

All numbers are multiples of 1/64, exact in both float types, so that the bytes are the same on every machine. Sizes are
tiny; nothing here was learned.
"""

import sys
from pathlib import Path

import numpy as np

from concepts import Concept, Exemplar, StyleSchedule
from concepts.provenance import Credits

THUMBNAIL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAgAAAAIBAMAAAA2IaO4AAAAElBMVEX19vgubsjwgjIAAAAAAAAAAACIRNJh"
    "AAAAI0lEQVR42iXIMREAMAgEsPAOWgX4F8kxkDGARyCl8Ylp6poFFX4BbAqnkRQAAAAASUVORK5CYII="
)


def ramp(*shape: int, start: int = 0) -> np.ndarray:
    """start, start + 1, ... in sixty-fourths."""
    return (np.arange(np.prod(shape)).reshape(shape) + start) / 64


def style() -> Concept:
    """A style with everything that a concept may have."""
    learned = Concept(
        token="<elderly>",
        token_embedding=ramp(2, 8),
        kind="style",
        base="sample-base",
        fingerprints={"text": "ab" * 32, "vae": "cd" * 32, "denoiser": "ef" * 32, "projector": "01" * 32},
        init="like an old person",
        templates=("a person walks in {} style", "someone turns around, {}"),
        objective="denoising",
        steps=80,
        seed=7,
        loss=(1.0, 0.5, 0.25),
        scores={"loss.best": 0.25, "report.travels": 0.75},
        exemplars=tuple(Exemplar.from_joints(ramp(40, 22, 3, start=take), 30.0) for take in range(2)),
        license="CC BY-NC-SA 4.0",
        date="2026-01-31",
        thumbnail=THUMBNAIL,
        schedule=StyleSchedule(1.25, 0.375, 0.25, 0.5, 0.75, 1.5),
        tensors={
            "init": ramp(2, 8, start=-8),
            "direction": ramp(6),
            "direction.seen": ramp(2, 6, start=-3),
            "probe.cond": ramp(8, start=2),
            "adapter.blocks.0.ff/down": ramp(2, 8),
            "adapter.blocks.0.ff/up": ramp(16, 2, start=-16),
            "preview.joints": ramp(4, 22, 3),
        },
    )
    said = "An elderly walk: slow, bent.\nLearned for nobody; a sample."
    return learned.with_credits(Credits("CC BY 4.0", "Zoë's recordings", "Zoë 走る", said))


def action() -> Concept:
    """An action with nothing that may be left out."""
    return Concept(
        token="<spin-kick>",
        token_embedding=ramp(1, 8, start=3),
        kind="action",
        base="sample-base",
        fingerprints={"text": "ab" * 32},
    )


def files() -> dict[str, bytes]:
    """The samples' bytes by file name."""
    return {f"{concept.slug}.safetensors": concept.to_bytes() for concept in (style(), action())}


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files().items():
        (folder / name).write_bytes(data)
