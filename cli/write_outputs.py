"""Generated motions to files: named after their prompts, all of them or none.

Everything is written into a hidden folder inside the output folder first and moved into place at the end, so
that a failure leaves neither half a file nor half a set. Names are `<prompt>-seed<seed>-<number>.<format>`:
the same command writes the same names again, another seed never overwrites.
"""

import os
import re
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from cli.console import UsageError
from cli.picture import contact_sheet
from cli.player import player_page
from lead.motion.motion import Motion
from lead.motion.rigs import Rig

MOTION_FORMATS = ("bvh", "npz", "npy")
SHEET_ROWS = 8


def write_motions(
    motions: Sequence[Motion],
    prompts: Sequence[str],
    formats: Sequence[str],
    output: Path,
    seed: int,
    rig: Rig | None = None,
) -> list[list[Path]]:
    """The files of each motion, and as the last list those that show them all (contact sheets, player)."""
    assert len(motions) == len(prompts), f"{len(prompts)} prompts for {len(motions)} motions"
    stems = _stems(prompts, seed)
    made_folder = not output.exists()
    output.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix=".lead-invert-", dir=output) as folder:
            hidden = Path(folder)
            groups = [
                [_write_motion(motion, hidden / f"{stem}.{form}", rig) for form in formats if form in MOTION_FORMATS]
                for motion, stem in zip(motions, stems, strict=True)
            ]
            groups.append(_write_views(motions, prompts, formats, hidden, seed))
            for path in (path for group in groups for path in group):
                os.replace(path, output / path.name)
    except BaseException:
        if made_folder and not any(output.iterdir()):
            output.rmdir()
        raise
    return [[output / path.name for path in group] for group in groups]


def parse_formats(text: str) -> list[str]:
    """`bvh,png` to its parts, in order and once each; UsageError for a format that does not exist."""
    known = (*MOTION_FORMATS, "png", "html")
    formats = list(dict.fromkeys(part.strip().lower().removeprefix(".") for part in text.split(",") if part.strip()))
    unknown = [form for form in formats if form not in known]
    if unknown or not formats:
        found = f"unknown {', '.join(unknown)}" if unknown else "it names none"
        raise UsageError(f"--format {text}: {found}. Choose among {', '.join(known)}, with commas between them.")
    return formats


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


def _write_motion(motion: Motion, path: Path, rig: Rig | None) -> Path:
    return motion.save(path, rig=rig) if rig is not None and path.suffix == ".bvh" else motion.save(path)


def _write_views(
    motions: Sequence[Motion], prompts: Sequence[str], formats: Sequence[str], folder: Path, seed: int
) -> list[Path]:
    """Contact sheets of at most SHEET_ROWS motions each, and one page that plays all of them."""
    others = len(set(prompts)) - 1
    stem = slug(prompts[0]) + (f"-and-{others}-more" if others else "") + f"-seed{seed}"
    paths = []
    if "png" in formats:
        for sheet, start in enumerate(range(0, len(motions), SHEET_ROWS), start=1):
            rows = slice(start, start + SHEET_ROWS)
            paths.append(folder / (f"{stem}.png" if len(motions) <= SHEET_ROWS else f"{stem}-sheet{sheet}.png"))
            contact_sheet(motions[rows], list(prompts[rows])).save(paths[-1], optimize=True)
    if "html" in formats:
        paths.append(folder / f"{stem}.html")
        titles = [f"{number}. {prompt}" for number, prompt in enumerate(prompts, start=1)]
        paths[-1].write_text(player_page(motions, titles), encoding="utf-8")
    return paths
