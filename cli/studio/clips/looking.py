"""What can be said of the clips of a page: `check`'s findings on each, and what `learn --dry-run` says of all.

Runs in the worker; knows no pages.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cli.errors import UsageError
from cli.studio.worker import Job
from concepts.kinds import Kind
from lead.eval.clip_quality import Check, check_clip

if TYPE_CHECKING:
    from inversion.assess import AssessedClip
    from inversion.encoded_clips import EncodedClips
    from lead import Lead, Motion

MOST_SECONDS = 3600.0
"""Of all clips together."""


@dataclass(frozen=True, eq=False)
class Part:
    """What is learned of a clip."""

    name: str
    motion: "Motion"
    caption: str = ""
    """Empty: what it is taken for."""


@dataclass(frozen=True, eq=False)
class Row:
    """What is said of a clip."""

    check: Check
    taken: "AssessedClip | None" = None
    """None for a red clip."""
    draft: str = ""
    """What it is taken for, as a caption; empty where that is not sure."""

    @property
    def problem(self) -> str:
        """Why nothing can be learned from it; empty where something can."""
        if self.check.verdict == "red":
            return self.check.reasons[0]
        return self.taken.unusable if self.taken else ""

    @property
    def verdict(self) -> str:
        """`check`'s color, worse where the base has problems with the clip."""
        if self.problem:
            return "red"
        return "amber" if self.taken and self.taken.problems else self.check.verdict

    @property
    def findings(self) -> tuple[str, ...]:
        """What is wrong with it, in sentences."""
        of_base = (self.taken.unusable, *self.taken.problems) if self.taken else ()
        return tuple(dict.fromkeys(filter(None, (*self.check.reasons, *of_base))))


@dataclass(frozen=True, eq=False)
class Looked:
    """What is said of all clips, and the usable ones as they are learned from."""

    rows: tuple[Row, ...]
    """In the order of the clips."""
    encoded: "EncodedClips | None"
    """None where no clip is usable."""
    hints: tuple[str, ...] = ()
    """Sentences to read before learning."""
    uncaptioned: tuple[str, ...] = ()
    """Clips without a caption where others have one."""

    def check_usable(self) -> "EncodedClips":
        """The clips to learn from; UsageError where there are none, or captions are missing."""
        if self.encoded is None:
            raise UsageError("no clip can be used: the list says why.")
        if self.uncaptioned:
            raise UsageError(
                f"say what {', '.join(self.uncaptioned[:3])} shows: other clips have a caption, and this one is not "
                "recognized. Caption every clip that is not recognized, or none."
            )
        return self.encoded


def look(base: "Lead", parts: Sequence[Part], kind: Kind, job: Job) -> Looked:
    """What is said of clips."""
    from inversion.assess import assess, name_action
    from inversion.encoded_clips import encode_clips
    from inversion.templates import action_to_caption

    if (total := sum(part.motion.seconds for part in parts)) > MOST_SECONDS:
        raise UsageError(
            f"the clips have {total / 60:.0f} minutes; at most {MOST_SECONDS / 60:.0f} are learned from. Trim them, or "
            "remove some: a word is learned from 1 to 30 clips of some seconds."
        )
    checks = []
    for done, part in enumerate(parts, 1):
        checks.append(check_clip(part.motion))
        job(done, len(parts) + 1)
    rows = [Row(check) for check in checks]
    good = [place for place, row in enumerate(rows) if not row.problem]
    if not good:
        return Looked(tuple(rows), None)
    encoded = encode_clips(base, [parts[place].motion for place in good], keep_short=True)
    job.check()
    named = {row: name_action(encoded, row) for row in dict.fromkeys(encoded.owners)}
    guesses = [action_to_caption(named[row].action) if row in named else "" for row in range(len(good))]
    drafts = [guess if row in named and named[row].known else "" for row, guess in enumerate(guesses)]
    stated = [parts[place].caption for place in good]
    is_captioned = any(stated)
    if is_captioned:
        encoded = encoded.with_captions([text or guess for text, guess in zip(stated, guesses, strict=True)])
    assessment = assess(base, encoded, kind)
    usable = [row for row, clip in enumerate(assessment.clips) if not clip.unusable]
    for row, clip in enumerate(assessment.clips):
        rows[good[row]] = Row(checks[good[row]], _keep_recognized(clip, named.get(row)), drafts[row])
    return Looked(
        tuple(rows),
        encoded.select(usable) if usable else None,
        assessment.hints,
        tuple(parts[good[row]].name for row in usable if is_captioned and not (stated[row] or drafts[row])),
    )


def _keep_recognized(clip: "AssessedClip", recognized: "AssessedClip | None") -> "AssessedClip":
    """A clip's row with what it is taken for, where a caption took its place."""
    if recognized is None:
        return clip
    names = ("action", "known", "confidence", "supported", "alternatives", "also")
    return replace(clip, **{name: getattr(recognized, name) for name in names})
