"""Training that goes on from a base: its parts are the initial weights, and its statistics normalize the data.

`begin_from` puts the base into the run folder as `start.safetensors`; every stage but the evaluator looks for it there.
Knows nothing of how parts are trained.
"""

import shutil
from pathlib import Path

from lead.bases import locate_base
from lead.checkpoint import atomic_write
from lead.errors import LeadError
from lead.model import Lead
from lead.motion.features import Stats

START = "start.safetensors"


def begin_from(base: Path | None, run: Path) -> None:
    """Makes a run folder go on from a base file (None: the embedded one); LeadError where it began from another."""
    path, run = locate_base(base), Path(run)
    start = run / START
    if start.is_file():
        if start.read_bytes() != path.read_bytes():
            raise LeadError(f"{run} began from another base than {path}; give another run folder with --output")
        return
    Lead.load(path)  # a file that is no base is refused before anything is written
    if any(run.glob("*.safetensors")):
        raise LeadError(
            f"{run} has parts that were trained without a base to go on from; give another run folder with --output"
        )
    run.mkdir(parents=True, exist_ok=True)
    with atomic_write(start) as partial:
        shutil.copyfile(path, partial)


def load_start(run: Path) -> Lead | None:
    """The base that a run goes on from, if there is one; its parts may be trained."""
    path = Path(run) / START
    return Lead.load(path, plain=True) if path.is_file() else None


def read_stats(data: Path, run: Path) -> Stats:
    """The statistics that a run normalizes its data with: those of the base that it goes on from, else the data's.

    Raises LeadError where the data has features of another skeleton than the base.
    """
    start = load_start(run)
    return match_stats(data, start, f"the base that {run} goes on from") if start else Stats.read(Path(data))


def match_stats(data: Path, start: Lead, what: str) -> Stats:
    """The statistics of a base, which errors call `what`; LeadError where the data has features of another skeleton."""
    own = Stats.read(Path(data))
    if own.mean.shape != start.stats.mean.shape:
        raise LeadError(
            f"{data} has {len(own.mean)} features a frame, {what} {len(start.stats.mean)}; give a data set of the same "
            "features"
        )
    return start.stats
