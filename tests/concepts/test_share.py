"""Pushing and pulling files: a folder, and a stand-in for the hub on this machine."""

import dataclasses
from pathlib import Path

import pytest
from stand_in_hub import Hub, Repository

from concepts import Concept, ConceptError
from concepts.library import Library
from concepts.share import fetch, prepare_parcel, push
from lead.hub import HubError, HubPlace


@pytest.fixture
def saved(concept: Concept, tmp_path: Path) -> Path:
    return concept.save(tmp_path / "mine.safetensors")


def test_a_pull_brings_back_what_was_pushed(hub: Hub, saved: Path, tmp_path: Path) -> None:
    sent = prepare_parcel(saved, "hf://me/elderly", {"README.md": b"# A card"})
    assert push(sent) == f"{hub.url}/me/elderly/commit/{1:040x}"
    stored = hub.repositories["me/elderly"]
    assert stored.private
    assert stored.files == {"elderly.safetensors": saved.read_bytes(), "README.md": b"# A card"} == sent.files
    place = tmp_path / "fetched"
    place.mkdir()
    (copy,) = fetch("hf://me/elderly", place)
    assert copy.read_bytes() == saved.read_bytes()
    assert Library().add_file(copy).read_bytes() == saved.read_bytes()
    (same,) = fetch("hf://me/elderly/elderly.safetensors", place)
    assert Concept.load(same).token == "<elderly>"


def test_a_parcel_is_made_without_a_request(hub: Hub, saved: Path) -> None:
    sent = prepare_parcel(saved, "hf://me/elderly")
    assert sent.metadata["modelspec.author"] == "Zoë 走る"
    assert not hub.requests


def test_a_second_push_is_a_commit_in_the_same_repository(hub: Hub, concept: Concept, saved: Path) -> None:
    push(prepare_parcel(saved, "hf://me/elderly"))
    changed = dataclasses.replace(concept, seed=8).save(saved)
    push(prepare_parcel(changed, "hf://me/elderly"))
    stored = hub.repositories["me/elderly"]
    assert stored.commits == 2
    assert Concept.from_bytes(stored.files["elderly.safetensors"]).seed == 8


def test_only_public_pushes_become_public(hub: Hub, saved: Path) -> None:
    hub.repositories["me/open"] = Repository(private=False)
    with pytest.raises(HubError, match="is public, everybody can read it: add --public"):
        push(prepare_parcel(saved, "hf://me/open"))
    assert not hub.repositories["me/open"].files and not hub.objects
    push(prepare_parcel(saved, "hf://me/open"), public=True)
    push(prepare_parcel(saved, "hf://me/new"), public=True)
    assert hub.repositories["me/open"].files
    assert not hub.repositories["me/new"].private


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("hf://me/none", "has no such repository for you"),
        ("hf://me/words/none.safetensors", "has no none.safetensors; it has big.safetensors, notes.safetensors"),
        ("hf://me/words", "big.safetensors has 5000000000 bytes, and at most 16777216 are taken"),
        ("hf://me/empty", "no file that ends in .safetensors"),
        ("hf://me", "is no place on the hub: write hf://<owner>/<name>"),
        ("hf://me/../etc", "is no place on the hub"),
        ("https://example.org/x.safetensors", "download it first"),
    ],
)
def test_what_cannot_be_pulled(hub: Hub, tmp_path: Path, place: str, said: str) -> None:
    hub.repositories["me/words"] = Repository(True, {"notes.safetensors": b"x", "big.safetensors": b"y"})
    hub.repositories["me/empty"] = Repository(True, {"README.md": b"nothing"})
    hub.said_sizes["big.safetensors"] = 5_000_000_000
    with pytest.raises((ConceptError, HubError), match=said):
        fetch(place, tmp_path)
    assert not any("resolve" in request for request in hub.requests)


def test_what_comes_from_the_hub_is_untrusted(hub: Hub, tmp_path: Path) -> None:
    hub.repositories["me/words"] = Repository(True, {"evil.safetensors": b"\x80\x04cos\nsystem\n."})
    (copy,) = fetch("hf://me/words", tmp_path)
    with pytest.raises(ConceptError, match=r"evil\.safetensors: not a concept but a Python pickle"):
        Library().add_file(copy)
    assert not Library().names()


def test_without_a_login(hub: Hub, saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    for attempt in (lambda: push(prepare_parcel(saved, "hf://me/elderly")), lambda: fetch("hf://me/elderly", tmp_path)):
        with pytest.raises(HubError, match=r"the hub refused \(401\): log in with `hf auth login`"):
            attempt()
    assert not hub.repositories


def test_without_a_network(hub: Hub, saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    for attempt in (lambda: push(prepare_parcel(saved, "hf://me/elderly")), lambda: fetch("hf://me/elderly", tmp_path)):
        with pytest.raises(HubError, match=r"was not reached or did not do it .*: check the network"):
            attempt()


def test_without_the_package(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", None)
    with pytest.raises(HubError, match=r"pip install 'lead-invert\[hub\]'"):
        push(prepare_parcel(saved, "hf://me/elderly"))


def test_a_folder_to_and_fro(concept: Concept, saved: Path, tmp_path: Path) -> None:
    share, place = tmp_path / "share", tmp_path / "place"
    share.mkdir(), place.mkdir()
    sent = prepare_parcel(saved, str(share), {"README.md": b"for the hub alone"})
    assert list(sent.files) == ["elderly.safetensors"]
    assert push(sent) == str(share / "elderly.safetensors")
    assert [path.name for path in share.iterdir()] == ["elderly.safetensors"]
    with pytest.raises(ConceptError, match=r"elderly\.safetensors is there already: --replace it"):
        push(sent)
    push(sent, replace=True)
    push(prepare_parcel(saved, str(share / "other.safetensors")))
    assert [path.name for path in fetch(str(share), place)] == ["elderly.safetensors", "other.safetensors"]
    assert (place / "elderly.safetensors").read_bytes() == saved.read_bytes()


def test_folders_that_are_not_there(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(ConceptError, match=r"no such folder; make it, check the name, or write hf://"):
        prepare_parcel(saved, str(tmp_path / "me" / "elderly"))
    with pytest.raises(ConceptError, match="nowhere: there is no such file"):
        fetch(str(tmp_path / "nowhere"), tmp_path)
    (tmp_path / "bare").mkdir()
    with pytest.raises(ConceptError, match=r"bare: no file that ends in \.safetensors"):
        fetch(str(tmp_path / "bare"), tmp_path)
    with pytest.raises(ConceptError, match="names a file: give the repository"):
        prepare_parcel(saved, "hf://me/words/elderly.safetensors")


def test_places_on_the_hub() -> None:
    assert HubPlace.parse("hf://me/words") == HubPlace("me/words")
    assert HubPlace.parse("hf://me/words/") == HubPlace("me/words")
    assert HubPlace.parse("hf://a-b/c.d/e/f.safetensors") == HubPlace("a-b/c.d", "e/f.safetensors")
