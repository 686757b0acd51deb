"""How well a base's text space understands wordings that no clip was captioned with.

    python -m benchmarks.prompts.paraphrases [--base PATH] [--json FILE]

`heldout_paraphrases.json` has four wordings of each of 100 actions, written by someone who had not seen the captions.
Each is to find its action: the nearest of 100 centroids, each the mean text feature of 32 sentences of our own that say
the action (`lead.text.synthesis`). R@1 and R@3 are shares of the wordings. Nothing is trained or tuned on that file.
"""

import argparse
import json
import random
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import normalize

from lead import Lead
from lead.text.meaning import Meaning
from lead.text.synthesis import say

HELD_OUT = Path(__file__).with_name("heldout_paraphrases.json")
SAYINGS = 32
WALK, WAVE = Meaning("walk", "forward"), Meaning("wave", "right")


def _then(first: Meaning, second: Meaning) -> Meaning:
    return Meaning(first.action, first.place, first.ways, then=second)


def _while(first: Meaning, second: Meaning) -> Meaning:
    return Meaning(first.action, first.place, first.ways, meanwhile=second)


MEANINGS: dict[str, Meaning] = {
    "walk-forward": WALK, "walk-backward": Meaning("walk", "backward"),
    "walk-slowly": Meaning("walk", "forward", ("slowly",)), "walk-quickly": Meaning("walk", "forward", ("quickly",)),
    "sidestep-left": Meaning("walk", "side-left"), "sidestep-right": Meaning("walk", "side-right"),
    "walk-circle-left": Meaning("walk", "counterclockwise"), "walk-circle-right": Meaning("walk", "clockwise"),
    "walk-circle": Meaning("walk", "circle"), "curve-left": Meaning("walk", "curve-left"),
    "curve-right": Meaning("walk", "curve-right"), "walk-turn-left": Meaning("walk", "turn-left"),
    "walk-turn-right": Meaning("walk", "turn-right"), "turn-left": Meaning("turn", "left"),
    "turn-right": Meaning("turn", "right"), "turn-around": Meaning("turn-around"), "full-turn": Meaning("full-turn"),
    "walk-uturn": Meaning("walk", "uturn"), "run": Meaning("run", "forward"), "jog": Meaning("jog", "forward"),
    "sprint": Meaning("sprint", "forward"), "run-circle": Meaning("run", "circle"),
    "run-backward": Meaning("run", "backward"), "step-in-place": Meaning("step-in-place"),
    "upstairs": Meaning("walk", "upstairs"), "downstairs": Meaning("walk", "downstairs"),
    "stand-still": Meaning("stand"), "look-around": Meaning("look-around"), "shift-weight": Meaning("shift-weight"),
    "hands-on-hips": Meaning("hands-hips-stand"), "cross-arms": Meaning("cross-arms"),
    "sit-down": Meaning("sit-down"), "sitting": Meaning("sit"), "stand-up": Meaning("stand-up"),
    "sit-floor": Meaning("sit-floor"), "lie-down": Meaning("lie-down"), "lying": Meaning("lie"),
    "get-up": Meaning("get-up"), "kneel-down": Meaning("kneel-down"), "kneeling": Meaning("kneel"),
    "crouch": Meaning("crouch"), "crouch-walk": Meaning("crouch-walk", "forward"), "crawl": Meaning("crawl", "forward"),
    "squat": Meaning("squat"), "lunge-left": Meaning("side-lunge", "left"),
    "lunge-right": Meaning("side-lunge", "right"), "bend-forward": Meaning("bend"), "bow": Meaning("bow"),
    "pick-up": Meaning("pick-up"), "put-down": Meaning("put-down"), "push-ups": Meaning("push-up"),
    "fall": Meaning("fall"), "jump-up": Meaning("jump-up"), "jump-forward": Meaning("jump-forward"),
    "hop": Meaning("hop", "forward"), "jumping-jacks": Meaning("jacks"), "jump-turn": Meaning("jump-turn"),
    "raise-left": Meaning("raise-arm", "left"), "raise-right": Meaning("raise-arm", "right"),
    "raise-both": Meaning("raise-arm", "both"), "arms-sideways": Meaning("side-arm", "both"),
    "wave-left": Meaning("wave", "left"), "wave-right": WAVE, "wave-both": Meaning("wave", "both"),
    "clap": Meaning("clap"), "reach-up": Meaning("reach-up"), "reach-forward": Meaning("reach-forward"),
    "push": Meaning("push"), "throw": Meaning("throw"), "punch-left": Meaning("punch", "left"),
    "punch-right": Meaning("punch", "right"), "box": Meaning("box"), "sword": Meaning("sword"),
    "drink": Meaning("drink"), "nod": Meaning("nod"), "kick-left": Meaning("kick", "left"),
    "kick-right": Meaning("kick", "right"), "lift-left-leg": Meaning("raise-leg", "left"),
    "lift-right-leg": Meaning("raise-leg", "right"), "dance": Meaning("dance"),
    "walk-then-sit": _then(WALK, Meaning("sit-down")), "stand-up-then-walk": _then(Meaning("stand-up"), WALK),
    "walk-then-wave": _then(WALK, Meaning("wave")), "run-then-stop": _then(Meaning("run", "forward"), Meaning("stand")),
    "jump-then-walk": _then(Meaning("jump-up"), WALK), "walk-then-kick": _then(WALK, Meaning("kick")),
    "squat-then-jump": _then(Meaning("squat"), Meaning("jump-up")),
    "bend-then-raise-both": _then(Meaning("bend"), Meaning("raise-arm", "both")),
    "turn-left-then-walk": _then(Meaning("turn", "left"), WALK), "walk-then-run": _then(WALK, Meaning("run",
    "forward")),
    "walk-then-lie-down": _then(WALK, Meaning("lie-down")), "clap-then-bow": _then(Meaning("clap"), Meaning("bow")),
    "walk-wave-left": _while(WALK, Meaning("wave", "left")), "walk-wave-right": _while(WALK, WAVE),
    "walk-raise-both": _while(WALK, Meaning("raise-arm", "both")),
    "run-raise-both": _while(Meaning("run", "forward"), Meaning("raise-arm", "both")),
    "sit-wave-right": _while(Meaning("sit"), WAVE), "stand-clap": _while(Meaning("stand"), Meaning("clap")),
    "walk-clap": _while(WALK, Meaning("clap")),
    "kneel-raise-both": _while(Meaning("kneel"), Meaning("raise-arm", "both")),
}  # fmt: skip
"""What each key of the held-out file means."""
ALIKE = ({"stand-clap", "clap"},)
"""Keys that say the same thing."""


def rank_actions(base: Lead, held: dict[str, list[str]]) -> dict[str, list[tuple[str, int, str]]]:
    """For each action its wordings, each with the rank of the right action and the nearest one."""
    names = list(MEANINGS)
    rng = random.Random(0)
    sayings = [say(MEANINGS[name], rng) for name in names for _ in range(SAYINGS)]
    with torch.no_grad():
        own = normalize(base.encode_text(sayings), dim=-1).reshape(len(names), SAYINGS, -1).mean(dim=1)
        middle = own.mean(dim=0)
        centroids = normalize(own - middle, dim=-1)
        result = {}
        for name in names:
            found = normalize(normalize(base.encode_text(held[name]), dim=-1) - middle, dim=-1) @ centroids.T
            rows = []
            for wording, scores in zip(held[name], found.numpy(), strict=True):
                right = max(scores[names.index(other)] for other in _alike(name))
                rows.append((wording, int((scores > right + 1e-9).sum()), names[int(np.argmax(scores))]))
            result[name] = rows
    return result


def _alike(name: str) -> set[str]:
    return next((same for same in ALIKE if name in same), {name})


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints R@1 and R@3, and the actions that are taken for others."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.prompts.paraphrases", description=main.__doc__)
    parser.add_argument("--base", type=Path, help="a checkpoint (default: the embedded base)")
    parser.add_argument("--json", type=Path, help="write every wording's rank here")
    options = parser.parse_args(arguments)
    found = rank_actions(Lead.load(options.base), json.loads(HELD_OUT.read_text(encoding="utf-8")))
    ranks = np.array([rank for rows in found.values() for _, rank, _ in rows])
    figures = {f"R@{k}": float((ranks < k).mean()) for k in (1, 3, 5)}
    print(", ".join(f"{name} {value:.3f}" for name, value in figures.items()), f"of {len(ranks)} wordings")
    if options.json:
        options.json.write_text(json.dumps({**figures, "wordings": found}, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
