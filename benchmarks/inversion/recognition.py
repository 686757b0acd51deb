"""How often the action of a recorded clip is recognized, said wrongly, or not said.

    python -m benchmarks.inversion.recognition          # the figures of docs/inversion.md, and of each label
    python -m benchmarks.inversion.recognition --fit    # constants of inversion.recognition.recognizer, by val

Each clip stands alone, without others of its concept. What is right is what the pack's labels say (RIGHT), with the
side that the captions of the clip name. A coarser phrase that is true of the clip (COARSE: a hurdle step lifts a knee)
is counted apart. Clips whose label says no action that the base knows are left out; those of split newaction show
actions that no base was trained on. "nearest" is the action of the greatest cosine alone, which is always said.
Intervals are Wilson's, 95 %.
"""

import argparse
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.optimize import minimize
from torch.nn.functional import normalize

from benchmarks.bases.base import write_json
from benchmarks.inversion.concepts import load_motion
from benchmarks.inversion.words_together import interval
from benchmarks.pack import REPOSITORY, Row, pack_rows, pack_segments
from inversion.encoded_clips import encode_clips
from inversion.recognition import recognizer as module
from inversion.templates import ACTIONS as NEAREST
from inversion.templates import action_to_caption
from lead import Lead, LeadError, Motion

SPLITS = ("val", "test", "newstyle", "fewshot_style", "newaction")
SIDED = ("left", "right")
ARMS = ("raises both hands", "stretches both arms out to the sides")
IDLE = ("stands still", "shifts the weight from one leg to the other", "looks around")
RIGHT: dict[str, tuple[str, ...]] = {
    "walk": ("walks forward", "walks"), "walking_extra": ("walks forward", "walks"),
    "slow walk": ("walks forward", "walks"), "walk/stride": ("walks forward", "walks"),
    "walk-turn-left": ("walks forward and turns left",), "walk-turn-right": ("walks forward and turns right",),
    "walk-back": ("walks backward",), "walk-left": ("walks diagonally to the left", "walks sideways to the left"),
    "walk-right": ("walks diagonally to the right", "walks sideways to the right"),
    "run": ("runs forward", "runs", "sprints forward", "dashes forward"), "run/jog": ("runs forward", "runs"),
    "dash": ("sprints forward", "runs forward", "runs", "dashes forward"),
    "run left": ("runs in a curve to the left",), "run right": ("runs in a curve to the right",),
    "jogLeftCircle4StepsRstart": ("runs in a curve to the left", "runs in a circle", "jogs in a circle"),
    "raise-up-left-hand": ("raises the left hand",), "raise-up-right-hand": ("raises the right hand",),
    "raise-up-both-hands": ARMS, "wave-left-hand": ("waves with the left hand",),
    "wave-right-hand": ("waves with the right hand",), "wave-both-hands": ("waves with both hands",),
    "bow": ("bows", "bends forward"), "bye": ("waves with the right hand",), "byebye": ("waves with both hands",),
    "guide": ("shows the way with the right hand", "points the way"),
    "deep squat": ("squats",), "squat1Reps": ("squats",), "squat": ("squats",),
    "side lunge": ("lunges to the {}", "lunges to the side"), "sit to stand": ("sits down and stands up again",),
    "standing active straight leg raise": ("lifts the {} leg", "lifts one leg"),
    "standing shoulder abduction": ("raises the {} arm to the side",),
    "standing shoulder scaption": ("raises the {} arm diagonally",),
    "standing shoulder extension": ("swings the {} arm back",),
    "standing shoulder internal-external rotation": ("rotates the {} forearm",),
    "grabHighR": ("reaches up high", "raises the right hand"), "depositFloorR": ("puts something down on the floor",),
    "kickLFront1Reps": ("kicks with the left leg", "kicks"), "hopBothLegs1hops": ("jumps forward", "hops", "jumps"),
    "lieDownFloor": ("lies down",), "jump": ("jumps up", "jumps forward", "hops", "jumps"),
    "forward jump": ("jumps forward", "jumps"), "jumping": ("jumps up", "hops", "jumps"), "hop": ("hops", "jumps up"),
    "jump, balance": ("jumps up", "jumps"), "climb ladder": ("climbs", "climbs down"), "climb": ("climbs",),
    "climb-down": ("climbs down",), "playground - climb": ("climbs",),
    "climb 3 steps": ("walks up the stairs", "walks down the stairs"), "stairs-up": ("walks up the stairs",),
    "stairs-down": ("walks down the stairs",), "punch": ("punches with the right hand", "boxes", "punches"),
    "punch/strike": ("punches with the right hand", "boxes", "punches"), "stand": IDLE, "look": ("looks around",),
    "kick": ("kicks with the right leg", "kicks"), "reach": ("reaches forward with the left hand", "reaches up high"),
    "reach+tiptoe": ("reaches up high", "raises both hands"), "laugh": ("laughs",), "bottle": ("opens a bottle",),
    "drink": ("drinks from a cup", "puts the right hand to the face"), "signal": ("directs traffic", *ARMS),
    "direct traffic, wave": ("directs traffic",), "sword": ("swings a sword",), "swordplay": ("swings a sword",),
    "turn": ("turns left", "turns right", "turns around"), "dance": ("dances",), "pop dance": ("dances",),
    "spin dance": ("dances", "spins around"), "dual slice": ("swings a sword",), "nod": ("nods",),
    "raise arm": ("raises the right hand",),
}  # fmt: skip
"""Label -> the phrases that are right, of both ways; {} is the side. Idle people of react may do any of several."""
COARSE: dict[str, tuple[str, ...]] = {
    "standing shoulder abduction": ("raises the {} hand", "raises the {} arm diagonally"),
    "standing shoulder scaption": (
        "raises the {} hand", "raises the {} arm to the side", "reaches forward with the {} hand",
    ),
    "raise-up-left-hand": ("raises the left arm to the side",),
    "raise-up-right-hand": ("raises the right arm to the side",),
    "standing active straight leg raise": ("lifts the {} knee",), "climb": ("walks up the stairs",),
    "climb-down": ("walks down the stairs",), "climb ladder": ("walks up the stairs", "walks down the stairs"),
    "wave-left-hand": ("raises the left hand",), "wave-right-hand": ("raises the right hand",),
    "wave-both-hands": ("raises both hands",), "bye": ("raises the right hand",), "byebye": ("raises both hands",),
    "guide": ("raises the right hand",), "run left": ("runs forward",), "run right": ("runs forward",),
    "hurdle step": (
        "lifts the left knee", "lifts the right knee", "lifts the left leg", "lifts the right leg", "lifts one leg",
    ),
    "elbowToKnee": ("lifts the left knee", "lifts the right knee"),
    "sneak": ("walks forward", "walks", "walks in a crouch"),
    "dance - ": ("dances", "dances ballet", "spins around"),
}  # fmt: skip
"""Label, or its start -> phrases that are true and say less."""


@dataclass(frozen=True)
class Clip:
    """A clip, what is true of it, and what the base sees and measures."""

    row: Row
    right: tuple[str, ...]
    coarse: tuple[str, ...]
    cosines: np.ndarray
    evidence: np.ndarray
    nearest: str
    """The nearest action by cosine alone."""


def choose_rows(split: str) -> list[Row]:
    """The clips of a split, with the segments of long ones, that last a second."""
    if split == "newstyle":
        rows = pack_rows("newstyle_exemplar")[::4] + pack_rows("newstyle_eval")[::9]
    else:
        rows = pack_rows(split) + (pack_segments([split]) if split in ("val", "test") else [])
    if split == "newaction":
        rows = [row for number, row in enumerate(rows) if row["content"] != "hurdle step" or number % 6 == 0]
    return [row for row in rows if row["frames"] >= 18]


def find_labels(row: Row) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The phrases that are right, and those that are true and say less."""
    told = re.sub(r"stands on the (left|right) leg", "", " ".join(row["captions"]))
    side = max(SIDED, key=lambda one: len(re.findall(rf"\b{one}\b", told)))
    content = row["content"]
    if row["source"] == "react":
        hands = tuple(f"puts the {one} hand to the face" for one in SIDED if f"hand{one}" in content)
        return (*IDLE, *hands), ("stands with crossed arms", "stands with the hands on the hips")
    right = RIGHT.get(content, ())
    coarse = next((phrases for start, phrases in COARSE.items() if content.startswith(start)), ())
    return tuple(text.format(side) for text in right), tuple(text.format(side) for text in coarse)


@torch.no_grad()
def look(base: Lead, split: str) -> list[Clip]:
    """All clips of a split with a label, or of new actions."""
    actions = module.known_actions(base)
    text = module.encode_actions(base, actions)
    nearest_text = normalize(base.encode_text([action_to_caption(phrase) for phrase in NEAREST]), dim=-1)
    clips = []
    for row in choose_rows(split):
        right, coarse = find_labels(row)
        if not right and split != "newaction":
            continue
        encoded = encode_clips(base, [load_row(row)], ["a person moves"])
        place = normalize(encoded.pooled[:1], dim=-1)
        cosines = (place @ text.T)[0].numpy()
        joints = Motion.from_features(encoded.features[0]).joints
        evidence = module.measure(actions, cosines, joints)
        nearest = NEAREST[int((place @ nearest_text.T).argmax())].replace("waves the", "waves with the")
        nearest = nearest.replace("waves both", "waves with both")
        clips.append(Clip(row, right, coarse, cosines, evidence, nearest))
    return clips


def load_row(row: Row) -> Motion:
    """A clip's motion, or a segment's."""
    if "clip" not in row:
        return load_motion(row)
    whole = load_motion({**row, "id": row["clip"]})
    return Motion(whole.joints[row["start"] : row["end"]], whole.fps, name=row["id"])


def judge(clips: Sequence[Clip], base: Lead) -> list[tuple[str, bool, bool, bool]]:
    """For each clip the phrase, whether it is said, whether it is right, and whether it is true."""
    actions = module.known_actions(base)
    result = []
    for clip in clips:
        shares, denied = module.share_out(actions, clip.cosines[None], clip.evidence[None])
        one = module.describe_shares(actions, shares[0], denied[0])
        result.append((one.best.action, one.known, one.best.action in clip.right,
                       one.best.action in (*clip.right, *clip.coarse)))  # fmt: skip
    return result


def count(clips: Sequence[Clip], base: Lead) -> dict[str, object]:
    """The figures of a split."""
    judged = judge(clips, base)
    said = [row for row in judged if row[1]]
    nearest = [clip.nearest in (*clip.right, *clip.coarse) for clip in clips]
    return {
        "clips": len(clips),
        "nearest": interval(np.array(nearest, dtype=float), share=True),
        "first": interval(np.array([row[3] for row in judged], dtype=float), share=True),
        "said": len(said) / len(clips),
        "right when said": interval(np.array([row[3] for row in said], dtype=float), share=True) if said else None,
        "exact when said": float(np.mean([row[2] for row in said])) if said else None,
        "wrong": float(np.mean([row[1] and not row[3] for row in judged])),
    }


def list_confusions(clips: Sequence[Clip], base: Lead) -> dict[str, dict[str, int]]:
    """For each label the phrases that are said of its clips, with ? where nothing is said."""
    table: dict[str, Counter[str]] = defaultdict(Counter)
    for clip, (phrase, known, _, true) in zip(clips, judge(clips, base), strict=True):
        mark = "unknown" if not known else phrase + ("" if true else " (wrong)")
        table[clip.row["content"].split(" - ")[0]][mark] += 1
    return {label: dict(found.most_common()) for label, found in sorted(table.items())}


def fit(clips: Sequence[Clip], base: Lead) -> dict[str, float]:
    """SHARPNESS, UNKNOWN and CONFIRMED of the greatest likelihood.

    REFUTED and RARE stay as they are: refuted actions are hardly ever right, and half of the labels are exercises.

    Labels count by the square root of their clips. "None is right" is each clip without the actions like its own.
    """
    actions = module.known_actions(base)
    phrases = [action.phrase for action in actions]
    labels = Counter(clip.row["content"] for clip in clips)
    weights = np.array([labels[clip.row["content"]] ** -0.5 for clip in clips])
    weights /= weights.sum()
    right = np.array([[phrase in clip.right for phrase in phrases] for clip in clips])
    like = np.array([[_kind(phrase) in {_kind(one) for one in clip.right} for phrase in phrases] for clip in clips])
    like |= np.array([[phrase in (*clip.right, *clip.coarse) for phrase in phrases] for clip in clips])
    outs = module.standardize(np.stack([clip.cosines for clip in clips]))
    evidence = np.stack([clip.evidence for clip in clips])
    rare = np.array([action.rare for action in actions])

    def loss(x: np.ndarray) -> float:
        scores = x[0] * outs + x[2] * (evidence > 0) - module.REFUTED * (evidence < 0) - module.RARE * rare
        none = np.full((len(clips), 1), x[0] * x[1])
        everything = np.logaddexp.reduce(np.concatenate([scores, none], axis=1), axis=1)
        own = np.logaddexp.reduce(np.where(right, scores, -1e9), axis=1) - everything
        without = np.logaddexp.reduce(np.concatenate([np.where(like, -1e9, scores), none], axis=1), axis=1)
        return float(-(weights * (np.maximum(own, -8.0) + 0.5 * (none[:, 0] - without))).sum())

    start = np.array([module.SHARPNESS, module.UNKNOWN, module.CONFIRMED])
    found = minimize(loss, start, method="Nelder-Mead", options={"maxiter": 800})
    return dict(zip(("SHARPNESS", "UNKNOWN", "CONFIRMED"), found.x.round(2).tolist(), strict=True))


def _kind(phrase: str) -> str:
    """What a phrase is about: the way, the arms, the legs, or the whole body."""
    words = set(re.findall(r"\w+", phrase))
    if words & {"hand", "hands", "arm", "arms", "forearm", "punches", "boxes", "claps", "drinks", "cheers"}:
        return "arms"
    if words & {"leg", "knee"}:
        return "legs"
    if words & {"walks", "runs", "sprints", "turns", "spins", "marches", "skips", "climbs"}:
        return "way"
    if words & {"jumps", "hops", "jacks", "squats", "crouches", "sits", "stands", "lies", "kneels", "dances"}:
        return "body"
    return phrase


def format_markdown(figures: dict[str, dict[str, object]], confusions: dict[str, dict[str, int]]) -> str:
    """The two tables."""
    lines = ["| split | clips | nearest alone | first guess | said | true when said | exact when said | wrong |"]
    lines.append("| --- " * 8 + "|")
    for split, row in figures.items():
        cells = [
            _format(row[name]) for name in ("nearest", "first", "said", "right when said", "exact when said", "wrong")
        ]
        lines.append(f"| {split} | {row['clips']} | {' | '.join(cells)} |")
    lines += ["", "| label in the pack | taken for |", "| --- | --- |"]
    for label, found in confusions.items():
        lines.append(f"| {label} | {', '.join(f'{phrase} {number}' for phrase, number in found.items())} |")
    return "\n".join(lines)


def _format(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.2f}".lstrip("0") or "0"
    return f"{value[0]:.2f} ({value[1]:.2f} to {value[2]:.2f})".replace("0.", ".")  # type: ignore[index]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.inversion.recognition", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--base", type=Path, help="a base (default: the embedded one)")
    parser.add_argument("--fit", action="store_true", help="print constants that fit split val")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "runs" / "recognition.json")
    args = parser.parse_args(arguments)
    try:
        base = Lead.load(args.base)
        if args.fit:
            print(fit(look(base, "val"), base))
            return 0
        clips = {split: look(base, split) for split in SPLITS}
    except LeadError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    figures = {split: count(found, base) for split, found in clips.items()}
    confusions = list_confusions(clips["test"] + clips["newaction"], base)
    write_json(args.out, {"figures": figures, "confusions": confusions})
    print(format_markdown(figures, confusions))
    return 0


if __name__ == "__main__":
    sys.exit(main())
