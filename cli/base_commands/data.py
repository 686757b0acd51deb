"""`lead data prepare`, `vary` and `check`: data sets of captioned motion."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cli.atomic_folder import check_writable
from cli.command import JsonObject, accept_device, command
from cli.console import hint, print_json, print_table, progress_bar, spinner
from cli.errors import UsageError
from cli.options import DataSet, Json, Seed, require_path


@command
@accept_device
def prepare(
    source: Annotated[Path, typer.Argument(metavar="CLIPS", help="Folder of .bvh, .npz and .npy clips with captions.")],
    out: Annotated[Path, typer.Argument(metavar="DATA", help="Folder to write the data set to.")],
    babel: Annotated[
        Path | None, typer.Option(metavar="DIR", help="BABEL's release; CLIPS is then AMASS, and gets its labels.")
    ] = None,
    as_json: Json = False,
) -> JsonObject:
    """Turn a folder of captioned clips into HumanML3D's layout.

    Captions are in CLIPS/captions.jsonl, one line a clip, or in a text file beside each clip, one caption a line.
    A hash of its name puts a clip without a split into train, val or test. The download of 100STYLE is known by its
    Frame_Cuts.csv; its captions are made from the files' names.

    \b
    {"clip": "walk_01.bvh", "captions": ["a person walks", "someone walks ahead"], "split": "train"}

    \b
    lead data prepare clips/ data/
    lead data prepare 100STYLE/ data/
    lead data prepare AMASS/ data/ --babel babel_v1.0_release/
    """
    from lead.data.prepare import prepare_data

    require_path(source, "CLIPS")
    check_writable(out, "DATA")
    with progress_bar("preparing clips") as report:
        counts = dict(prepare_data(source, out, report, babel and require_path(babel, "--babel")))
    if not as_json:
        print_table(list(counts.items()), ("split", "clips"), title=f"{out}")
        if empty := [split for split, clips in counts.items() if not clips]:
            hint(
                f"no clip is in {' and '.join(empty)}; training needs one in val, `lead eval` two in test. Say which "
                f'clips are for them, in {source / "captions.jsonl"}: "split": "{empty[0]}"'
            )
    return {"data": str(out), "clips": counts}


@command
@accept_device
def compose(
    data: DataSet,
    attempts: Annotated[
        int, typer.Option(min=1, metavar="N", help="How often a recipe is tried; about half of the products count.")
    ] = 24000,
    processes: Annotated[int, typer.Option(min=1, metavar="N", help="Processes that share the work.")] = 2,
    seed: Seed = 0,
    as_json: Json = False,
) -> JsonObject:
    """Make new training clips from old: reversed, bent into circles, two at once, one after another, and so on.

    A clip is used if we understand its captions and its joints do not refute them. What a measure of the joints refutes
    is dropped. Training clips get further captions, and training draws by action.

    \b
    lead data compose data/
    lead data compose data/ --attempts 4000
    """
    from lead.data.compose.compose import compose_data

    check_writable(require_path(data, "DATA"), "DATA")
    with progress_bar("composing clips") as report:
        counts = dict(compose_data(data, attempts, seed, processes, progress=report))
    if not as_json:
        rows = [(recipe.replace("_", " "), count) for recipe, count in sorted(counts.items(), key=lambda row: -row[1])]
        print_table([*rows, ("all", sum(counts.values()))], ("recipe", "clips"), title=f"{data}")
    return {"data": str(data), "clips": counts}


@command
@accept_device
def vary(
    data: DataSet,
    copies: Annotated[int, typer.Option(min=1, metavar="N", help="Variations of each training clip.")] = 8,
    seed: Seed = 0,
    as_json: Json = False,
) -> JsonObject:
    """Add procedural variations of the training clips: slower, hunched, crouched, mirrored, and so on.

    \b
    lead data vary data/
    lead data vary data/ --copies 4
    """
    from lead.data.vary import vary_data

    check_writable(require_path(data, "DATA"), "DATA")
    with progress_bar("varying clips") as report:
        counts = dict(vary_data(data, copies, seed, progress=report))
    if not as_json:
        print_table(list(counts.items()), ("split", "clips"), title=f"{data}")
    return {"data": str(data), "clips": counts}


@command
@accept_device
def check(data: DataSet, as_json: Json = False) -> JsonObject:
    """Show a data set's content, the clips that are left out and why, and missing files.

    HumanML3D's and KIT-ML's folders are read as their authors lay them out. Fails if something is missing.

    \b
    lead data check HumanML3D/
    lead data check data/ --json
    """
    from lead.data.dataset import check_data

    with spinner(f"reading {data}"):
        kind, splits, missing = check_data(require_path(data, "DATA"))
    if not as_json:
        rows = []
        for name, split in splits.items():
            left_out = ", ".join(f"{count} {reason}" for reason, count in split.left_out.items())
            rows.append((name, split.listed, split.clips, split.captions, f"{split.hours:.2f}", left_out))
        print_table(rows, ("split", "listed", "clips", "captions", "hours", "left out"), title=f"{data}: {kind}")
    splits_json = {name: asdict(split) for name, split in splits.items()}
    report: JsonObject = {"data": str(data), "kind": kind, "splits": splits_json, "missing": missing}
    if missing and as_json:
        print_json(report)
        raise typer.Exit(1)
    if missing:
        raise UsageError(f"{data} is not complete.\n  " + "\n  ".join(missing))
    return report
