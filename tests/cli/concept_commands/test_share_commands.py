"""`lead-invert push` and `pull`: nothing is sent without a confirmation, and pulled files are verified first."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from commands import fails
from stand_in_hub import Hub, Repository
from typer.testing import CliRunner, Result

from cli import invert
from cli.concept_commands import share
from concepts import Concept, Exemplar
from concepts.library import Library

Run = Callable[..., Result]


@pytest.fixture
def word() -> Concept:
    joints = np.zeros((20, 22, 3))
    return Concept(
        token="<limp>", token_embedding=np.ones((2, 32)), kind="style", base="tiny", fingerprints={"text": "ab" * 32},
        author="Ann", license="CC BY 4.0", loss=(1.0, 0.5), scores={"report.travels": 0.8765},
        exemplars=(Exemplar.from_joints(joints, 20.0, "Ann's studio", "CC BY 4.0"),),
        tensors={"preview.joints": joints},
    )  # fmt: skip


@pytest.fixture
def library(word: Concept) -> Library:
    library = Library()
    library.add(word)
    return library


def asked(monkeypatch: pytest.MonkeyPatch, answer: str, *args: object) -> Result:
    """A command at a terminal whose user answers."""
    monkeypatch.setattr(share, "_is_interactive", lambda: True)
    return CliRunner().invoke(invert.app, list(map(str, args)), input=answer)


def test_push_shows_what_it_sends_and_asks_first(
    run: Run, hub: Hub, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ("push", "<limp>", "hf://me/limp")
    dry = run(*command, "--dry-run")
    assert dry.exit_code == 0, dry.output
    data = library.path("<limp>").read_bytes()
    for said in (
        "to hf://me/limp (private)", "limp.safetensors", str(len(data)), hashlib.sha256(data).hexdigest(), "README.md",
        "preview.png", "Ann", "CC BY 4.0", "report.travels 0.8765", "source Ann's studio", "preview.joints",
        "nothing was sent",
    ):  # fmt: skip
        assert said in dry.stdout
    assert "preview.joints shows a motion of 1.0 s" in dry.stderr
    fails(run(*command), "nothing was sent", "--yes", "--dry-run")
    shown = asked(monkeypatch, "n\n", *command).stdout
    assert "nothing was sent" in shown and "report.travels" not in shown
    assert "<limp>, style of tiny; 1 recording; author Ann; license" in " ".join(shown.split())
    assert "report.travels 0.8765" in asked(monkeypatch, "n\n", *command, "-v").stdout
    assert not hub.requests
    sent = asked(monkeypatch, "y\n", *command)
    assert "Send 3 files" in sent.stderr and "sent: http://127.0.0.1" in sent.stdout
    stored = hub.repositories["me/limp"]
    assert stored.private and stored.files["limp.safetensors"] == data
    assert b"limp.safetensors" in stored.files["README.md"] and b"preview.png" in stored.files["README.md"]
    assert stored.files["preview.png"].startswith(b"\x89PNG")


def test_a_dry_run_tells_a_script_everything(run: Run, hub: Hub, library: Library) -> None:
    said = json.loads(run("push", "<limp>", "hf://me/limp", "--dry-run", "--json").stdout)
    data = library.path("<limp>").read_bytes()
    assert said["files"][0] == {
        "name": "limp.safetensors", "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(),
    }  # fmt: skip
    assert [file["name"] for file in said["files"]] == ["limp.safetensors", "README.md", "preview.png"]
    assert (said["private"], said["sent"], said["target"]) == (True, None, "hf://me/limp")
    assert json.loads(said["metadata"]["lead_invert.concept"])["exemplars"][0]["source"] == "Ann's studio"
    assert said["tensors"] == {"token_embedding": [2, 32], "preview.joints": [20, 22, 3]}
    assert not hub.requests


def test_pull_verifies_and_adds_to_the_library(run: Run, hub: Hub, library: Library, word: Concept) -> None:
    assert run("push", "<limp>", "hf://me/limp", "--yes", "--no-card").exit_code == 0
    assert list(hub.repositories["me/limp"].files) == ["limp.safetensors"]
    library.remove("<limp>")
    said = json.loads(run("pull", "hf://me/limp", "--json").stdout)
    assert [one["token"] for one in said["added"]] == ["<limp>"]
    assert library.path("<limp>").read_bytes() == word.to_bytes()
    fails(run("pull", "hf://me/limp"), "hf://me/limp: the library has <limp> already", "--replace")
    assert run("pull", "hf://me/limp", "--as", "anns-limp").exit_code == 0
    assert list(library) == ["<anns-limp>", "<limp>"]


def test_a_pull_with_a_faulty_file_adds_nothing(run: Run, hub: Hub, word: Concept) -> None:
    good = word.to_bytes()
    hub.repositories["me/words"] = Repository(True, {"limp.safetensors": good, "other.safetensors": good[:-1]})
    fails(run("pull", "hf://me/words"), "hf://me/words: other.safetensors: cut off")
    assert list(Library()) == []


def test_a_shared_folder(run: Run, library: Library, tmp_path: Path) -> None:
    shared = tmp_path / "share"
    shared.mkdir()
    fails(run("push", "<limp>", shared), "nothing was sent")
    assert not list(shared.iterdir())
    said = json.loads(run("push", "<limp>", shared, "--yes", "--json").stdout)
    assert said["sent"] == str(shared / "limp.safetensors")
    assert said["private"] is None
    fails(run("push", "<limp>", shared, "--yes"), "limp.safetensors is there already: --replace it")
    library.remove("<limp>")
    assert run("pull", shared).exit_code == 0
    assert list(library) == ["<limp>"]
