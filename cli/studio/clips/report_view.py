"""A learned concept on the page: its report in words, and its motions beside the clips and beside plain ones."""

from html import escape
from typing import TYPE_CHECKING

from nicegui import ui

from cli.console import count_noun
from cli.credits import describe_license
from cli.studio.clips.learning import LearnRun
from cli.studio.plain_words import plain_hint
from cli.studio.view import MotionView

if TYPE_CHECKING:
    from lead import Motion

WIDTH, HEIGHT = 300, 90
"""Of the curve, in pixels."""


def list_views(run: LearnRun) -> "dict[str, list[tuple[Motion, str]]]":
    """What may be shown of a run, by name: up to four motions and their titles each."""
    clips = [(clip, f"clip {clip.name}") for clip in run.clips]
    if run.trials is None:
        own = (
            [(run.preview, f"{run.order.token} after {count_noun(run.preview_step, 'step')}")]
            if run.preview is not None
            else []
        )
        return {"clips and the word": [*clips[:1], *own]}
    trials = run.trials
    own = [(motion, trials.own.prompt.with_token) for motion in trials.own.concept[:2]]
    plain = [(trials.own.plain[0], f"without the word: {trials.own.prompt.plain}")]
    views = {"clips and the word": [*clips, *own], "with and without the word": [*own[:1], *plain]}
    for pairs in trials.unseen:
        with_it, without = pairs.concept[0], pairs.plain[0]
        views[pairs.prompt.name] = [
            *clips[:1],
            (with_it, pairs.prompt.with_token),
            (without, f"without the word: {pairs.prompt.plain}"),
        ]
    return views


def show_motions(view: MotionView, shown: "list[tuple[Motion, str]]") -> None:
    """Play motions side by side."""
    view.show([motion for motion, _ in shown], [title for _, title in shown], overlaid=False)


def list_sentences(run: LearnRun) -> list[str]:
    """The report, and what else there is to say of the concept."""
    learned = run.learned
    if learned is None:
        return []
    report, concept = learned.report, learned.concept
    steps = "" if concept.steps == learned.steps_asked else f" of {learned.steps_asked}"
    took = f"{concept.steps}{steps} steps in {learned.seconds:.1f} s; it is in the library."
    sentences = [f"{concept.token} is learned: {took}", *(report.sentences if report else ())]
    return [*sentences, describe_license(concept), *run.notes]


def draw_curve(losses: list[float], total: int) -> str:
    """The loss of each step as a picture in SVG; empty before the second step."""
    if len(losses) < 2:
        return ""
    low, high = min(losses), max(losses)
    span, last = max(high - low, 1e-9), max(total - 1, 1)
    points = " ".join(
        f"{step / last * WIDTH:.1f},{(high - loss) / span * (HEIGHT - 8) + 4:.1f}" for step, loss in enumerate(losses)
    )
    said = escape(f"the loss of {len(losses)} steps, from {losses[0]:.3f} to {losses[-1]:.3f}")
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="100%" role="img" aria-label="{said}"><title>{said}</title>'
        f'<polyline points="{points}" fill="none" stroke="#2f6fd0" stroke-width="2" stroke-linejoin="round"/>'
        f'<text x="{WIDTH}" y="11" text-anchor="end" font-size="11" fill="#7d8694">loss</text></svg>'
    )


def show_sentences(sentences: list[str]) -> None:
    """Put sentences where the caller is."""
    for sentence in sentences:
        ui.label(plain_hint(sentence)).style("overflow-wrap: anywhere")
