"""Bases and concepts from a hub and to it: revisions, the cache, offline, and answers that nobody should trust."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from stand_in_hub import Hub, Repository, running_hub
from typer.testing import CliRunner

from cli import invert
from cli.options import find_base
from concepts import Concept, ConceptError
from concepts.card import concept_to_card
from concepts.share import fetch
from lead import Lead, LeadError
from lead.hub import HubError, HubPlace, find_pretrained


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """huggingface_hub's cache of this test."""
    folder = tmp_path / "cache"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(folder))
    return folder


@pytest.fixture
def concept() -> Concept:
    rng = torch.Generator().manual_seed(0)
    vectors = torch.randn(2, 8, generator=rng).numpy()
    return Concept(token="<limp>", token_embedding=vectors, kind="style", base="tiny", fingerprints={"text": "0" * 64})


def find(where: str | Path, cache: Path, **options) -> bytes:
    return find_pretrained(where, 1000, cache_dir=cache, **options).read_bytes()


def test_a_base_to_the_hub_and_back(hub: Hub, cache: Path, tiny_base: Lead) -> None:
    address = tiny_base.push_to_hub("me/base", commit_message="First")
    stored = hub.repositories["me/base"]
    assert address == f"{hub.url}/me/base/commit/{stored.sha}" and stored.private
    assert set(stored.files) == {"model.safetensors", "README.md"}
    assert b'Lead.from_pretrained("me/base")' in stored.files["README.md"]
    assert b'license_name: "Apache-2.0"' in stored.files["README.md"]
    for name in ("me/base", "hf://me/base", "hf://me/base/model.safetensors", f"hf://me/base@{stored.sha}"):
        base = Lead.from_pretrained(name)
        assert base.fingerprints == tiny_base.fingerprints and base.name == "tiny"
    assert Lead.from_pretrained("me/base", local_files_only=True).fingerprints == tiny_base.fingerprints


def test_commands_take_a_base_from_a_hub(hub: Hub, cache: Path, tiny_base: Lead, tmp_path: Path) -> None:
    saved = tiny_base.save(tmp_path / "b.safetensors")
    hub.repositories["me/base"] = Repository(True, {"b.safetensors": saved.read_bytes()})
    command = ["generate", "a person walks", "--base", "hf://me/base@main", "--seconds", "2", "--steps", "1"]
    result = CliRunner().invoke(invert.app, [*command, "--format", "bvh", "-o", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert len(list((tmp_path / "out").glob("*.bvh"))) == 1
    assert find_base(saved) == saved and find_base(None) is None
    result = CliRunner().invoke(invert.app, ["vocabulary", "--base", "hf://me/none", "--json"])
    assert result.exit_code == 1 and "has no such repository for you" in result.stdout


def test_a_concept_to_the_hub_and_back(hub: Hub, cache: Path, concept: Concept) -> None:
    concept.push_to_hub("me/limp", card=concept_to_card(concept, concept.file_name))
    assert set(hub.repositories["me/limp"].files) == {"limp.safetensors", "README.md"}
    assert hub.repositories["me/limp"].private
    assert Concept.from_pretrained("me/limp").to_bytes() == concept.to_bytes()
    with pytest.raises(LeadError, match="expected 'lead/1', a LEAD base model"):
        Lead.from_pretrained("me/limp")
    hub.repositories["me/open"] = Repository(private=False)
    with pytest.raises(HubError, match="is public, everybody can read it: add --public"):
        concept.push_to_hub("me/open")
    concept.push_to_hub("me/open", private=False)
    with pytest.raises(HubError, match="more than a repository"):
        concept.push_to_hub("me/open/limp.safetensors")


def test_a_revision_is_always_the_same_bytes(hub: Hub, cache: Path) -> None:
    old, new = "1" * 40, "2" * 40
    hub.repositories["me/x"] = Repository(True, {"a.safetensors": b"new"}, 2, {old: {"a.safetensors": b"old"}})
    assert find("me/x", cache) == b"new"
    assert find("me/x", cache, revision=old) == find(f"hf://me/x@{old}", cache) == b"old"
    hub.repositories["me/x"].files = {"a.safetensors": b"newest"}
    hub.repositories["me/x"].commits = 3
    assert find("me/x", cache) == b"newest"
    assert find("me/x", cache, revision=old) == b"old"
    for revision in ("no-such-branch", new):
        with pytest.raises(HubError, match="no such revision: name a branch, a tag or a whole commit"):
            find("me/x", cache, revision=revision)
    with pytest.raises(HubError, match="says 'v1', and 'v2' is asked for beside it"):
        find("hf://me/x@v1", cache, revision="v2")


def test_offline_only_the_cache_is_asked(hub: Hub, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.repositories["me/x"] = Repository(True, {"a.safetensors": b"a", "b.safetensors": b"b"})
    assert find("me/x", cache, filename="a.safetensors") == b"a"
    hub.requests.clear()
    assert find("me/x", cache, local_files_only=True) == b"a"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert find("me/x", cache) == find(f"hf://me/x@{0:040x}", cache) == b"a"
    for place, options in (("me/y", {}), ("me/x", {"revision": "v9"})):
        with pytest.raises(HubError, match="no copy is on this machine: get it once with a network"):
            find(place, cache, **options)
    with pytest.raises(HubError, match=r"has no b\.safetensors; it has a\.safetensors"):
        find("me/x", cache, filename="b.safetensors")
    assert not hub.requests


def test_the_environment_says_offline(tmp_path: Path) -> None:
    code = "from lead.hub import *\ntry: find_pretrained('me/x', 9, cache_dir='none')\nexcept HubError as e: print(e)"
    environment = {"HF_HUB_OFFLINE": "1", "PATH": "", "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert "no copy is on this machine" in done.stdout


def test_local_files_and_folders_need_no_hub(hub: Hub, cache: Path, tmp_path: Path) -> None:
    folder = tmp_path / "my models"
    folder.mkdir()
    (folder / "x.safetensors").write_bytes(b"x")
    assert find(folder, cache) == find(folder / "x.safetensors", cache) == b"x"
    (folder / "y.safetensors").write_bytes(b"y")
    with pytest.raises(HubError, match=r"several files, x\.safetensors, y\.safetensors: name one"):
        find(folder, cache)
    assert find(folder, cache, filename="y.safetensors") == b"y"
    (folder / "model.safetensors").write_bytes(b"m")
    assert find(folder, cache) == b"m"
    for missing in ("models/x.safetensors", "no-such-thing", "../x", "a/b/c/d"):
        with pytest.raises(HubError, match="there is no such file"):
            find(missing, cache)
    assert not hub.requests


@pytest.mark.parametrize("stem", ["../up", "a/../../up", "/etc/up", "a\\up", ".hidden", "a\x1b[2J"])
def test_names_that_leave_the_folder_are_refused(hub: Hub, cache: Path, tmp_path: Path, stem: str) -> None:
    hub.repositories["me/x"] = Repository(True, {f"{stem}.safetensors": b"x"})
    for attempt in (lambda: find("me/x", cache), lambda: fetch("hf://me/x", tmp_path)):
        with pytest.raises(HubError, match="could land outside of its folder: do not use it"):
            attempt()
    assert not any("resolve" in request for request in hub.requests)


def test_sizes_are_checked_before_and_after(hub: Hub, cache: Path) -> None:
    hub.repositories["me/x"] = Repository(True, {"a.safetensors": b"x" * 1001})
    with pytest.raises(HubError, match=r"a\.safetensors has 1001 bytes, and at most 1000 are taken"):
        find("me/x", cache)
    assert not any("resolve" in request for request in hub.requests)
    hub.said_sizes["a.safetensors"] = 5  # a lie
    with pytest.raises(HubError, match=r"a\.safetensors has 1001 bytes, and at most 1000 are taken"):
        find("me/x", cache)
    hub.repositories["me/x"].files["a.safetensors"] = b"another size than told"
    with pytest.raises(HubError, match=r"a\.safetensors came with 22 bytes of 5: get it again"):
        find("me/x", cache)
    with pytest.raises(HubError):  # nothing of it is taken for a copy
        find("me/x", cache, local_files_only=True)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((404, {}, b"{}"), "has no such repository for you"),
        ((401, {}, b"{}"), r"the hub refused \(401\)"),
        ((403, {}, b"{}"), r"the hub refused \(403\)"),
        ((418, {}, b"a teapot"), "the hub answered 418"),
        ((200, {}, b"short"), "did not do it|came with 5 bytes of 10"),
        ((200, {}, b"longer than the hub said"), "did not do it|came with 24 bytes of 10"),
        ((200, {"Content-Length": "9000"}, b"cut off"), "did not do it"),
        ((200, {"Content-Type": "text/html"}, b"<!DOCTYPE html>"), "did not do it|came with 15 bytes of 10"),
    ],
)
def test_answers_that_are_not_the_file(hub: Hub, cache: Path, answer: tuple, said: str, monkeypatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # between tries
    hub.repositories["me/x"] = Repository(True, {"a.safetensors": b"0123456789"})
    hub.answers["a.safetensors"] = answer
    with pytest.raises(HubError, match=said):
        find("me/x", cache)
    with pytest.raises(HubError):  # nothing of it is taken for a copy
        find("me/x", cache, local_files_only=True)
    del hub.answers["a.safetensors"]
    assert find("me/x", cache) == b"0123456789"


def test_a_redirect_to_another_host_gets_no_login(hub: Hub, cache: Path) -> None:
    hub.repositories["me/x"] = Repository(True, {"a.safetensors": b"0123456789"})
    with running_hub() as other:
        target = f"{other.url.replace('127.0.0.1', 'localhost')}/me/x/resolve/main/a.safetensors"
        hub.answers["a.safetensors"] = 302, {"Location": target}, b""
        with pytest.raises(HubError, match=r"the hub refused \(401\)"):
            find("me/x", cache)
        assert other.tokens == {"/me/x/resolve/main/a.safetensors": ""}


def test_redirects_that_never_end(hub: Hub, cache: Path, monkeypatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    hub.repositories["me/x"] = Repository(True, {"a.safetensors": b"0123456789"})
    hub.answers["a.safetensors"] = 302, {"Location": f"{hub.url}/me/x/resolve/main/a.safetensors"}, b""
    with pytest.raises(HubError, match="did not do it"):
        find("me/x", cache)


def test_another_file_than_a_model(hub: Hub, cache: Path) -> None:
    hub.repositories["me/x"] = Repository(True, {"model.safetensors": b"\x80\x04cos\nsystem\n."})
    with pytest.raises(ConceptError, match=r"model\.safetensors: not a concept but a Python pickle"):
        Concept.from_pretrained("me/x", cache_dir=cache)
    with pytest.raises(LeadError, match="is not a readable safetensors file"):
        Lead.from_pretrained("me/x", cache_dir=cache)


def test_places_are_read_and_written() -> None:
    for text in ("hf://a/b", "hf://a/b@v1.0", "hf://a/b/c.safetensors", "hf://a/b@v1/c/d.safetensors"):
        assert str(HubPlace.parse(text)) == text
    assert HubPlace.parse("hf://a/b@v1/c/d.safetensors") == HubPlace("a/b", "c/d.safetensors", "v1")
    for text in ("hf://a", "hf://a/b@", "hf://a/b/../c", "hf://a/b@../c", "http://a/b", "hf://a/b/.hidden"):
        with pytest.raises(HubError, match="is no place on the hub"):
            HubPlace.parse(text)
