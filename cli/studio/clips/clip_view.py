"""The clip that is chosen: it plays, is trimmed by dragging, and says how it is read and what is wrong with it."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nicegui import ui
from nicegui.events import GenericEventArguments, UploadEventArguments

from cli.jobs.learn_one import word_action
from cli.studio.clips.clip_list import ClipList, StudioClip
from cli.studio.clips.clip_work import add_animations, look_again, state_reading
from cli.studio.studio import complain, receive_file, report_errors, show_upload
from cli.studio.view import MotionView
from cli.studio.worker import Job
from cli.studio.workshop import Workshop
from lead.data.caption_files import LISTING, CaptionRow, write_listing
from lead.motion.read_options import UNITS, UPS, ReadOptions
from lead.motion.suffixes import SKELETONS

if TYPE_CHECKING:
    from lead import Motion

MOST_FRAMES = 6000
"""Of a clip as it is shown; a longer one is shown with fewer frames a second."""
GUESSED = "as the file has it"


class ClipView:
    """The elements, on one page."""

    def __init__(self, workshop: Workshop, clips: ClipList) -> None:
        self.workshop, self.clips = workshop, clips
        self.shown: Motion | None = None
        """The motion that plays."""
        self.stated: tuple[StudioClip | None, Any] = (None, None)
        """The clip whose reading is on the page, and the reading."""

    def show(self) -> None:
        """Put everything on the page."""
        with ui.column().classes("stage gap-1"):
            with ui.element().classes("w-full col").style("min-height: 0"):
                self.view = MotionView()
            self.trimming = ui.row().classes("w-full no-wrap items-center gap-3 q-px-sm").style("flex: none")
            with self.trimming:
                ui.label("learn from").classes("text-caption")
                self.range = ui.range(min=0, max=1, step=1).classes("col")
                self.range.on("update:model-value", self.follow, throttle=0.05)
                self.range.on("change", self.trim)
                self.span = ui.label().classes("text-caption").style("min-width: 11em; text-align: right")
                moves = ui.button(icon="content_cut", on_click=self.trim_to_movement).props("flat dense round")
                moves.tooltip("only what moves, without a quiet beginning and end")
                whole = ui.button(icon="restart_alt", on_click=lambda: self.set_span(None)).props("flat dense round")
                whole.tooltip("all of it")
        with ui.column().classes("side gap-2"):
            self.title = ui.label().classes("text-weight-medium w-full").style("overflow-wrap: anywhere")
            self.said = ui.column().classes("w-full gap-1 text-caption")
            self.caption = ui.input("what it shows").props("dense outlined clearable").classes("w-full")
            self.caption.on("blur", self.state_caption).on("keydown.enter", self.state_caption)
            self.caption.on("clear", self.state_caption)
            self.options = ui.expansion("how it is read", icon="tune").props("dense").classes("w-full")
            with self.options:
                self.reading = ui.column().classes("w-full gap-2")
            self.save = ui.button(f"Save all captions as {LISTING}", icon="download", on_click=self.save_captions)
            self.save.props("flat dense no-caps size=sm")

    # what a person does

    def follow(self, event: GenericEventArguments) -> None:
        """Show the frame under the thumb that is dragged."""
        clip = self.clips.chosen
        if clip is None or clip.motion is None:
            return
        fps, before = clip.motion.fps, clip.span or (0.0, _end(clip.motion))
        start, end = (frame / fps for frame in _read_thumbs(event.args))
        self.view.go(start if abs(start - before[0]) > abs(end - before[1]) else end)
        self._write_span(start, end)

    def trim(self, event: GenericEventArguments) -> None:
        """Learn only what is between the thumbs."""
        if self.clips.chosen and self.clips.chosen.motion is not None:
            motion = self.clips.chosen.motion
            low, high = _read_thumbs(event.args)
            whole = low <= 0 and high >= len(motion.joints) - 1
            self.set_span(None if whole else (low / motion.fps, high / motion.fps))
            self.view.play()

    def trim_to_movement(self) -> None:
        """Learn only what moves."""
        with report_errors():
            if self.clips.chosen and self.clips.chosen.motion is not None:
                self.set_span(self.clips.chosen.motion.find_movement())

    def set_span(self, span: tuple[float, float] | None) -> None:
        """Learn only these seconds; None is all."""
        clip = self.clips.chosen
        if clip and clip.span != span:
            clip.span = span
            look_again(self.workshop, self.clips)
            if clip.motion is not None:
                self.view.set_range(*(span or (0.0, _end(clip.motion))))
        self._show_span()

    def state_caption(self) -> None:
        """Take what the person says that the clip shows."""
        clip, text = self.clips.chosen, (self.caption.value or "").strip()
        if clip and clip.caption != text:
            clip.caption = text
            look_again(self.workshop, self.clips)

    def state(self, **options: Any) -> None:
        """Read the clip by other options; what is wrong with them is told."""
        clip = self.clips.chosen
        with report_errors():
            if clip is not None:
                state_reading(self.workshop, self.clips, clip, replace(clip.reading, **options))

    def state_for_all(self) -> None:
        """Read all clips as this one, but for the animation."""
        chosen = self.clips.chosen
        for clip in list(self.clips.clips) if chosen else ():
            assert chosen
            clip.rig_map = chosen.rig_map
            state_reading(
                self.workshop, self.clips, clip, replace(chosen.reading, animation=clip.reading.animation)
            )  # fmt: skip

    async def read_rig_map(self, event: UploadEventArguments) -> None:
        """Take a rig map for the clip."""
        clip, name = self.clips.chosen, event.file.name

        def read(path: Path) -> dict[str, str]:
            from lead.motion.rigs.rig_map import read_rig_map

            return read_rig_map(path)

        def take(rig_map: dict[str, str]) -> None:
            if clip in self.clips.clips and clip is not None:
                clip.rig_map = name
                state_reading(self.workshop, self.clips, clip, replace(clip.reading, rig_map=rig_map))

        with report_errors():
            path = await receive_file(self.workshop, event)
            self.clips.job = self.workshop.start(
                f"reading {name}", lambda job: self.workshop.read_once(path, read), take
            )

    def draft_rig_map(self) -> None:
        """Send the browser a draft of the clip's rig map, to correct."""
        clip, client = self.clips.chosen, ui.context.client
        if clip is None:
            return

        def draft(job: Job) -> str:
            from lead.motion.read import read_skeleton
            from lead.motion.rigs.rig_map import draft_rig_map

            return draft_rig_map(read_skeleton(clip.path, clip.reading), clip.reading)

        def send(text: str) -> None:
            if not client.is_deleted:
                with client:
                    ui.download.content(text, f"{clip.path.stem}.toml")

        self.clips.job = self.workshop.start(f"drafting a rig map of {clip.name}", draft, send)

    def save_captions(self) -> None:
        """Send the browser the captions: what the person states, else what a clip is taken for where that is sure."""
        rows = [(clip, clip.caption.strip() or (clip.row.draft if clip.row else "")) for clip in self.clips.clips]
        named = {clip.path.name: caption for clip, caption in rows if caption}
        if not named:
            complain("no clip has a caption, and none is recognized: write what they show.")
            return
        file = self.workshop.make_file(LISTING)
        write_listing(file, [CaptionRow(name, (caption,)) for name, caption in named.items()])
        ui.download.content(file.read_bytes(), LISTING)

    # what changes on the page

    def refresh(self) -> None:
        """Show the clip that is chosen."""
        clip = self.clips.chosen
        motion = clip.motion if clip else None
        if motion is not self.shown:
            self.shown = motion
            shown, titles = ([_thin(motion)], [clip.name]) if clip and motion else ([], [])
            self.view.show(shown, titles, span=clip.span if clip else None)
            self._show_span()
        self.view.set_hint(_hint(clip))
        self.trimming.visible = motion is not None
        self.caption.visible = self.save.visible = clip is not None and motion is not None
        self.options.visible = clip is not None
        self.title.text = clip.name if clip else ""
        self._refresh_said(clip)
        if clip:
            self.caption.value = clip.caption
            self.caption.props["placeholder"] = clip.row.draft if clip.row else ""
            self.caption.props["stack-label"] = True
        if clip and self.stated != (clip, key := _reading_key(clip)):
            is_other, self.stated = clip is not self.stated[0], (clip, key)
            self._refresh_reading(clip, is_other)

    def _refresh_said(self, clip: StudioClip | None) -> None:
        """What the clip is taken for, and what is wrong with it."""
        self.said.clear()
        if clip is None:
            return
        with self.said:
            if clip.read is None:
                ui.label("is read ...")
            elif clip.problem:
                ui.label(clip.problem).classes("bad").style("overflow-wrap: anywhere")
            row = clip.row
            if row and row.taken and not clip.problem:
                action, sure, others = word_action(row.taken, captioned=False)
                ui.label(f"taken for: {action}" + (f", {sure} sure" if sure else ""))
                if others:
                    ui.label(f"or: {others}").classes("faint")
                for cut in row.taken.cut:
                    ui.label(f"cut: {cut}")
            for finding in row.findings if row else ():
                if finding != clip.problem:
                    ui.label(finding).classes("note").style("overflow-wrap: anywhere")
            if clip.motion is not None and row and row.check.frames:
                check = row.check
                facts = [f"{check.frames} frames at {check.fps:g} fps", f"{check.height:.2f} m tall", check.rig]
                ui.label(", ".join(filter(None, facts))).classes("faint")
            for note in clip.motion.notes if clip.motion else ():
                if not row or note not in row.findings:
                    ui.label(note).classes("faint").style("overflow-wrap: anywhere")

    def _refresh_reading(self, clip: StudioClip, is_other: bool) -> None:
        """What a person may state of the file; open where the file leaves something in doubt."""
        reading, animations = clip.reading, clip.read.animations if clip.read else ()
        is_doubtful = clip.verdict in ("red", "amber")
        if is_other or is_doubtful:
            self.options.value = is_doubtful
        self.reading.clear()
        with self.reading:
            unit: dict[str, str] = {"": GUESSED, **{name: name for name in UNITS}}
            _choose("unit of length", unit, reading.unit, lambda value: self.state(unit=value))
            _choose("axis that points up", {"": GUESSED, **{u: u for u in UPS}}, reading.up, lambda v: self.state(up=v))
            rate = ui.number("frames a second", value=reading.fps, min=0.1, max=10000, placeholder=GUESSED)
            rate.props("dense outlined clearable stack-label").classes("w-full")
            rate.on("blur", lambda: self.state(fps=rate.value or None)).on("clear", lambda: self.state(fps=None))
            rate.on("keydown.enter", lambda: self.state(fps=rate.value or None))
            if len(animations) > 1:
                names = {0: "the first that moves", **{n: f"{n}. {name}" for n, name in enumerate(animations, 1)}}
                found = next((n for n in names if n and reading.animation in (n, names[n])), 0)
                _choose("animation", names, found, lambda value: self.state(animation=value))
                ui.button(f"All {len(animations)} as clips", on_click=self.split).props("flat dense no-caps size=sm")
            if clip.path.suffix.lower() in SKELETONS:
                self._show_rig_map(clip)
            if len(self.clips.clips) > 1:
                ui.button("Read all clips like this one", on_click=self.state_for_all).props(
                    "flat dense no-caps size=sm"
                )

    def _show_rig_map(self, clip: StudioClip) -> None:
        with ui.row().classes("w-full no-wrap items-center gap-1"):
            ui.label(f"rig map: {clip.rig_map or 'found by names'}").classes("col text-caption ellipsis")
            draft = ui.button("Draft", on_click=self.draft_rig_map).props("flat dense no-caps size=sm")
            draft.props('title="a file to correct: which joint of the rig is which"')
            if clip.rig_map:
                drop = ui.button(icon="close", on_click=self.drop_rig_map)
                drop.props('flat dense round size=sm title="without the rig map"')
        show_upload("a corrected rig map (.toml)", self.read_rig_map, ".toml")

    def drop_rig_map(self) -> None:
        """Read the clip without its rig map."""
        if self.clips.chosen:
            self.clips.chosen.rig_map = ""
            self.state(rig_map=None)

    def split(self) -> None:
        """Each animation of the file as a clip."""
        with report_errors():
            if self.clips.chosen:
                add_animations(self.workshop, self.clips, self.clips.chosen)

    def _show_span(self) -> None:
        """Set the thumbs and what plays."""
        clip = self.clips.chosen
        if clip is None or clip.motion is None:
            return
        motion, last = clip.motion, len(clip.motion.joints) - 1
        start, end = clip.span or (0.0, _end(motion))
        self.range.max = max(last, 1)
        self.range.value = {"min": round(start * motion.fps), "max": round(end * motion.fps)}
        self._write_span(start, end)

    def _write_span(self, start: float, end: float) -> None:
        self.span.text = f"{start:.2f} to {end:.2f} s ({end - start:.2f} s)"


def _choose(label: str, options: dict[Any, str], value: Any, then: Any) -> None:
    """A list to choose one from; its first entry is None."""
    first = next(iter(options))
    box = ui.select(options, label=label, value=value or first, on_change=lambda event: then(event.value or None))
    box.props("dense outlined options-dense").classes("w-full")


def _hint(clip: StudioClip | None) -> str:
    """What stands where a clip would play."""
    if clip is None:
        return "Clips play here."
    return "The file is read ..." if clip.read is None else "This file cannot be played."


def _read_thumbs(args: Any) -> tuple[int, int]:
    return int(args["min"]), int(args["max"])


def _reading_key(clip: StudioClip) -> tuple[ReadOptions, str, int, str]:
    """What of a clip its options show; the page's are made anew where it changes."""
    return clip.reading, clip.rig_map, len(clip.read.animations) if clip.read else 0, clip.verdict


def _end(motion: "Motion") -> float:
    return (len(motion.joints) - 1) / motion.fps


def _thin(motion: "Motion") -> "Motion":
    """The motion with at most MOST_FRAMES frames."""
    return motion if len(motion.joints) <= MOST_FRAMES else motion.resample(MOST_FRAMES / motion.seconds)
