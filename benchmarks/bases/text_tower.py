"""Which sentences a trained text tower places near each other: cosines of its features, without any motion.

    python -m benchmarks.bases.text_tower RUN

Prints the mean cosine of paraphrases (captions of one clip in the data set's val split, wordings of a generated
meaning) and of different sentences. Prints the cosine of minimal pairs beside that of a paraphrase of the same
sentence. Prints the nearest training captions of prompts that no caption contains. Data: LEAD_DATA or ../shared/data.
"""

import random
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from benchmarks.pack import pack_rows
from lead.text.meaning import contrast, draw
from lead.text.synthesis import say
from lead.text.tower import TextTower
from lead.train.assemble import load_tower

MINIMAL_PAIRS = """
a person raises the left arm / someone lifts the left hand / a person raises the right arm
a person walks and turns left / a man turns to the left while walking / a person walks and turns right
a person walks forward / someone walks straight ahead / a person walks backward
a person raises both arms / someone lifts the two hands / a person lowers both arms
a person raises both hands / someone puts both arms up / a person raises the right hand
a person kicks with the left leg / someone kicks with the left foot / a person kicks with the right leg
a person walks slowly / a man walks at a slow pace / a person walks quickly
a person walks hunched over / someone walks bent forward / a person walks leaning back
a person walks leaning to the left / a man walks tilted to the left / a person walks leaning to the right
a person sits down / someone takes a seat / a person stands up
a person walks in a feminine style / a man walks gracefully like a lady / a person walks in a masculine style
a person walks energetically / someone walks in an active way / a person walks
a person waves the left hand / someone waves with the left arm / a person raises the left hand
a person walks / someone goes for a walk / a person runs
"""
PROMPTS = (
    "an old man strolls",
    "jogging on the spot",
    "she greets somebody with her left hand",
    "a guy limps along",
    "walking like a robot",
    "someone hops ahead with both feet",
    "a child skips happily",
    "a drunk staggers to the right",
    "grandpa gets up from the couch",
    "a soldier marching",
    "reaching for the top shelf",
    "a ballerina twirls",
)


@torch.no_grad()
def encode_unit(tower: TextTower, sentences: Sequence[str]) -> Tensor:
    """Unit features [sentences, d_text]."""
    parts = [tower.encode(sentences[start : start + 64]) for start in range(0, len(sentences), 64)]
    return normalize(torch.cat(parts), dim=-1)


def measure_captions(tower: TextTower, rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Mean cosines of two captions, by what their clips share: the clip, content and style, content, nothing."""
    cells = [(row["content"], row["style"]) for row in rows]
    first = encode_unit(tower, [row["captions"][0] for row in rows])
    second = encode_unit(tower, [row["captions"][-1] for row in rows])
    cosines = first @ second.T
    content = torch.tensor([[a[0] == b[0] for a in cells] for b in cells])
    cell = torch.tensor([[a == b for a in cells] for b in cells])
    own = torch.eye(len(rows), dtype=torch.bool)
    groups = {"same clip": own, "same content and style": cell & ~own, "other style": content & ~cell}
    groups["other content"] = ~content
    return {name: float(cosines[mask].mean()) for name, mask in groups.items()}


def measure_generated(tower: TextTower, count: int = 400) -> dict[str, float]:
    """Mean cosines of generated paraphrases and minimal pairs, and how often the paraphrase is nearer."""
    rng = random.Random("unseen")
    meanings = [draw(rng) for _ in range(count)]
    said = encode_unit(tower, [say(meaning, rng) for meaning in meanings])
    again = encode_unit(tower, [say(meaning, rng) for meaning in meanings])
    other = encode_unit(tower, [say(contrast(meaning, rng), rng) for meaning in meanings])
    paraphrase, minimal = (said * again).sum(-1), (said * other).sum(-1)
    unrelated = (said * again.roll(1, 0)).sum(-1)
    return {
        "paraphrase": float(paraphrase.mean()),
        "minimal pair": float(minimal.mean()),
        "unrelated": float(unrelated.mean()),
        "paraphrase nearer": float((paraphrase > minimal).float().mean()),
    }


def main() -> None:
    tower = load_tower(Path(sys.argv[1]))
    for title, cosines in (
        ("val captions", measure_captions(tower, pack_rows("val"))),
        ("generated", measure_generated(tower)),
    ):
        print(title, {name: round(value, 3) for name, value in cosines.items()})
    for line in MINIMAL_PAIRS.strip().splitlines():
        sentences = line.split(" / ")
        found = encode_unit(tower, sentences)
        print(f"{sentences[0]}: paraphrase {found[0] @ found[1]:.2f}, {sentences[2]}: {found[0] @ found[2]:.2f}")
    captions = sorted({text for row in pack_rows("train") for text in row["captions"]})
    nearest = (encode_unit(tower, PROMPTS) @ encode_unit(tower, captions).T).topk(3)
    for prompt, scores, index in zip(PROMPTS, nearest.values, nearest.indices, strict=True):
        print(prompt, "->", "; ".join(f"{captions[i]} {s:.2f}" for s, i in zip(scores, index, strict=True)))


if __name__ == "__main__":
    main()
