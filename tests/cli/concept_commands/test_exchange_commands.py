"""`lead-invert export` and `import`: a word in diffusers' form, and back into the library."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from commands import fails
from safetensors.numpy import load_file, save_file
from typer.testing import Result

from concepts import Concept
from concepts.library import Library
from lead import Lead

Run = Callable[..., Result]


def test_an_exported_word_can_be_imported(run: Run, concept_path: Path, tiny_base: Lead) -> None:
    word = Concept.load(concept_path)
    said = json.loads(run("export", concept_path, "--to", "diffusers", "--json").stdout)
    assert (said["file"], said["token"], said["d_token"]) == ("limp-diffusers.safetensors", "<limp>", 32)
    assert "adapter" in said["left_behind"] and "direction" in said["left_behind"]
    assert list(load_file(said["file"])) == ["<limp>"]
    result = run("import", said["file"], "--kind", "style")
    assert result.exit_code == 0, result.output
    assert "does not state its text tower, clips and license" in result.stderr
    back = Library().load("<limp>")
    assert back.token_embedding.tobytes() == word.token_embedding.tobytes()
    assert back.fingerprints == tiny_base.fingerprints
    assert run("generate", "a person walks in <limp> style", "--format", "npz", "--seconds", 1).exit_code == 0


def test_import_under_another_name_into_a_file(run: Run, tmp_path: Path) -> None:
    save_file({"*cat*": np.ones((3, 32), np.float32)}, tmp_path / "x.safetensors")
    result = run("import", tmp_path / "x.safetensors", "--kind", "action", "--token", "<cat>", "-o", "cat.safetensors")
    assert result.exit_code == 0, result.output
    concept = Concept.load("cat.safetensors")
    assert (concept.token, concept.kind, concept.token_embedding.shape) == ("<cat>", "action", (3, 32))
    assert "--concept cat.safetensors" in result.stdout


def test_a_file_that_does_not_fit_is_refused(run: Run, concept_path: Path, tmp_path: Path) -> None:
    path = tmp_path / "wide.safetensors"
    save_file({"<cat>": np.ones((1, 768), np.float32)}, path)
    fails(run("import", path, "--kind", "style"), "have 768 numbers", "'tiny' have 32", "--base")
    save_file({"*cat*": np.ones((1, 32), np.float32)}, path)
    fails(run("import", path, "--kind", "style"), "is called '*cat*' there", "--token")
    fails(run("import", concept_path, "--kind", "style"), "expected one")
    fails(run("export", concept_path, "--to", "diffusers", "-o", concept_path), "is the concept file itself")
    Library().add_file(concept_path)
    fails(run("import", path, "--kind", "style", "--token", "<limp>"), "<limp> already", "--replace")
