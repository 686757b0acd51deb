"""Computes what the embedded base says of plain prompts, and writes it into the package: `inversion/precomputed.py`.

python tools/precompute.py      # some minutes; after a change of the base, of actions or of what is measured
"""

import numpy as np

from inversion.calibration import list_captions, measure_plain
from inversion.precomputed import FILE, Precomputed
from inversion.recognition.recognizer import encode_actions, known_actions, list_wordings
from inversion.style_direction import SAMPLES, mean_neutral
from lead import Lead

SEED = 0
"""The default of `learn`."""


def main() -> None:
    base = Lead.load()
    actions = known_actions(base)
    neutral = [mean_neutral(base, action.phrase, SAMPLES, SEED) for action in actions]
    shown, paths = measure_plain(base, SEED)
    Precomputed(
        name=base.name,
        fingerprints=base.fingerprints,
        wordings=list_wordings(),
        known=[action.phrase for action in actions],
        text=encode_actions(base, actions).numpy(),
        neutral=np.stack([mean.numpy() for mean in neutral]),
        seed=SEED,
        captions=list_captions(),
        shown=shown,
        paths=paths,
    ).save(FILE)
    print(f"{FILE}: {len(actions)} actions, {FILE.stat().st_size / 1024:.0f} KB")


if __name__ == "__main__":
    main()
