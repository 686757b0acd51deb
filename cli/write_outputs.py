"""Motions to files of every format that is written.

Data formats hold one motion each: `bvh`, `npz` and `npy` (joints), `amass`, `glb` (a mannequin). Body formats need a
body model of the user's and hold one pose (`obj`, `ply`) or several (`trail`). Views show one or more motions side by
side: `png` (a contact sheet), `html` (a page that plays), `mp4` and `gif`.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from cli.atomic_folder import atomic_folder
from cli.console import UsageError, existing, progress
from cli.read_inputs import reading_of
from lead.motion.motion import Motion
from lead.motion.render.player import player_page
from lead.motion.render.sheets import contact_sheet
from lead.motion.render.video import check_video, write_video
from lead.motion.rigs.rig import Rig

DATA_ENDINGS = {"bvh": ".bvh", "npz": ".npz", "amass": ".amass.npz", "npy": ".npy", "glb": ".glb"}
BODY_ENDINGS = {"obj": ".obj", "ply": ".ply", "trail": ".trail.glb"}
VIEW_ENDINGS = {"png": ".png", "html": ".html", "mp4": ".mp4", "gif": ".gif"}
TOGETHER = 8
"""Motions that one contact sheet or video shows at most, beside the exemplars."""


def parse_formats(text: str, option: str = "--format", others: Iterable[str] = ()) -> list[str]:
    """`bvh,png` to its parts, in order and once each; UsageError for one that does not exist or cannot be written.

    All data formats and views can be asked for, and `others`.
    """
    known = (*DATA_ENDINGS, *others, *VIEW_ENDINGS)
    formats = list(dict.fromkeys(part.strip().lower().removeprefix(".") for part in text.split(",") if part.strip()))
    unknown = [form for form in formats if form not in known]
    if unknown or not formats:
        found = f"unknown {', '.join(unknown)}" if unknown else "it names none"
        raise UsageError(f"{option} {text}: {found}. Choose among {', '.join(known)}, with commas between them.")
    for form in formats:
        check_video(f".{form}")
    return formats


def read_rig(path: Path | None, formats: Sequence[str], rig_map: Path | None = None) -> Rig | None:
    """The skeleton of the clip that `--rig` names."""
    if path is None:
        return None
    rig = Motion.read(existing(path, "--rig"), reading_of(rig_map=rig_map)).rig
    if rig is None:
        raise UsageError(f"--rig {path}: only a .bvh, .fbx, .glb or .gltf file holds a skeleton to write on; give one.")
    if "bvh" not in formats:
        raise UsageError("--rig is the skeleton of BVH files: add bvh to the formats, or leave --rig out.")
    return rig


def write_data(
    motion: Motion, stem: Path, form: str, rig: Rig | None = None, body_model: Path | None = None, frame: int = 0
) -> Path:
    """One motion in a data or body format; `stem` is the path without an ending."""
    path = stem.with_name(stem.name + (DATA_ENDINGS | BODY_ENDINGS)[form])
    if form in BODY_ENDINGS:
        from lead.motion.bodies.smpl_mesh import body_mesh, pose_trail, save_mesh

        assert body_model, f"{form} without a body model"
        return save_mesh(
            pose_trail(motion, body_model) if form == "trail" else body_mesh(motion, body_model, frame), path
        )
    if form == "amass":
        return motion.save_amass(path)
    return motion.save(path, rig=rig) if form == "bvh" else motion.save(path)


def write_view(
    motions: Sequence[Motion], titles: Sequence[str], stem: Path, form: str, quiet: bool = False
) -> Path:
    """One file that shows all of the motions; a video shows how far it is, unless `quiet`."""
    path = stem.with_name(stem.name + VIEW_ENDINGS[form])
    if form == "png":
        contact_sheet(motions, titles).save(path, optimize=True)
    elif form == "html":
        path.write_text(player_page(motions, titles), encoding="utf-8")
    elif quiet:
        write_video(motions, path, titles)
    else:
        with progress(f"drawing {path.name}") as report:
            write_video(motions, path, titles, report)
    return path


def write_motions(
    motions: Sequence[Motion],
    prompts: Sequence[str],
    formats: Sequence[str],
    output: Path,
    seed: int,
    rig: Rig | None = None,
    exemplars: Sequence[Motion] = (),
) -> list[list[Path]]:
    """The files of each generated motion, and as the last list those that show them all beside the exemplars.

    Names are `<prompt>-seed<seed>-<number>`: the same command writes the same names again, another seed never
    overwrites.
    """
    assert len(motions) == len(prompts), f"{len(prompts)} prompts for {len(motions)} motions"
    stems = _stems(prompts, seed)
    with atomic_folder(output) as folder:
        groups = [
            [write_data(motion, folder / stem, form, rig) for form in formats if form in DATA_ENDINGS]
            for motion, stem in zip(motions, stems, strict=True)
        ]
        groups.append(_write_views(motions, prompts, formats, folder, seed, exemplars))
    return [[output / path.name for path in group] for group in groups]


def slug(prompt: str) -> str:
    """A prompt as a file name: small ASCII letters, digits and hyphens, at most 60."""
    plain = unicodedata.normalize("NFKD", prompt).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60].strip("-") or "motion"


def _stems(prompts: Sequence[str], seed: int) -> list[str]:
    """A name for each motion, numbered within equal slugs."""
    slugs = [slug(prompt) for prompt in prompts]
    digits = max(2, len(str(len(slugs))))
    counted: Counter[str] = Counter()
    stems = []
    for name in slugs:
        counted[name] += 1
        stems.append(f"{name}-seed{seed}-{counted[name]:0{digits}d}")
    return stems


def _write_views(
    motions: Sequence[Motion],
    prompts: Sequence[str],
    formats: Sequence[str],
    folder: Path,
    seed: int,
    exemplars: Sequence[Motion],
) -> list[Path]:
    """Contact sheets and videos of at most TOGETHER motions each, and one page that plays all of them."""
    others = len(set(prompts)) - 1
    stem = slug(prompts[0]) + (f"-and-{others}-more" if others else "") + f"-seed{seed}"
    several = len(set(prompts)) < len(prompts)
    titles = [f"{number}. {prompt}" if several else prompt for number, prompt in enumerate(prompts, start=1)]
    paths = []
    for form in (form for form in formats if form in VIEW_ENDINGS):
        size = len(motions) if form == "html" else TOGETHER
        starts = range(0, len(motions), size)
        for sheet, start in enumerate(starts, start=1):
            shown = [*exemplars, *motions[start : start + size]]
            words = [*(motion.name for motion in exemplars), *titles[start : start + size]]
            name = stem if len(starts) == 1 else f"{stem}-sheet{sheet}"
            paths.append(write_view(shown, words, folder / name, form))
    return paths
