"""`lead-invert evaluate` on a tiny base: the verdict, and the words of the library beside it."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import Result

from cli.commands.evaluate import MOST_OTHERS
from concepts import Concept
from concepts.library import Library

Run = Callable[..., Result]


def test_the_verdict_comes_first_and_is_in_json(run: Run, clips: Path, concept_path: Path) -> None:
    shown = run("evaluate", concept_path, "--clips", clips)
    assert shown.exit_code == 0, shown.output
    said = json.loads(run("evaluate", concept_path, "--clips", clips, "--json").stdout)["verdict"]
    assert shown.stdout.split("\n")[0][:40] == said["sentence"][:40] and "<limp>" in said["sentence"]
    assert said["others"] == {} and 0.0 <= said["score"] <= 1.0


@pytest.mark.parametrize("count", [2, MOST_OTHERS + 1])
def test_other_words_of_the_library_are_compared(
    run: Run, clips: Path, concept_path: Path, limp: Concept, count: int
) -> None:
    library = Library()
    for number in range(count):
        library.add(replace(limp, token=f"<other-{number}>"))
    library.add(limp)
    tensors = {name: tensor for name, tensor in limp.tensors.items() if name != "direction"}
    library.add(replace(limp, token="<spin>", kind="action", schedule=None, tensors=tensors))
    (library.folder / "broken.safetensors").write_bytes(b"no concept")
    result = run("evaluate", concept_path, "--clips", clips, "--json")
    assert result.exit_code == 0, result.output
    others = json.loads(result.stdout)["verdict"]["others"]
    assert set(others) <= {f"<other-{number}>" for number in range(count)} and len(others) == min(count, MOST_OTHERS)
