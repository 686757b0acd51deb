"""Motions to files of every format that is written.

Data formats hold one motion each. Body formats need a body model of the user's: `obj` and `ply` hold one pose, `trail`
several. Views show one or more motions side by side. A new format is a function that writes it and a row of a table.
"""

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.atomic_folder import atomic_folder, name_anew
from cli.console import Progress, hint, ignore_progress, progress_bar
from cli.errors import UsageError
from cli.options import ReadingOptions, ViewSwitches, require_file
from concepts.text import TOKEN, slugify
from lead.motion.suffixes import SKELETONS

if TYPE_CHECKING:
    from lead.motion import Motion, Rig
    from lead.motion.render.view_options import ViewOptions

TOGETHER, PANELS = 8, 16
"""Generated motions that one contact sheet or video shows at most; and motions in all, with what is beside them."""
LETTERS, LEAST, BYTES = 60, 16, 120
"""Of a prompt in a file name: the most letters, those that stay beside long tokens, and the most bytes of UTF-8. Most
file systems take names of 255 bytes; seed, number and ending follow."""


@dataclass(frozen=True)
class Target:
    """What a motion is written on."""

    rig: "Rig | None" = None
    """The skeleton of the files of ON_RIGS; None for our 22 joints."""
    body_model: Path | None = None
    """The file of the body model that body formats need."""
    frame: int = 0
    """The frame that `obj` and `ply` show."""


@dataclass(frozen=True)
class DataFormat:
    """A format of one motion."""

    ending: str
    write: "Callable[[Motion, Path, Target], Path]"
    slow: bool = False
    """Whether writing several motions takes long enough for a progress bar."""
    holds_rate: bool = True
    """Whether the file says its frames per second; of one that does not, readers take FPS."""


@dataclass(frozen=True)
class ViewFormat:
    """A format that shows motions, each under its title."""

    ending: str
    write: "Callable[[Sequence[Motion], Sequence[str], Path, Progress, ViewOptions], object]"
    slow: bool = False
    """Whether writing takes long enough for a progress bar."""
    holds_any_number: bool = False
    """Whether one file shows any number of motions, not only TOGETHER."""


def _save(motion: "Motion", path: Path, target: Target) -> Path:
    return motion.save(path)


def _save_on_rig(motion: "Motion", path: Path, target: Target) -> Path:
    return motion.save(path, rig=target.rig)


def _save_amass(motion: "Motion", path: Path, target: Target) -> Path:
    return motion.save_amass(path)


def _save_body(motion: "Motion", path: Path, target: Target) -> Path:
    from lead.motion.bodies.smpl_mesh import body_mesh, save_mesh

    assert target.body_model, f"{path} without a body model"
    return save_mesh(body_mesh(motion, target.body_model, target.frame), path)


def _save_trail(motion: "Motion", path: Path, target: Target) -> Path:
    from lead.motion.bodies.smpl_mesh import pose_trail, save_mesh

    assert target.body_model, f"{path} without a body model"
    return save_mesh(pose_trail(motion, target.body_model), path)


def _draw_sheet(
    motions: "Sequence[Motion]", titles: Sequence[str], path: Path, progress: Progress, options: "ViewOptions"
) -> None:
    from lead.motion.render.sheets import contact_sheet

    contact_sheet(motions, titles, options=options).save(path, optimize=True)


def _write_page(
    motions: "Sequence[Motion]", titles: Sequence[str], path: Path, progress: Progress, options: "ViewOptions"
) -> None:
    from lead.motion.render.player import player_page

    path.write_text(player_page(motions, titles, options), encoding="utf-8")


def _draw_video(
    motions: "Sequence[Motion]", titles: Sequence[str], path: Path, progress: Progress, options: "ViewOptions"
) -> None:
    from lead.motion.render.video import write_video

    write_video(motions, path, titles, progress, options)


DATA_FORMATS: Mapping[str, DataFormat] = {
    "bvh": DataFormat(".bvh", _save_on_rig),
    "npz": DataFormat(".npz", _save),
    "amass": DataFormat(".amass.npz", _save_amass),
    "npy": DataFormat(".npy", _save, holds_rate=False),
    "glb": DataFormat(".glb", _save),
    "fbx": DataFormat(".fbx", _save_on_rig, slow=True),
    "vrma": DataFormat(".vrma", _save),
    "usd": DataFormat(".usda", _save_on_rig),
}
ON_RIGS = tuple(form for form, its in DATA_FORMATS.items() if its.write is _save_on_rig)
"""The formats that are written on a given rig."""
BODY_FORMATS: Mapping[str, DataFormat] = {
    "obj": DataFormat(".obj", _save_body),
    "ply": DataFormat(".ply", _save_body),
    "trail": DataFormat(".trail.glb", _save_trail),
}
VIEW_FORMATS: Mapping[str, ViewFormat] = {
    "png": ViewFormat(".png", _draw_sheet),
    "html": ViewFormat(".html", _write_page, holds_any_number=True),
    "mp4": ViewFormat(".mp4", _draw_video, slow=True),
    "gif": ViewFormat(".gif", _draw_video, slow=True),
}
Formats = Annotated[
    str,
    typer.Option(
        "--format",
        metavar="LIST",
        help=f"Any of {','.join(DATA_FORMATS)} (data), {','.join(VIEW_FORMATS)} (views).",
    ),
]
"""The option of commands that write motions."""


def ending_of(form: str) -> str:
    """The ending of a format's files."""
    tables: tuple[Mapping[str, DataFormat | ViewFormat], ...] = (DATA_FORMATS, BODY_FORMATS, VIEW_FORMATS)
    return next(table[form].ending for table in tables if form in table)


def parse_formats(text: str, option: str = "--format", others: Iterable[str] = ()) -> list[str]:
    """`bvh,png` to its parts, in order and once each; UsageError for one that does not exist or cannot be written.

    All data formats and views can be asked for, and `others`.
    """
    known = (*DATA_FORMATS, *others, *VIEW_FORMATS)
    formats = list(dict.fromkeys(part.strip().lower().removeprefix(".") for part in text.split(",") if part.strip()))
    unknown = [form for form in formats if form not in known]
    if unknown or not formats:
        found = f"unknown {', '.join(unknown)}" if unknown else "it names none"
        raise UsageError(f"{option} {text}: {found}. Choose among {', '.join(known)}, with commas between them.")
    if videos := [form for form in formats if form in VIEW_FORMATS and VIEW_FORMATS[form].write is _draw_video]:
        from lead.motion.render.video import check_video  # loads what draws, which other formats do without

        for form in videos:
            check_video(VIEW_FORMATS[form].ending)
    if "fbx" in formats:
        from lead.motion.bodies.fbx_export import find_blender

        find_blender()
    return formats


def read_rig(path: Path | None, formats: Sequence[str], rig_map: Path | None = None) -> "Rig | None":
    """The skeleton of the clip that `--rig` names."""
    from lead.motion import Motion

    if path is None:
        return None
    rig = Motion.read(
        require_file(path, "--rig", "a motion file"), ReadingOptions(rig_map=rig_map).to_read_options()
    ).rig
    if rig is None:
        raise UsageError(f"--rig {path}: the file holds no skeleton to write on; give one of {', '.join(SKELETONS)}.")
    if not set(ON_RIGS) & set(formats):
        raise UsageError(
            f"--rig is the skeleton of {', '.join(ON_RIGS)} files: add one of them to the formats, or leave --rig out."
        )
    return rig


def write_data(motion: "Motion", stem: Path, form: str, target: Target = Target()) -> Path:
    """Write one motion in a data or body format; `stem` is the path without an ending."""
    written = DATA_FORMATS.get(form) or BODY_FORMATS[form]
    return written.write(motion, stem.with_name(stem.name + written.ending), target)


def tell_lost_rates(formats: Iterable[str], rates: Iterable[float]) -> None:
    """A hint where files were written that do not hold the rate of their motions, and would be read at another."""
    from lead.motion.skeleton import FPS

    lost = [form for form in formats if form in DATA_FORMATS and not DATA_FORMATS[form].holds_rate]
    if lost and (others := sorted({*rates} - {FPS})):
        given = f"{others[0]:g}" if len(others) == 1 else f"{others[0]:g} to {others[-1]:g}"
        hint(
            f"{', '.join(lost)} holds no frame rate and is read at {FPS:g} frames a second; these are at {given}: "
            "read them with --fps, or write npz, which holds the rate"
        )


def _data_progress(formats: Sequence[str], motions: int) -> AbstractContextManager[Progress]:
    """A progress bar where the formats of several motions are slow to write."""
    slow = [form for form in formats if DATA_FORMATS[form].slow]
    return progress_bar(f"writing {', '.join(slow)}") if slow and motions > 1 else nullcontext(ignore_progress)


def write_view(
    motions: "Sequence[Motion]",
    titles: Sequence[str],
    stem: Path,
    form: str,
    quiet: bool = False,
    switches: ViewSwitches = ViewSwitches(),
) -> Path:
    """Write one file that shows all of the motions; a slow one shows a progress bar, unless `quiet`.

    A loop is shown without its last frame, which is the first one again. A hint says which title is which where a
    picture has numbers for titles.
    """
    motions, view = [_leave_repeat_out(motion) for motion in motions], VIEW_FORMATS[form]
    path, options = stem.with_name(stem.name + view.ending), switches.to_view_options()
    if view.slow and not quiet:
        with progress_bar(f"drawing {path.name}") as progress:
            view.write(motions, titles, path, progress, options)
    else:
        view.write(motions, titles, path, ignore_progress, options)
    if view.write is _draw_sheet:
        from lead.motion.render.sheets import list_row_titles

        titles = list_row_titles(motions, titles)
    if form != "html":
        _tell_numbers(path.name, titles)
    return path


def _tell_numbers(name: str, titles: Sequence[str]) -> None:
    """A hint with the titles that a picture cannot show."""
    from lead.motion.render.text import to_drawable

    pairs = [
        f"{shown} is {title!r}"
        for shown, title in zip(to_drawable(titles), titles, strict=True)
        if shown.startswith("No. ") and shown != title
    ]
    if pairs:
        hint(f"{name}: no font of this system has the letters of some titles: {', '.join(pairs)}")


def write_motions(
    motions: "Sequence[Motion]",
    prompts: Sequence[str],
    formats: Sequence[str],
    output: Path,
    seed: int,
    rig: "Rig | None" = None,
    exemplars: "Sequence[Motion]" = (),
    plain: "Mapping[int, Motion] | None" = None,
    switches: ViewSwitches = ViewSwitches(),
    kept: Sequence[int] | None = None,
) -> tuple[list[list[Path]], list[Path]]:
    """Write generated motions: the files of each, and the views that show them all beside the exemplars.

    `plain` are motions that views show before the one at a place, as the same seed without a concept. `kept` are the
    places of the motions that are written, in their order; the names and titles are those that they have among all.

    Files of ON_RIGS are on `rig`, else on the motion's own, else on our 22 joints.
    Names are `<prompt>-seed<seed>-<number>`. The same command writes the same files again. Where files of these names
    have another content, as with other words or seconds, all new files get a further number. Ctrl-C while views are
    drawn leaves the motions and the views that are finished.
    """
    assert len(motions) == len(prompts), f"{len(prompts)} prompts for {len(motions)} motions"
    stems = _stems(prompts, seed)
    kept = range(len(motions)) if kept is None else kept
    data = [form for form in formats if form in DATA_FORMATS]
    with atomic_folder(output) as folder:
        groups: list[list[Path]] = []
        with _data_progress(data, len(kept)) as progress:
            for row in kept:
                target = Target(rig or motions[row].rig)
                groups.append([write_data(motions[row], folder / stems[row], form, target) for form in data])
                progress(len(groups), len(kept))
        views: list[Path] = []
        stopped = False
        try:
            for path in _write_views(motions, prompts, formats, folder, seed, exemplars, plain or {}, switches, kept):
                views.append(path)
        except KeyboardInterrupt:
            stopped = True
            for path in {*folder.iterdir()} - {*views, *chain(*groups)}:
                path.unlink()
        names = name_anew(folder, output)
    tell_lost_rates(formats, (motions[row].fps for row in kept))
    if stopped:
        raise KeyboardInterrupt(f"stopped; what was finished is in {output}: {', '.join(sorted(names.values())[:10])}")
    return [[output / names[path.name] for path in group] for group in groups], [output / names[p.name] for p in views]


def _leave_repeat_out(motion: "Motion") -> "Motion":
    """A loop without the frame with which the next cycle begins; any other motion as it is."""
    from lead.motion.processing.loop import is_closed

    return motion.trim(end=(len(motion.joints) - 2) / motion.fps) if is_closed(motion.joints) else motion


def slug(prompt: str) -> str:
    """A prompt as a file name: small letters of any script, digits and hyphens, at most LETTERS and BYTES of them.

    Where a prompt is too long, its tokens stay at the end. Unicode is in composed form (NFC). A file system that cannot
    hold the letters gets ASCII.
    """
    whole = _hyphenate(prompt)
    try:
        os.fsencode(whole)
    except UnicodeEncodeError:
        whole = slugify(whole)
    name, tokens = _cut(whole, LETTERS), [token[1:-1] for token in dict.fromkeys(TOKEN.findall(prompt.lower()))]
    if any(f"-{token}-" not in f"-{name}-" for token in tokens):
        tail = _cut("-".join(tokens), LETTERS)
        name = f"{_cut(whole, max(LETTERS - len(tail) - 1, LEAST))}-{tail}"
    return name or "motion"


def _hyphenate(text: str) -> str:
    """Letters, marks and digits in small letters; what is between them is a hyphen."""
    small = unicodedata.normalize("NFC", unicodedata.normalize("NFKC", text).lower())
    kept = (letter if unicodedata.category(letter)[0] in "LMN" else "-" for letter in small)
    return re.sub("-+", "-", "".join(kept)).strip("-")


def _cut(name: str, letters: int) -> str:
    """The first letters of a name, of which there are at most `letters` in at most BYTES of UTF-8."""
    name = name[:letters]
    while len(name.encode()) > BYTES:
        name = name[:-1]
    return name.strip("-")


def _stems(prompts: Sequence[str], seed: int) -> list[str]:
    """A name for each motion, numbered within equal slugs."""
    slugs = [slug(prompt) for prompt in prompts]
    digits = max(2, len(str(len(slugs))))
    numbers: Counter[str] = Counter()
    stems = []
    for name in slugs:
        numbers[name] += 1
        stems.append(f"{name}-seed{seed}-{numbers[name]:0{digits}d}")
    return stems


def _write_views(
    motions: "Sequence[Motion]",
    prompts: Sequence[str],
    formats: Sequence[str],
    folder: Path,
    seed: int,
    exemplars: "Sequence[Motion]",
    plain: "Mapping[int, Motion]",
    switches: ViewSwitches,
    kept: Sequence[int],
) -> Iterator[Path]:
    """Contact sheets and videos of at most TOGETHER motions each, and one page that plays all; each when written."""
    others = len(set(prompts)) - 1
    stem = slug(prompts[0]) + (f"-and-{others}-more" if others else "") + f"-seed{seed}"
    repeated = len(set(prompts)) < len(prompts)
    titles = [f"{number}. {prompt}" if repeated else prompt for number, prompt in enumerate(prompts, start=1)]
    for form in (form for form in formats if form in VIEW_FORMATS):
        room = (PANELS - len(exemplars)) // 2 if plain else PANELS - len(exemplars)
        size = len(kept) if VIEW_FORMATS[form].holds_any_number else max(min(TOGETHER, room), 1)
        starts = range(0, len(kept), size)
        for sheet, start in enumerate(starts, start=1):
            shown, names = list(exemplars), [motion.name for motion in exemplars]
            for place in kept[start : start + size]:
                if place in plain:
                    shown.append(plain[place])
                    names.append(plain[place].name)
                shown.append(motions[place])
                names.append(titles[place])
            name = stem if len(starts) == 1 else f"{stem}-sheet{sheet}"
            yield write_view(shown, names, folder / name, form, switches=switches)
