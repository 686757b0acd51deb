"""How a timeline becomes latents: windows of the base's own length, which agree on each step of the sampler.

The latents of a timeline are one long sequence z_t. At each step of the sampler the denoiser sees *windows* of it, and
each latent's prediction is the weighted mean of those of its windows (MultiDiffusion, Bar-Tal et al., arXiv
2302.08113; for motion STMC, Petrovich et al., arXiv 2401.08559):

- *Segment windows* hold the latents of a segment under its prompt. A latent on a border is shared by the frames that
  each segment has of it. A segment that is longer than the base's clips is several windows of the same prompt, which
  overlap by OVERLAP latents.
- *Transition windows* hold the latents around a border, without a prompt: what leads from one posture to another is
  what motion in general does between them (DoubleTake's soft blending: PriorMDM, Shafir et al., arXiv 2303.01418). At
  d seconds from the border their weight is smoothstep(1 - d / transition), one half at half a transition; the segments
  have the rest.

The decoder sees windows too. Its features are cross-faded, so memory does not grow with a timeline but by its latents
and features. The features hold the root's velocities, so place and heading go on across borders by themselves.
Here a latent stands for `per` frames, `most` is the number of frames of the longest window. Knows nothing of networks,
text and concepts.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, pairwise

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from lead.control.timeline import Timeline
from lead.data.dataset import MIN_FRAMES, UNIT
from lead.diffusion import Network
from lead.errors import LeadError
from lead.motion.motion_like import TimeMark

OVERLAP = 3
"""Latents that windows of one prompt share."""
SEEN = 2
"""Latents on each side of a border that its transition sees at least."""
DECODED_OVERLAP = 2
"""Latents that windows of the decoder share."""


@dataclass(frozen=True, eq=False)
class Windows:
    """Stretches of a timeline's latents, which the denoiser sees side by side; padded to the longest."""

    latents: Int[Tensor, "windows most"]
    """Places in the timeline; 0 where there is padding."""
    weights: Float[Tensor, "windows most"]
    """The share in each latent's prediction; 0 where there is padding."""
    lengths: Int[Tensor, " windows"]
    """Frames."""
    shares: Float[Tensor, "windows segments"]
    """How much of each segment's concepts acts in a window."""
    guided: bool
    """Whether each window has the prompt of its segment; else none has a prompt."""

    def __len__(self) -> int:
        return len(self.lengths)


@dataclass(frozen=True, eq=False)
class Plan:
    """Where the segments of a timeline lie in its frames and latents, and the windows in which it is sampled."""

    borders: tuple[int, ...]
    """Frames at which the segments begin; last the number of frames."""
    shares: Float[Tensor, "latents segments"]
    """Of each latent's frames those that are a segment's."""
    segments: Windows
    transitions: Windows | None
    """None for a timeline of one segment, and where all transitions last 0 s."""
    per: int
    """Frames of a latent."""

    @property
    def frames(self) -> int:
        return self.borders[-1]

    @property
    def own_latents(self) -> Int[Tensor, " segments"]:
        """How many latents are most of all a segment's; they lie side by side."""
        return self.shares.argmax(dim=1).bincount(minlength=self.shares.shape[1])

    def split(self, batch: int, device: torch.device) -> Iterator[Windows]:
        """The windows on a device, at most `batch` at a time: those of the segments, then the transitions."""
        for windows in filter(None, (self.segments, self.transitions)):
            for start in range(0, len(windows), batch):
                part = slice(start, start + batch)
                most = -(-int(windows.lengths[part].max()) // self.per)
                latents, weights = (rows[part, :most].to(device) for rows in (windows.latents, windows.weights))
                lengths, shares = (rows[part].to(device) for rows in (windows.lengths, windows.shares))
                yield Windows(latents, weights, lengths, shares, windows.guided)

    def mark(self, prompts: Sequence[str], fps: float) -> tuple[TimeMark, ...]:
        """The segments as marks of a motion."""
        pairs = zip(prompts, pairwise(self.borders), strict=True)
        return tuple(TimeMark(start / fps, end / fps, prompt) for prompt, (start, end) in pairs)


def plan_timeline(timeline: Timeline, fps: float, per: int, most: int) -> Plan:
    """Borders rounded to UNIT frames, and the windows; LeadError for a segment that is too short for the base."""
    if 2 * per > most:
        raise LeadError("this base has one latent for a whole motion; a timeline needs one with latents in time")
    borders = [round(seconds * fps / UNIT) * UNIT for seconds in _sum_up(timeline)]
    for number, segment in enumerate(timeline.segments):
        if borders[number + 1] - borders[number] < MIN_FRAMES:
            shortest = f"{MIN_FRAMES / fps:g} s or more"
            raise LeadError(f"segment {number + 1}, {segment.prompt!r}: {segment.seconds:g} s; expected {shortest}")
    frames = borders[-1]
    starts = np.arange(0, frames, per)
    inside = [np.clip(np.minimum(starts + per, b) - np.maximum(starts, a), 0, per) for a, b in pairwise(borders)]
    shares = np.stack(inside, axis=1) / np.minimum(per, frames - starts)[:, None]
    seams = _weigh_transitions(borders, [seconds * fps for seconds in timeline.transitions], starts + per / 2)
    # Where transitions of short segments meet, they share a latent; what they leave is the segments'.
    seams = seams / np.maximum(seams.sum(axis=1, keepdims=True), 1.0)
    rest = shares * (1 - seams.sum(axis=1, keepdims=True))
    total = len(timeline.segments)
    rows = [
        (number, first, weights * rest[first : first + len(weights), number])
        for number in range(total)
        for first, weights in _cut(shares[:, number], per, frames, most)
    ]
    one_hot = np.eye(total)
    segments = _to_windows([(one_hot[n], first, weights) for n, first, weights in rows], shares, per, frames, True)
    between = []
    for number in np.flatnonzero(seams.any(axis=0)).tolist():
        column, border = seams[:, number], borders[number + 1] // per
        seen = np.union1d(np.flatnonzero(column), np.arange(max(border - SEEN, 0), min(border + SEEN, len(column))))
        between.append((one_hot[number : number + 2].mean(axis=0), int(seen[0]), column[seen[0] : seen[-1] + 1]))
    transitions = _to_windows(between, shares, per, frames, False) if between else None
    return Plan(tuple(borders), torch.from_numpy(shares).float(), segments, transitions, per)


def join_windows(
    parts: Sequence[tuple[Windows, Network]], steps: int, progress: Callable[[int, int], None] | None = None
) -> Network:
    """The network of a whole timeline [1, latents, d_latent], of the networks of its windows.

    Each latent's prediction is the sum over windows of weight times prediction; the weights of a latent sum to 1.
    `progress` gets the number of predictions so far, of `steps`.
    """
    done = count(1)

    def predict(z_t: Tensor, t: Tensor) -> Tensor:
        joined = torch.zeros_like(z_t[0])
        for windows, network in parts:
            output = network(z_t[0, windows.latents], t.expand(len(windows)))
            joined.index_add_(0, windows.latents.flatten(), (output * windows.weights[..., None]).flatten(0, 1))
        if progress:
            progress(next(done), steps)
        return joined[None]

    return predict


def decode_in_windows(
    decode: Callable[[Float[Tensor, "1 latents d_latent"], Int[Tensor, "1"]], Float[Tensor, "1 frames feats"]],
    z: Float[Tensor, "latents d_latent"],
    frames: int,
    per: int,
    most: int,
) -> Float[Tensor, "frames feats"]:
    """The features of latents of any number: of windows of at most `most` frames, cross-faded where they overlap.

    Gradients flow to the latents.
    """
    parts: list[Tensor] = []
    done = 0
    for first, last in _spread(0, len(z), frames, per, most, DECODED_OVERLAP):
        length = min(last * per, frames) - first * per
        part = decode(z[None, first:last], torch.tensor([length], device=z.device))[0, :length]
        if shared := done - first * per:
            fade = ((torch.arange(shared, device=z.device) + 0.5) / shared)[:, None]
            before = parts.pop()
            while len(before) < shared:  # more than two windows overlap
                before = torch.cat([parts.pop(), before])
            parts += [before[:-shared], torch.lerp(before[-shared:], part[:shared], fade)]
        parts.append(part[shared:])
        done = first * per + length
    return torch.cat(parts)


def _sum_up(timeline: Timeline) -> Float[np.ndarray, " borders"]:
    """Seconds at which the segments begin, and the timeline ends."""
    return np.cumsum([0.0, *(segment.seconds for segment in timeline.segments)])


def _weigh_transitions(
    borders: Sequence[int], transitions: Sequence[float], middles: Float[np.ndarray, " latents"]
) -> Float[np.ndarray, "latents borders"]:
    """smoothstep(1 - d / transition) of each latent, whose middle is d frames from a border between segments."""
    apart = np.abs(middles[:, None] - np.array(borders[1:-1], dtype=float))
    near = np.clip(1 - apart / np.maximum(np.array(transitions, dtype=float), 1e-9), 0.0, 1.0)
    smooth: np.ndarray = near * near * (3 - 2 * near)
    return smooth


def _cut(
    shares: Float[np.ndarray, " latents"], per: int, frames: int, most: int
) -> Iterator[tuple[int, Float[np.ndarray, " own"]]]:
    """The first latent and the weights of each window of a segment; a latent's sum to 1."""
    own = np.flatnonzero(shares)
    spans = list(_spread(int(own[0]), int(own[-1]) + 1, frames, per, most, OVERLAP))
    raw = np.zeros((len(spans), own[-1] + 1))
    for row, (first, last) in enumerate(spans):
        raw[row, first:last] = 1.0
        if row:
            shared = spans[row - 1][1] - first
            raw[row, first : first + shared] = (np.arange(shared) + 0.5) / shared
            raw[row - 1, first : first + shared] -= raw[row, first : first + shared]
    for (first, last), weights in zip(spans, raw, strict=True):
        yield first, weights[first:last]


def _spread(first: int, last: int, frames: int, per: int, most: int, overlap: int) -> Iterator[tuple[int, int]]:
    """Windows over these latents, as few and as even as can be, with about `overlap` latents or more in two of them."""
    if min(last * per, frames) - first * per <= most:
        yield first, last
        return
    size = most // per
    number = -(-(last - first - overlap) // (size - overlap))
    for start in np.linspace(first, last - size, max(number, 2)).round().astype(int).tolist():
        yield start, start + size


def _to_windows(
    rows: Sequence[tuple[np.ndarray, int, np.ndarray]], shares: np.ndarray, per: int, frames: int, guided: bool
) -> Windows:
    """Rows of a window's shares of the segments, its first latent and its weights."""
    most = max(len(weights) for _, _, weights in rows)
    latents, padded = np.zeros((len(rows), most), dtype=np.int64), np.zeros((len(rows), most))
    lengths = []
    for row, (_, first, weights) in enumerate(rows):
        last = first + len(weights)
        latents[row, : len(weights)], padded[row, : len(weights)] = np.arange(first, last), weights
        lengths.append(min(last * per, frames) - first * per)
    of = np.stack([share for share, _, _ in rows])
    tensors = (torch.from_numpy(latents), torch.from_numpy(padded).float(), torch.tensor(lengths))
    return Windows(*tensors, torch.from_numpy(of).float(), guided)
