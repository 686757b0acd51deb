"""`prompts.jsonl`: which prompt each generated file is from, so that views can title it.

`generate` writes it beside its files, a line a motion; a later line of the same file counts. The shards of
`generate --prompts` have an `index.jsonl` of the same form.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

RECORD, INDEX = "prompts.jsonl", "index.jsonl"
LARGEST = 64 * 1024 * 1024
"""Bytes of a record that is read."""


def record_prompts(output: Path, prompts: Sequence[str], groups: Sequence[Sequence[Path]], seed: int) -> None:
    """Add the files of motions to the folder's record; a line of the same files is replaced."""
    from lead.motion.atomic import atomic_write

    path = output / RECORD
    lines = {_names(line): line for line in _read_lines(path)}
    new = {
        tuple(file.name for file in group): {"prompt": prompt, "seed": seed, "files": [file.name for file in group]}
        for prompt, group in zip(prompts, groups, strict=True)
        if group
    }
    if new:
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in (lines | new).values())
        with atomic_write(path) as partial:
            partial.write_text(text, encoding="utf-8")


def _names(line: dict[str, Any]) -> tuple[str, ...]:
    return tuple(map(str, line["files"]))


def find_prompt(file: Path) -> str:
    """The prompt that a file was generated from; empty where no record beside it says so."""
    found = ""
    for name in (INDEX, RECORD):
        for line in _read_lines(file.parent / name):
            if file.name in _names(line):
                found = str(line["prompt"])
    return " ".join(found.split())


def _read_lines(path: Path) -> list[dict[str, Any]]:
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
