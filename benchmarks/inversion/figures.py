"""The figures of one cell of the inversion benchmark: its motions, compared with real clips of the concept.

    wS, wC, wB  share of motions of the exemplars' own content with a recognized concept, content, both
    eS, eC, eB  the same on other contents; for an action, S is the action itself and C the style that a variant adds
    sB, uB      and so on: other contents that mixed exemplars show, and that they do not show
    wL, eL, eLB style and, on other contents, both, where `benchmarks.judges.linear` recognizes the style
    fid, kid    distance to real clips of the concept, own content; `fid other`: on other contents of the same mix
    diversity   mean distance of two motions of the own content, and of two real clips
    nearest     mean distance to the nearest exemplar, and that of a real clip: a much smaller distance means copying
    skate, jitter as in `lead.eval.metrics`

fid, kid, diversity and nearest use the motion embeddings of the embedded evaluator. For fid and kid all clips are cut
into windows of 4 s, because there are few real clips. fid is biased upward for small sets; kid is not. This module
knows nothing of models.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from benchmarks.inversion.concepts import WALK, Request, Subject, list_judge_clips
from benchmarks.judges import actions as action_judge
from benchmarks.judges import fewshot as fewshot_judge
from benchmarks.judges import linear as linear_judge
from benchmarks.judges import networks as judge
from benchmarks.judges.actions import ActionJudge, train_action_judge
from benchmarks.judges.fewshot import FewshotJudge, measure_without_content, train_fewshot_judge
from benchmarks.judges.linear import LinearJudge, train_linear_judge
from benchmarks.judges.networks import Judge, clip_features, load_judge
from benchmarks.pack import Row
from lead import Motion
from lead.eval.evaluator import Evaluator
from lead.eval.metrics import foot_skate_ratio, frechet_distance, jitter, pairwise_distances

WINDOW, STRIDE = 80, 40  # frames
FEWEST = 8  # with fewer real clips, other contents are not compared

Figures = dict[str, Any]
Features = Float[np.ndarray, "frames feats"]


@dataclass(frozen=True)
class Judges:
    """The judges. Each is trained or loaded when it is first needed."""

    @cached_property
    def networks(self) -> Judge:
        return load_judge()

    @cached_property
    def fewshot(self) -> FewshotJudge:
        return train_fewshot_judge()

    @cached_property
    def action(self) -> ActionJudge:
        return train_action_judge()

    @cached_property
    def linear(self) -> LinearJudge:
        return train_linear_judge()

    def find_concept(self, subject: Subject, clips: Sequence[Features]) -> Bool[np.ndarray, " clips"]:
        """Whether each clip shows the concept."""
        if subject.group == "action":
            return self.action.classify(clips) == subject.label
        if subject.group == "fewshot":
            return self.fewshot.classify(clips) == subject.label
        return self.networks.judge(clips).styles == judge.STYLES.index(subject.label)

    def find_expected(
        self, subject: Subject, clips: Sequence[Features], wanted: Sequence[str | None]
    ) -> Float[np.ndarray, " clips"]:
        """1 if the wanted content (for an action: style) is recognized, 0 if not, NaN if none was wanted."""
        if subject.group == "fewshot" and set(wanted) == {WALK}:
            return self.fewshot.find_walks(clips).astype(float)
        verdict = self.networks.judge(clips)
        names = judge.STYLES if subject.kind == "action" else judge.CONTENTS
        found = verdict.styles if subject.kind == "action" else verdict.contents
        pairs = zip(found, wanted, strict=True)
        return np.array([np.nan if want is None else float(names[index] == want) for index, want in pairs])


def measure_shares(
    judges: Judges, subject: Subject, prefix: str, clips: Sequence[Features], wanted: Sequence[str | None]
) -> Figures:
    """`wS`, `wC`, `wB` (or e...). C and B are over the clips with a wanted content or style."""
    seen, right = judges.find_concept(subject, clips).astype(float), judges.find_expected(subject, clips, wanted)
    second = {}
    if subject.group in ("new", "control", "amount"):
        linear = (judges.linear.classify(clips) == subject.label).astype(float)
        second = {f"{prefix}L": float(linear.mean()), f"{prefix}LB": _mean(linear * right)}
    return second | {
        f"{prefix}S": float(seen.mean()),
        f"{prefix}C": _mean(right),
        f"{prefix}B": _mean(seen * right),
    }


def measure_prompts(
    judges: Judges, subject: Subject, clips: Sequence[Features], requests: Sequence[Request]
) -> Figures:
    """The three shares for each other prompt, such as an action done slowly, or a run in a style."""
    rows = {}
    for prompt in dict.fromkeys(request.prompt for request in requests):
        index = [i for i, request in enumerate(requests) if request.prompt == prompt]
        part = measure_shares(judges, subject, "", [clips[i] for i in index], [requests[i].expected for i in index])
        rows[prompt] = part
    return rows


def _mean(values: Float[np.ndarray, " clips"]) -> float | None:
    real = values[~np.isnan(values)]
    return float(real.mean()) if len(real) else None


class Ruler:
    """Judges and evaluator. Features of the pack's clips are computed once and stored."""

    def __init__(self, evaluator: Evaluator) -> None:
        self.evaluator = evaluator
        self.judges = Judges()
        self._features: dict[str, Features] = {}

    @cached_property
    def digest(self) -> str:
        """Digest of the networks that judge and embed."""
        digest = hashlib.sha256()
        for network in (self.judges.networks, self.evaluator):
            for tensor in network.state_dict().values():
                digest.update(tensor.cpu().numpy().tobytes())
        return digest.hexdigest()

    def load_features(self, rows: Sequence[Row]) -> list[Features]:
        """Features of the pack's clips; each is computed once."""
        missing = [row for row in rows if row["id"] not in self._features]
        self._features |= dict(zip([row["id"] for row in missing], clip_features(missing), strict=True))
        return [self._features[row["id"]] for row in rows]

    def measure_motions(
        self,
        subject: Subject,
        exemplars: Sequence[Row],
        own: Sequence[Motion],
        others: Sequence[Motion],
        requests: Sequence[Request],
    ) -> Figures:
        """All figures of motions that were generated for `subject.own` and for `requests`."""
        clips, more = [motion.features() for motion in own], [motion.features() for motion in others]
        return {
            **measure_shares(self.judges, subject, "w", clips, [subject.own.expected] * len(clips)),
            **measure_shares(self.judges, subject, "e", more, [request.expected for request in requests]),
            **(self._measure_shown(subject, exemplars, more, requests) if subject.mixed else {}),
            "by prompt": measure_prompts(self.judges, subject, more, requests),
            **self._measure_distances(subject, exemplars, clips, more, requests),
            **smoothness([*own, *others]),
        }

    def measure_real_clips(self, subject: Subject, exemplars: Sequence[Row]) -> Figures:
        """The same figures of real clips: the judges on clips unseen by them, distances of clips that are no exemplars.

        fid and kid compare the exemplars with the other real clips. They are absent if all real clips are exemplars.
        """
        unseen = [row for row in subject.real_others if row["id"] not in list_judge_clips()]
        figures = measure_shares(
            self.judges, subject, "w", self.load_features(subject.pool), [subject.own.expected] * len(subject.pool)
        )
        if unseen:
            right = [row["content"] for row in unseen]
            figures |= measure_shares(self.judges, subject, "e", self.load_features(unseen), right)
        elif subject.group == "fewshot":
            figures["eS"] = measure_without_content(self.judges.fewshot, subject.label)
        rest = subject.real_own(exemplars)
        whole = self._embed_clips(subject, self.load_features(rest))
        figures["diversity"] = spread(whole)
        if rest != list(exemplars):
            given, real = (self._embed_windows(self.load_features(rows)) for rows in (exemplars, rest))
            figures |= {"fid": frechet_distance(given, real), "kid": kernel_distance(given, real)}
            figures["nearest"] = nearest(whole, self._embed_clips(subject, self.load_features(exemplars)))
        else:
            figures["nearest"] = figures["diversity"]  # the distance between the two walks
        motions = [Motion.from_features(clip) for clip in self.load_features([*rest, *subject.real_others])]
        return figures | smoothness(motions)

    def _measure_shown(
        self, subject: Subject, exemplars: Sequence[Row], clips: Sequence[Features], requests: Sequence[Request]
    ) -> Figures:
        """The shares of other contents that the exemplars show (`s`) and that they do not show (`u`)."""
        shown, figures = {row["content"] for row in exemplars}, {}
        for prefix, among in (("s", True), ("u", False)):
            rows = [row for row, request in enumerate(requests) if (request.expected in shown) == among]
            if rows:
                expected = [requests[row].expected for row in rows]
                figures |= measure_shares(self.judges, subject, prefix, [clips[row] for row in rows], expected)
        return figures

    def _measure_distances(
        self,
        subject: Subject,
        exemplars: Sequence[Row],
        clips: Sequence[Features],
        more: Sequence[Features],
        requests: Sequence[Request],
    ) -> Figures:
        generated, real = (
            self._embed_windows(clips),
            self._embed_windows(self.load_features(subject.real_own(exemplars))),
        )
        figures = {"fid": frechet_distance(generated, real), "kid": kernel_distance(generated, real)}
        contents = {row["content"] for row in subject.real_others}
        if len(subject.real_others) >= FEWEST:
            same = [clip for clip, request in zip(more, requests, strict=True) if request.expected in contents]
            real = self._embed_windows(self.load_features(subject.real_others))
            figures["fid other"] = frechet_distance(self._embed_windows(same), real)
        whole = self._embed_clips(subject, clips)
        figures["diversity"] = spread(whole)
        figures["nearest"] = nearest(whole, self._embed_clips(subject, self.load_features(exemplars)))
        return figures

    def _embed_windows(self, clips: Sequence[Features]) -> Float[np.ndarray, "windows d"]:
        return self.evaluator.embed_motions([part for clip in clips for part in cut_windows(clip)])

    def _embed_clips(self, subject: Subject, clips: Sequence[Features]) -> Float[np.ndarray, "clips d"]:
        """Embeddings of clips that are cut to the generated length."""
        frames = round(subject.own.seconds * 20)
        return self.evaluator.embed_motions([clip[:frames] for clip in clips])


def cut_windows(clip: Features) -> list[Features]:
    """Pieces of WINDOW frames that overlap by half. A shorter clip is one piece."""
    starts = range(0, max(len(clip) - WINDOW, 0) + 1, STRIDE)
    return [clip[start : start + WINDOW] for start in starts]


def spread(embeddings: Float[np.ndarray, "clips d"]) -> float:
    """The mean distance over all pairs."""
    distances = pairwise_distances(embeddings, embeddings)
    return float(distances[np.triu_indices(len(embeddings), 1)].mean()) if len(embeddings) > 1 else 0.0


def nearest(embeddings: Float[np.ndarray, "clips d"], exemplars: Float[np.ndarray, "n d"]) -> float:
    """The mean distance to the nearest of `exemplars`."""
    return float(pairwise_distances(embeddings, exemplars).min(axis=1).mean())


def kernel_distance(a: Float[np.ndarray, "m d"], b: Float[np.ndarray, "n d"]) -> float:
    """KID: the unbiased squared maximum mean discrepancy under (x y / d + 1)^3.

    Source: Binkowski et al., *Demystifying MMD GANs*, ICLR 2018, section 4. It can be below 0.
    """
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)

    def kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return (x @ y.T / x.shape[1] + 1.0) ** 3

    def within(x: np.ndarray) -> float:
        k = kernel(x, x)
        return (k.sum() - np.trace(k)) / (len(x) * (len(x) - 1)) if len(x) > 1 else float("nan")

    return float(within(a) + within(b) - 2.0 * kernel(a, b).mean())


def smoothness(motions: Sequence[Motion]) -> Figures:
    """Mean foot skate and mean jitter of motions."""
    return {
        "skate": float(np.mean([foot_skate_ratio(motion.joints, motion.fps) for motion in motions])),
        "jitter": float(np.mean([jitter(motion.joints, motion.fps) for motion in motions])),
    }


def measure_judges(judges: Judges) -> dict[str, dict[str, dict[str, float]]]:
    """The accuracy of every judge on real clips that it did not learn from."""
    return {
        "new styles, control, all contents": judge.real_accuracy(judges.networks),
        "new styles, control, linear": linear_judge.real_accuracy(judges.linear),
        "few-shot styles": fewshot_judge.real_accuracy(judges.fewshot),
        "actions": action_judge.real_accuracy(judges.action),
    }
