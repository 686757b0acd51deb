"""The judge: it says in which style a person in a clip moves, and with which content. For benchmarks only.

    python -m benchmarks.judges.networks   # trains it if runs/judges.pt is absent; prints its accuracy on real clips

It learns from clips that no concept is learned from: the pack's Bandai clips of the train split, and two thirds of
newstyle_eval and of compositional. (A judge that never saw a pair of style and content misjudges real clips of that
pair: it recognized .63 of compositional's contents.) The last third of each of those cells, newstyle_exemplar and test
measure its accuracy on real clips, which stands beside every figure. The last third is cut off, not drawn, because
consecutive takes are near-duplicates. The judge reads root velocity and joint positions (slice 0:67 of the features).
Its training clips are warped in time, smoothed, shaken, cut and mirrored, so that a decoder's slight blur does not
decide.

Half of the clips that teach contents have procedural styles (`lead.motion.processing.style_augment`), which do not
count for the style. Without them the judge recognized a content by the posture of its actors: it was right on .68 of
varied test clips (with them .96; on plain ones .997 both ways). It still took raised hands for waves when no actor had
held that posture. So three more networks learn contents alone, from clips with further changes of posture and timing
(`change_posture`, `warp_unevenly`). They err the other way and take waves for raises. The probabilities of all networks
are averaged. The few-shot styles are left out: eleven clips do not train a class, and three of these styles repeat a
trained style under another name.
"""

import argparse
import itertools
import os
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.pack import REPOSITORY, Row, pack_rows, read_joints
from lead import Motion
from lead.errors import LeadError
from lead.motion.features import joints_to_features
from lead.motion.processing.style_augment import apply_style, draw_style
from lead.motion.skeleton import MIRROR

STYLES = ("active", "elderly", "exhausted", "feminine", "masculine", "normal", "youthful")
CONTENTS = (
    "raise-up-both-hands", "raise-up-left-hand", "raise-up-right-hand", "run", "walk", "walk-turn-left",
    "walk-turn-right", "wave-both-hands", "wave-left-hand", "wave-right-hand",
)  # fmt: skip
CACHE = REPOSITORY / "runs" / "judges.pt"
LONGEST = 400  # frames of an unevenly warped clip
FEATS = 67  # yaw velocity, root velocity, root height, 21 joints
OTHER_SIDE = {"left": "right", "right": "left"}
MIRRORED_CONTENT = [
    CONTENTS.index("-".join(OTHER_SIDE.get(part, part) for part in name.split("-"))) for name in CONTENTS
]


@dataclass(frozen=True)
class Verdict:
    """The judge's answer for each clip: indices into STYLES and CONTENTS."""

    styles: np.ndarray
    contents: np.ndarray

    def style_rate(self, style: str) -> float:
        """The share of clips judged to be in this style."""
        return float((self.styles == STYLES.index(style)).mean())

    def content_rate(self, content: str) -> float:
        """The share of clips judged to show this content."""
        return float((self.contents == CONTENTS.index(content)).mean())

    def both_rate(self, style: str, content: str) -> float:
        """The share of clips judged to be right in style and in content."""
        right = (self.styles == STYLES.index(style)) & (self.contents == CONTENTS.index(content))
        return float(right.mean())


class Network(nn.Module):
    """One network of the judge: strided convolutions over time, mean and maximum over frames, and two heads."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Tensor, std: Tensor, width: int = 160) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)
        sizes = (FEATS, width, width, width)
        self.convs = nn.ModuleList(
            nn.Conv1d(d_in, d_out, 5, stride=2, padding=2) for d_in, d_out in itertools.pairwise(sizes)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in self.convs)
        self.dropout = nn.Dropout(0.3)
        self.style = nn.Linear(2 * width, len(STYLES))
        self.content = nn.Linear(2 * width, len(CONTENTS))

    def forward(self, x: Float[Tensor, "batch frames 67"], lengths: Tensor) -> tuple[Tensor, Tensor]:
        mask = torch.arange(x.shape[1], device=x.device) < lengths[:, None]
        x = (x - self.mean) / self.std * mask[..., None]
        for conv, norm in zip(self.convs, self.norms, strict=True):
            mask = mask[:, ::2]
            x = functional.gelu(norm(conv(x.transpose(1, 2)).transpose(1, 2))) * mask[..., None]
        mean = x.sum(dim=1) / mask.sum(dim=1, keepdim=True)
        highest = x.masked_fill(~mask[..., None], -torch.inf).amax(dim=1)
        pooled = self.dropout(torch.cat([mean, highest], dim=1))
        return self.style(pooled), self.content(pooled)


class Judge(nn.Module):
    """Several networks trained from different seeds, their probabilities averaged.

    On real clips the networks agree. Generated clips resemble no actor; there one network's verdict is partly chance.
    """

    def __init__(self, networks: Sequence[Network], content_networks: Sequence[Network] = ()) -> None:
        """`content_networks` judge contents alone."""
        super().__init__()
        self.networks = nn.ModuleList(networks)
        self.content_networks = nn.ModuleList(content_networks)
        self.eval()

    def judge(self, clips: Sequence[Float[np.ndarray, "frames feats"]], batch: int = 128) -> Verdict:
        """The verdict on clips of 263 features, or on their first 67."""
        styles, contents = self.probabilities(clips, batch)
        return Verdict(styles.argmax(axis=1), contents.argmax(axis=1))

    @torch.no_grad()
    def probabilities(
        self, clips: Sequence[Float[np.ndarray, "frames feats"]], batch: int = 128
    ) -> tuple[Float[np.ndarray, "clips styles"], Float[np.ndarray, "clips contents"]]:
        """Probabilities of STYLES and of CONTENTS: the mean over the networks."""
        styles, contents = [], []
        for start in range(0, len(clips), batch):
            padded = _pad([clip[:, :FEATS] for clip in clips[start : start + batch]])
            both = [network(*padded) for network in (*self.networks, *self.content_networks)]
            known = both[: len(self.networks)]
            styles.append(torch.stack([style.softmax(dim=1) for style, _ in known]).mean(dim=0).numpy())
            contents.append(torch.stack([content.softmax(dim=1) for _, content in both]).mean(dim=0).numpy())
        return np.concatenate(styles), np.concatenate(contents)

    def judge_motions(self, motions: Sequence[Motion]) -> Verdict:
        """The verdict on motions of any rate."""
        return self.judge([motion.features() for motion in motions])


def _pad(clips: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
    lengths = torch.tensor([len(clip) for clip in clips])
    padded = torch.zeros(len(clips), int(lengths.max()), FEATS)
    for row, clip in zip(padded, clips, strict=True):
        row[: len(clip)] = torch.as_tensor(clip)
    return padded, lengths


def clip_features(rows: Sequence[Row]) -> list[Float[np.ndarray, "frames 263"]]:
    """The features of the pack's clips, of any length."""
    return [joints_to_features(read_joints(row["id"])) for row in rows]


def select_known(rows: Sequence[Row]) -> list[Row]:
    """The rows whose style and content are classes of the judge."""
    return [row for row in rows if row["style"] in STYLES and row["content"] in CONTENTS]


def split_rows(split: str) -> tuple[list[Row], list[Row]]:
    """Splits a split's clips: those that the judge learns from, and each cell's last third, unseen by it."""
    cells: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in sorted(select_known(pack_rows(split)), key=lambda row: row["id"]):
        cells[row["style"], row["content"]].append(row)
    training = [row for cell in cells.values() for row in cell[: len(cell) * 2 // 3]]
    unseen = [row for cell in cells.values() for row in cell[len(cell) * 2 // 3 :]]
    return training, unseen


def real_clips() -> dict[str, list[Row]]:
    """Real clips that the judge does not learn from, by the name of the set in reports."""
    return {
        "test": select_known(pack_rows("test", source="bandai")),
        "newstyle_eval, last third": split_rows("newstyle_eval")[1],
        "compositional, last third": split_rows("compositional")[1],
        "newstyle_exemplar": select_known(pack_rows("newstyle_exemplar")),
    }


def augment(x: Float[np.ndarray, "frames 67"], rng: np.random.Generator) -> Float[np.ndarray, "frames 67"]:
    """A cut, warped, smoothed and shaken copy."""
    keep = min(len(x), max(24, int(len(x) * rng.uniform(0.5, 1.0))))
    start = rng.integers(0, len(x) - keep + 1)
    x = x[start : start + keep]

    speed = rng.uniform(0.88, 1.14)
    x = interpolate(x, np.arange(0.0, len(x) - 1.0, speed))
    x[:, :3] *= speed

    sigma = rng.uniform(0.0, 1.5)
    if sigma > 0.3:
        taps = np.exp(-0.5 * (np.arange(-4, 5) / sigma) ** 2)
        taps /= taps.sum()
        padded = np.pad(x, ((4, 4), (0, 0)), mode="edge")
        x = sum(tap * padded[i : i + len(x)] for i, tap in enumerate(taps))

    knots = rng.normal(size=(len(x) // int(rng.integers(2, 12)) + 2, FEATS - 3))
    shake = interpolate(knots, np.linspace(0.0, len(knots) - 1.001, len(x)))
    x[:, 3:] += shake * rng.uniform(0.0, 0.03) + rng.normal(size=FEATS - 3) * 0.01  # meters
    x[:, [3, *range(5, FEATS, 3)]] += rng.normal() * 0.02  # the floor
    x[:, 1:3] += rng.normal(size=(len(x), 2)) * rng.uniform(0.0, 0.01)
    x[:, :1] += rng.normal(size=(len(x), 1)) * rng.uniform(0.0, 0.01)
    return x.astype(np.float32)


def warp_unevenly(x: Float[np.ndarray, "frames 67"], rng: np.random.Generator) -> Float[np.ndarray, "frames2 67"]:
    """A copy whose speed varies; half of the copies also pause for a while."""
    knots = np.exp(rng.normal(size=len(x) // 12 + 2) * rng.uniform(0.0, 0.5))
    speed = interpolate(knots[:, None], np.linspace(0.0, len(knots) - 1.001, len(x)))[:, 0]
    pause, remaining = rng.integers(len(x)), rng.integers(6, 45) * (rng.random() < 0.5)
    at, times, speeds = 0.0, list[float](), list[float]()
    while at < len(x) - 1.001 and len(times) < LONGEST:
        slow = at >= pause and remaining > 0
        remaining -= slow
        times.append(at)
        speeds.append(0.03 if slow else speed[int(at)])
        at += speeds[-1]
    out = interpolate(x, np.array(times))
    out[:, :3] *= np.array(speeds)[:, None]
    return out


def change_posture(
    x: Float[np.ndarray, "frames 67"],
    means: Float[np.ndarray, "clips 64"],
    content: np.ndarray,
    rng: np.random.Generator,
) -> Float[np.ndarray, "frames 67"]:
    """A copy shifted by the difference of the mean postures of two clips of one random content."""
    one, other = rng.choice(np.flatnonzero(content == rng.integers(len(CONTENTS))), 2)
    out = x.copy()
    out[:, 3:] += (means[one] - means[other]) * rng.uniform(0.0, 1.3)
    return out


def interpolate(x: Float[np.ndarray, "frames n"], at: Float[np.ndarray, " times"]) -> Float[np.ndarray, "times n"]:
    """Linear interpolation at times in frames, each below the last frame."""
    below = at.astype(int)
    part = (at - below)[:, None]
    return x[below] * (1 - part) + x[below + 1] * part


def mirror(x: Float[np.ndarray, "frames 67"]) -> Float[np.ndarray, "frames 67"]:
    """The mirrored clip: left and right are exchanged, x and turns change sign."""
    out = x.copy()
    out[:, :2] *= -1
    joints = x[:, 4:].reshape(len(x), 21, 3)[:, np.array(MIRROR[1:]) - 1]
    out[:, 4:] = (joints * np.array([-1.0, 1.0, 1.0])).reshape(len(x), 63)
    return out


def vary_features(rows: Sequence[Row], rng: np.random.Generator) -> list[Float[np.ndarray, "frames 67"]]:
    """The clips in random procedural styles: other posture and tempo, the same content."""
    varied = [apply_style(read_joints(row["id"]), draw_style(rng), seed=int(rng.integers(1 << 31))) for row in rows]
    return [joints_to_features(joints)[:, :FEATS] for joints in varied]


def train_judge(networks: int = 5, content_networks: int = 3, steps: int = 700) -> Judge:
    """Trains on the train split's Bandai clips and the first parts of `split_rows`."""
    rng = np.random.default_rng(0)
    rows = (
        select_known(pack_rows("train", source="bandai"))
        + split_rows("newstyle_eval")[0]
        + split_rows("compositional")[0]
    )
    plain = [clip[:, :FEATS] for clip in clip_features(rows)]
    varied = [vary_features(rows, rng) for _ in range(2)]
    style = np.array([STYLES.index(row["style"]) for row in rows])
    content = np.array([CONTENTS.index(row["content"]) for row in rows])
    both, alone = (
        [train_network(plain, varied, style, content, steps, seed, contents_alone) for seed in range(count)]
        for count, contents_alone in ((networks, False), (content_networks, True))
    )
    return Judge(both, alone)


def train_network(
    plain: Sequence[np.ndarray],
    varied: Sequence[Sequence[np.ndarray]],
    style: np.ndarray,
    content: np.ndarray,
    steps: int,
    seed: int,
    contents_alone: bool = False,
    batch: int = 96,
    lr: float = 1e-3,
) -> Network:
    """Trains one network. Cells have equal weights. Half of a batch are varied clips, which teach content alone.

    With `contents_alone` no clip teaches a style; 70 % of the clips change posture, and 70 % are warped unevenly.
    """
    torch.manual_seed(seed)
    rng, half = np.random.default_rng(seed), batch // 2
    _, cell, counts = np.unique(style * len(CONTENTS) + content, return_inverse=True, return_counts=True)
    weight = counts[cell] ** -0.5
    weight /= weight.sum()
    every, means = np.concatenate(plain), np.stack([clip[:, 3:].mean(axis=0) for clip in plain])
    network = Network(torch.tensor(every.mean(axis=0)), torch.tensor(every.std(axis=0) + 1e-3))
    optimizer = torch.optim.AdamW(network.parameters(), lr=lr, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps)
    for _ in track(range(steps), description=f"judge, network {seed + 1}", transient=True):
        chosen = rng.choice(len(plain), batch, p=weight)
        flip = rng.random(batch) < 0.5
        sources = [plain if place < half else varied[int(rng.integers(len(varied)))] for place in range(batch)]
        picked = [source[i] for source, i in zip(sources, chosen, strict=True)]
        if contents_alone:
            picked = [change_posture(clip, means, content, rng) if rng.random() < 0.7 else clip for clip in picked]
            picked = [warp_unevenly(clip, rng) if rng.random() < 0.7 else clip for clip in picked]
        picked = [mirror(clip) if flipped else clip for clip, flipped in zip(picked, flip, strict=True)]
        by_style, by_content = network(*_pad([augment(clip, rng) for clip in picked]))
        contents = np.where(flip, np.array(MIRRORED_CONTENT)[content[chosen]], content[chosen])
        loss = functional.cross_entropy(by_content, torch.tensor(contents), label_smoothing=0.05)
        if not contents_alone:
            known = torch.tensor(style[chosen[:half]])
            loss = loss + functional.cross_entropy(by_style[:half], known, label_smoothing=0.05)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return network.eval()


def load_judge(path: Path = CACHE) -> Judge:
    """Loads the judge from its cache. If the cache is absent, trains the judge first (minutes)."""
    if not path.is_file():
        judge = train_judge()
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.partial")
        torch.save([[one.state_dict() for one in kind] for kind in (judge.networks, judge.content_networks)], partial)
        os.replace(partial, path)
    return Judge(*([_restore_network(state) for state in kind] for kind in torch.load(path, weights_only=True)))


def _restore_network(state: dict[str, Tensor]) -> Network:
    network = Network(state["mean"], state["std"])
    network.load_state_dict(state)
    return network


def accuracy(judge: Judge, rows: Sequence[Row], clips: Sequence[np.ndarray] | None = None) -> tuple[float, float]:
    """How often the judge recognizes the rows' style and content, in the rows' clips or in `clips` made from them."""
    verdict = judge.judge(clip_features(rows) if clips is None else clips)
    style = np.array([STYLES.index(row["style"]) for row in rows])
    content = np.array([CONTENTS.index(row["content"]) for row in rows])
    return float((verdict.styles == style).mean()), float((verdict.contents == content).mean())


def real_accuracy(judge: Judge) -> dict[str, dict[str, float]]:
    """The judge's accuracy on unseen real clips, plain and (content alone) in procedural styles."""
    result = {}
    for name, rows in real_clips().items():
        style, content = accuracy(judge, rows)
        _, varied = accuracy(judge, rows, vary_features(rows, np.random.default_rng(1)))
        result[name] = {"clips": len(rows), "style": style, "content": content, "content, varied": varied}
    return result


def accuracy_table(figures: dict[str, dict[str, float]]) -> Table:
    """`real_accuracy` as a table."""
    shares = ("style", "content", "content, varied")
    table = Table("real clips that the judge never saw", "clips", *shares, title="Judge")
    for name, row in figures.items():
        table.add_row(name, str(row["clips"]), *(f"{row[share]:.3f}" for share in shares))
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    """Trains the judge if its cache is absent, and prints its accuracy."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.judges.networks", description=main.__doc__)
    parser.add_argument("--cache", type=Path, default=CACHE, help="the judge's file")
    path = parser.parse_args(arguments).cache
    try:
        Console().print(accuracy_table(real_accuracy(load_judge(path))))
    except LeadError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
