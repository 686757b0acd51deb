"""The library: words by token, refused clashes, atomic changes with several writers and killed processes."""

import dataclasses
import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.robustness import library_worker
from concepts import Concept, ConceptError
from concepts.library import LEFTOVER_SECONDS, Library, library_folder
from concepts.lock import hold_lock

ROOT = Path(__file__).parents[2]
REFUSALS = ("already (", "the library has no ")


@pytest.fixture
def library() -> Library:
    return Library()


def process(*args: object) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, *map(str, args)], stdout=subprocess.PIPE, text=True, env=environment)


def assert_consistent(folder: Path) -> list[str]:
    """Every word loads and is called what its file is called; nothing half-written is left after one more change."""
    library = Library(folder)
    library.add(library_worker.make_concept("<last>", 0), replace=True)
    tokens = library.names()
    assert [library.load(token).token for token in tokens] == tokens
    assert sorted(path.stem for path in folder.glob("*.safetensors")) == [token[1:-1] for token in tokens]
    assert not list(folder.glob(".rename.*"))
    return tokens


def test_the_folder_is_the_users_or_the_one_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LEAD_CONCEPTS", "~/words")
    assert library_folder() == Path("~/words").expanduser()
    monkeypatch.setenv("LEAD_CONCEPTS", "")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert library_folder().name == "concepts"
    assert "lead-invert" in library_folder().parts
    assert Library(tmp_path / "chosen").folder == tmp_path / "chosen"


def test_words_can_be_added_and_loaded(library: Library, concept: Concept) -> None:
    assert library.names() == [] and library.find("<elderly>") is None
    path = library.add(concept)
    assert path == library.find("<elderly>") == library.folder / "elderly.safetensors"
    assert path.read_bytes() == concept.to_bytes()
    assert library.load("<elderly>").to_bytes() == concept.to_bytes()
    library.add(dataclasses.replace(concept, token="<brisk>"))
    assert list(library) == ["<brisk>", "<elderly>"]
    library.remove("<elderly>")
    assert list(library) == ["<brisk>"] and not path.exists()


def test_a_file_is_taken_as_it_is_or_under_another_name(library: Library, concept: Concept, tmp_path: Path) -> None:
    file = concept.save(tmp_path / "from a friend.safetensors")
    assert library.add_file(file).read_bytes() == file.read_bytes()
    library.add_file(file, "<ann>")
    ann = library.load("<ann>")
    assert (ann.token, ann.title, ann.author) == ("<ann>", "ann", concept.author)
    assert ann.token_embedding.tobytes() == concept.token_embedding.tobytes()
    (tmp_path / "bad.safetensors").write_bytes(b"PK\x03\x04 and more")
    with pytest.raises(ConceptError, match=r"bad\.safetensors: not a concept but a zip archive"):
        library.add_file(tmp_path / "bad.safetensors")


def test_a_name_that_is_taken_is_refused(library: Library, concept: Concept) -> None:
    library.add(concept)
    other = dataclasses.replace(concept, seed=8)
    with pytest.raises(ConceptError, match=r"has <elderly> already \(.*elderly\.safetensors\): choose another name"):
        library.add(other)
    library.add(dataclasses.replace(concept, token="<brisk>"))
    with pytest.raises(ConceptError, match="has <elderly> already"):
        library.rename("<brisk>", "<elderly>")
    assert library.load("<elderly>").seed == concept.seed and list(library) == ["<brisk>", "<elderly>"]
    library.add(other, replace=True)
    assert library.load("<elderly>").seed == 8


def test_a_rename_changes_the_token_in_the_file(library: Library, concept: Concept) -> None:
    library.add(dataclasses.replace(concept, title="My walk"))
    path = library.rename("<elderly>", "<old>")
    renamed = Concept.load(path)
    assert (renamed.token, renamed.title, renamed.probe_prompt) == ("<old>", "My walk", "a person walks in <old> style")
    assert list(library) == ["<old>"]
    library.rename("<old>", "<older>")
    assert library.load("<older>").title == "My walk"


@pytest.mark.parametrize("attempt", [Library.load, Library.remove, Library.locate, lambda it, _: it.rename(_, "<x>")])
def test_missing_words_are_named(library: Library, concept: Concept, attempt: Callable[..., object]) -> None:
    with pytest.raises(ConceptError, match=r"has no <elder>; it is empty \(.*library\)"):
        attempt(library, "<elder>")
    library.add(concept)
    with pytest.raises(ConceptError, match=r"has no <elder>; it has <elderly>; did you mean <elderly>\?"):
        attempt(library, "<elder>")


def test_a_long_list_is_cut(library: Library, concept: Concept) -> None:
    for number in range(23):
        library.add(dataclasses.replace(concept, token=f"<w{number:02}>"))
    assert library.offer("<zzz>").endswith("<w19> and 3 more")


def test_files_without_a_words_name_are_ignored(library: Library, concept: Concept) -> None:
    library.add(concept)
    for name in ("My Walk.safetensors", "notes.txt", ".elderly.partial", ".rename.x", "-.safetensors"):
        (library.folder / name).write_bytes(b"")
    library.add(dataclasses.replace(concept, token="<old>"))
    assert list(library) == ["<elderly>", "<old>"]
    assert (library.folder / "My Walk.safetensors").exists()
    (library.folder / "old.safetensors").replace(library.folder / "older.safetensors")
    with pytest.raises(ConceptError, match=r"older\.safetensors: the file holds <old>: give it the name old\.safetens"):
        library.load("<older>")


def test_a_folder_that_cannot_be(tmp_path: Path, concept: Concept) -> None:
    (tmp_path / "file").write_text("")
    for attempt in (lambda it: it.add(concept), lambda it: it.names()):
        with pytest.raises(ConceptError, match=r"file: cannot be (made|read as a library): "):
            attempt(Library(tmp_path / "file"))


@pytest.mark.parametrize("moved", [False, True])
def test_a_killed_rename_is_not_seen_and_is_finished(library: Library, concept: Concept, moved: bool) -> None:
    """The marker is written, the new file perhaps; the old one was to go."""
    library.add(concept)
    new = dataclasses.replace(concept, token="<old>").to_bytes()
    (library.folder / ".rename.elderly.old").write_text(hashlib.sha256(new).hexdigest())
    if moved:
        (library.folder / "old.safetensors").write_bytes(new)
    expected = ["<old>"] if moved else ["<elderly>"]
    assert list(library) == expected
    assert (library.find("<elderly>") is None) is moved
    library.add(dataclasses.replace(concept, token="<ann>"))
    assert list(library) == ["<ann>", *expected]
    assert sorted(path.name for path in library.folder.iterdir()) == [
        ".lock", "ann.safetensors", f"{expected[0][1:-1]}.safetensors",
    ]  # fmt: skip


def test_another_file_of_the_new_name_does_not_finish_a_rename(library: Library, concept: Concept) -> None:
    library.add(concept)
    library.add(dataclasses.replace(concept, token="<old>"))
    (library.folder / ".rename.elderly.old").write_text("0" * 64)
    library.remove("<old>")
    assert list(library) == ["<elderly>"]


def test_leftovers_of_killed_writers_go_when_they_are_old(library: Library, concept: Concept) -> None:
    library.add(concept)
    old, young = (library.folder / f".concept-{n}.tmp" for n in (1, 2))
    for path in (old, young):
        path.write_bytes(b"half")
    past = time.time() - LEFTOVER_SECONDS - 1
    os.utime(old, (past, past))
    library.remove("<elderly>")
    assert not old.exists() and young.exists()


def test_the_lock_is_waited_for_and_dies_with_its_holder(tmp_path: Path) -> None:
    lock = tmp_path / ".lock"
    code = (
        "from concepts.lock import hold_lock\nfrom pathlib import Path\nimport time\n"
        f"with hold_lock(Path({str(lock)!r})):\n    print('held', flush=True)\n    time.sleep(60)\n"
    )
    holder = process("-c", code)
    assert holder.stdout and holder.stdout.readline() == "held\n"
    with pytest.raises(ConceptError, match=r"\.lock: another program has this lock"), hold_lock(lock, 0.05):
        pass
    holder.send_signal(signal.SIGKILL)
    with holder:  # waits, and closes what it prints to
        pass
    with hold_lock(lock, 0.5):
        pass


def test_only_one_process_learns_a_word_at_a_time(library: Library) -> None:
    with library.reserve("<limp>"), library.reserve("<other>"):
        assert sorted(path.name for path in library.folder.iterdir()) == [".limp.learning", ".other.learning"]
        with pytest.raises(ConceptError, match=r"limp\.learning: another"), library.reserve("<limp>"):
            pass
    assert not list(library.folder.iterdir())


def test_five_processes_and_kills_leave_a_consistent_library(tmp_path: Path) -> None:
    seconds = [60, 60, 0.5, 0.5, 0.5]  # the first two are killed
    workers = [
        process("-m", "benchmarks.robustness.library_worker", tmp_path, n, seed) for seed, n in enumerate(seconds)
    ]
    for worker in workers:
        assert worker.stdout and worker.stdout.readline() == "ready\n"
    for worker in workers[:2]:
        time.sleep(0.15)
        worker.kill()
    told = [line for worker in workers for line in worker.communicate(timeout=30)[0].splitlines()]
    assert [worker.returncode for worker in workers] == [-signal.SIGKILL] * 2 + [0] * 3
    refused = [line for line in told if line.startswith("refused")]
    assert all(any(reason in line for reason in REFUSALS) for line in refused), refused
    assert len(told) > len(refused)
    assert set(assert_consistent(tmp_path)) <= {*library_worker.TOKENS, "<last>"}


def test_of_five_who_add_the_same_name_one_does(tmp_path: Path) -> None:
    start = threading.Barrier(5)

    def attempt(seed: int) -> str:
        word = library_worker.make_concept("<same>", seed)
        start.wait()
        try:
            return str(Library(tmp_path).add(word))
        except ConceptError as refusal:
            return str(refusal)

    with ThreadPoolExecutor(5) as pool:
        told = list(pool.map(attempt, range(5)))
    added = str(tmp_path / "same.safetensors")
    assert told.count(added) == 1
    assert sum("has <same> already" in line for line in told) == 4
    assert Library(tmp_path).load("<same>").seed == told.index(added)


def test_names_that_windows_reserves_are_safe_file_names(concept, tmp_path):
    library = Library(tmp_path / "words")
    tokens = ["<aux>", "<com1>", "<con>", "<con-1>", "<lpt9>", "<nul>", "<prn>"]
    for token in tokens:
        library.add(replace(concept, token=token))
    stems = {path.stem for path in library.folder.glob("*.safetensors")}
    assert stems == {"aux_", "com1_", "con_", "con-1", "lpt9_", "nul_", "prn_"}
    assert library.names() == sorted(tokens) and library.load("<con>").token == "<con>"
    assert library.rename("<nul>", "<con-2>").name == "con-2.safetensors"
    library.remove("<con>")
    assert library.find("<con>") is None and replace(concept, token="<prn>").file_name == "prn_.safetensors"


def test_a_summary_is_what_the_whole_file_says(concept, tmp_path):
    path = concept.save(tmp_path / concept.file_name)
    summary = Concept.read_summary(path)
    loaded = Concept.load(path)
    for name, value in vars(summary).items():
        assert value == (len(loaded.exemplars) if name == "clips" else getattr(loaded, name))


def test_a_walk_through_the_library_lists_the_folder_once(concept, tmp_path, monkeypatch):
    library = Library(tmp_path / "words")
    for number in range(40):
        library.add(replace(concept, token=f"<w-{number}>"))
    path = library.path("<w-7>")
    path.write_bytes(path.read_bytes()[:-1])
    path.replace(library.path("<w-8>"))
    library.path("<w-9>").replace(path)
    listed = []
    listdir = os.listdir
    monkeypatch.setattr(os, "listdir", lambda place: listed.append(place) or listdir(place))
    for read in (Concept.read_summary, Concept.load):
        found = dict(library.read_each(read))
        faults = {token: str(error) for token, error in found.items() if isinstance(error, ConceptError)}
        assert len(found) == 39 and set(faults) == {"<w-7>", "<w-8>"}
        assert "the file holds <w-9>: give it the name w-9.safetensors" in faults["<w-7>"]
        assert f"{library.path('<w-8>')}: cut off: the tensors need" in faults["<w-8>"]
    assert len(listed) == 2
