"""`prompts.jsonl`: which prompt each generated file is from, so that views can title it.

`generate` writes it beside its files, a line a motion; a later line of the same file counts. The shards of
`generate --prompts` have an `index.jsonl` of the same form.
"""

import json
from collections.abc import Sequence
from pathlib import Path

RECORD, INDEX = "prompts.jsonl", "index.jsonl"
LARGEST = 64 * 1024 * 1024
"""Bytes of a record that is read."""


def record_prompts(output: Path, prompts: Sequence[str], groups: Sequence[Sequence[Path]], seed: int) -> None:
    """Add the files of motions to the folder's record; lines of files that are written again are replaced."""
    from lead.motion.atomic import atomic_write

    path = output / RECORD
    new = [
        {"prompt": prompt, "seed": seed, "files": [file.name for file in group]}
        for prompt, group in zip(prompts, groups, strict=True)
        if group
    ]
    written = {str(file) for line in new for file in line["files"]}  # type: ignore[attr-defined]
    old = [line for line in _read_lines(path) if not written & set(map(str, line["files"]))]  # type: ignore[call-overload]
    if new:
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in (*old, *new))
        with atomic_write(path) as partial:
            partial.write_text(text, encoding="utf-8")


def find_prompt(file: Path) -> str:
    """The prompt that a file was generated from; empty where no record beside it says so."""
    found = ""
    for name in (INDEX, RECORD):
        for line in _read_lines(file.parent / name):
            if file.name in line["files"]:  # type: ignore[operator]
                found = str(line["prompt"])
    return " ".join(found.split())


def _read_lines(path: Path) -> list[dict[str, object]]:
    """The lines that name a prompt and files; a file that is none, or a line that is no record, is passed by."""
    if not path.is_file() or path.stat().st_size > LARGEST:
        return []
    lines = []
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            line = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if isinstance(line, dict) and isinstance(line.get("prompt"), str) and isinstance(line.get("files"), list):
            lines.append(line)
    return lines
