"""A process that changes a library at random until it is killed or its time is over.

    python -m benchmarks.robustness.library_worker FOLDER SECONDS SEED [VECTORS]

Prints a line for each change or refusal. VECTORS is the largest number of vectors of a concept, 16 KB each: large
concepts take long to write. The tests and benchmarks.robustness.library start it.
"""

import random
import sys
import time
from pathlib import Path

import numpy as np

from concepts import Concept, ConceptError
from concepts.library import Library

TOKENS = [f"<word-{number}>" for number in range(6)]


def make_concept(token: str, seed: int, vectors: int = 1) -> Concept:
    embedding = np.random.default_rng(seed).random((vectors, 4096))
    return Concept(token=token, token_embedding=embedding, kind="style", base="b", fingerprints={"text": "ab" * 8},
                   seed=seed)  # fmt: skip


def change(library: Library, draw: random.Random, vectors: int) -> str:
    """Makes one random change; returns its name, or the refusal."""
    token, other = draw.sample(TOKENS, 2)
    what = draw.choice(["add", "add", "replace", "remove", "rename"])
    try:
        if what in ("add", "replace"):
            library.add(make_concept(token, draw.randrange(10**6), draw.randint(1, vectors)), replace=what == "replace")
        elif what == "remove":
            library.remove(token)
        else:
            library.rename(token, other)
    except ConceptError as refusal:
        return f"refused {what}: {refusal}"
    return what


def main() -> None:
    folder, seconds, seed = Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    vectors = int(sys.argv[4]) if len(sys.argv) > 4 else 1
    library, draw = Library(folder), random.Random(seed)
    print("ready", flush=True)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        print(change(library, draw, vectors), flush=True)


if __name__ == "__main__":
    main()
