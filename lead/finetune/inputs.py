"""What fine-tuning reads: the base to go on from, and a data set's captioned clips. Writes nothing."""

from dataclasses import dataclass
from pathlib import Path

from lead.bases import locate_base
from lead.data import dataset as motion_data
from lead.data.dataset import Clip
from lead.data.layout import read_split
from lead.errors import LeadError
from lead.model import Lead
from lead.networks.denoiser import Denoiser
from lead.networks.vae import MotionVAE
from lead.train.warm_start import match_stats


@dataclass(frozen=True, eq=False)
class Inputs:
    """Clips are normalized by the base's statistics; each has a caption."""

    start: Lead
    """Without the kernels' fast modules: its weights are where training begins."""
    path: Path
    """The base's file."""
    data: Path
    clips: tuple[Clip, ...]
    """For training."""
    val: tuple[Clip, ...]
    """To choose the best weights by; the training clips where no others have captions."""
    held_out: tuple[Clip, ...]
    """Of the splits val and test; none where both are empty."""


def read_inputs(data: Path, base: Path | None, device: str = "cpu") -> Inputs:
    """The base in a file (None: the embedded one) and the clips of a data set.

    Raises LeadError where the base is MLD's, where its features are others than the data set's, and where no training
    clip has a caption.
    """
    path = locate_base(base)
    start = Lead.load(path, plain=True)
    if not isinstance(start.vae, MotionVAE) or not isinstance(start.denoiser, Denoiser):
        raise LeadError(
            f"{path} has MLD's networks, which are not fine-tuned; give a base of --preset small, or none for the "
            "embedded one"
        )
    stats = match_stats(data, start, f"the base {path}")
    clips = tuple(clip for clip in motion_data.load_captioned(data, stats) if clip.captions)
    if not clips:
        raise LeadError(f"{data} has no training clip with a caption; fine-tuning needs what each clip shows")
    val, test = (_load_judging(data, split, start) for split in ("val", "test"))
    return Inputs(start.to(device), path, data, clips, val or clips, val + test)


def _load_judging(data: Path, split: str, start: Lead) -> tuple[Clip, ...]:
    """The captioned clips of a split for judging; none where the data set has no such split."""
    listing = data / f"{split}.txt"
    if not listing.is_file() or not read_split(listing):
        return ()
    return tuple(clip for clip in motion_data.load(data, split, start.stats) if clip.captions)
