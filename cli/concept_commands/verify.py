"""`lead-invert verify`: each check of the concept file's specification, and how it went.

Without --base it reads only the files: no model, no torch.
"""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.command import JsonObject, command
from cli.console import count_noun, echo, print_json, print_table
from cli.errors import UsageError
from cli.load_models import encode_probe, find_concept, is_token, load_base, load_concept
from cli.options import AllowBaseMismatch, Device, Json

if TYPE_CHECKING:
    from concepts import Check
    from lead import Lead


@command
def verify(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE_OR_TOKEN...", help="Concept files, or words in the library.")
    ],
    base: Annotated[
        str | None,
        typer.Option(metavar="BASE", help="Also check against this base model: embedded, open, or a file."),
    ] = None,
    allow_base_mismatch: AllowBaseMismatch = False,
    device: Device = "auto",
    as_json: Json = False,
) -> JsonObject:
    """Check concept files from others, and say what was checked.

    The checks are those of the file's specification (docs/concept-format.md), in its order; the first fault ends
    them. Nothing in a file is ever run. With --base two more are made: the base model's text tower must be the one
    that the word was learned with, and must give the probe prompt the meaning it had there; other parts may differ
    with --allow-base-mismatch. Exit code 1 if a file fails.

    \b
    lead-invert verify elderly.safetensors
    lead-invert verify downloads/*.safetensors --json
    lead-invert verify elderly.safetensors --base embedded
    lead-invert verify elderly.safetensors --base my-base.safetensors --allow-base-mismatch
    """
    if allow_base_mismatch and base is None:
        raise UsageError(
            "--allow-base-mismatch needs a base model to compare with: add --base PATH or --base embedded."
        )
    model = load_base(base, device) if base is not None else None
    paths = [find_concept(file) if is_token(file) else file for file in files]
    checks = {path: check_file(path, model, allow_base_mismatch) for path in paths}
    bad = [path for path, made in checks.items() if any(check.result == "failed" for check in made)]
    result: JsonObject = {
        "files": [
            {"file": str(path), "sound": path not in bad, "checks": [asdict(check) for check in made]}
            for path, made in checks.items()
        ],
        "failed": len(bad),
    }
    if not as_json:
        for path, made in checks.items():
            rows = [(check.number, check.name, check.result, check.said) for check in made]
            print_table(rows, ("", "check", "result", "found"), str(path))
        echo(_summary(len(checks), len(bad), model is not None))
    if bad:
        if as_json:
            print_json(result)
        raise typer.Exit(1)
    return result


def check_file(path: Path, model: "Lead | None", allow_base_mismatch: bool) -> "list[Check]":
    """The checks of a file and, where it is sound and there is a base model, those against the base."""
    from concepts import verify as verify_file
    from concepts import verify_base

    checks = verify_file(path)
    if model is None or any(check.result == "failed" for check in checks):
        return checks
    concept, prints = load_concept(path), model.fingerprints
    fitted = concept.fit_to_base(prints)
    return checks + verify_base(concept, prints, model.name, lambda: encode_probe(fitted, model), allow_base_mismatch)


def _summary(files: int, bad: int, against_base: bool) -> str:
    if bad:
        return f"{bad} of {count_noun(files, 'file')} failed: do not use what failed; get it again from its author."
    use = "" if against_base else " To see whether a base model understands the word, add --base embedded."
    return f"{count_noun(files, 'file')} sound.{use}"
