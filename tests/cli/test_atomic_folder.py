"""Files appear together or not at all. Leftovers of killed processes are removed, files of running ones are kept."""

import errno
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from cli import atomic_folder as module
from cli.atomic_folder import FOREIGN_SECONDS, atomic_folder, check_writable
from cli.errors import UsageError
from concepts import lock

ROOT = Path(__file__).parents[2]
WRITER = """
import sys
from pathlib import Path
from cli.atomic_folder import atomic_folder
with atomic_folder(Path(sys.argv[1])) as folder:
    (folder / "half").write_text("half")
    print("writing", flush=True)
    sys.stdin.readline()
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def write(output: Path, name: str = "whole") -> None:
    with atomic_folder(output) as folder:
        (folder / name).write_text(name)


def writing(output: Path) -> "subprocess.Popen[str]":
    """A process in the middle of it."""
    words = [sys.executable, "-c", WRITER, str(output)]
    process = subprocess.Popen(words, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout
    assert process.stdout.readline() == "writing\n"
    return process


def test_leftovers_of_a_killed_process_are_removed(tmp_path: Path) -> None:
    with writing(tmp_path) as process:
        process.kill()
    left = names(tmp_path)
    assert len(left) == 2
    assert all(name.startswith(".lead-invert-") for name in left)
    write(tmp_path)
    assert names(tmp_path) == ["whole"]


def test_files_of_a_running_process_are_kept(tmp_path: Path) -> None:
    with writing(tmp_path) as process:
        write(tmp_path)
        assert len(names(tmp_path)) == 3
        process.communicate("\n")
    assert names(tmp_path) == ["half", "whole"]


@pytest.mark.parametrize(("seconds", "left"), [(0, True), (2 * FOREIGN_SECONDS, False)])
def test_another_machines_folder_is_left_alone_for_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, left: bool
) -> None:
    with writing(tmp_path) as process:
        process.kill()
    then = time.time() - seconds
    for path in tmp_path.glob("*.lock"):
        os.utime(path, (then, then))
    monkeypatch.setattr(module.platform, "node", lambda: "elsewhere.example")
    write(tmp_path)
    assert (len(names(tmp_path)) == 3) is left


def test_a_disk_that_keeps_no_locks_is_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(file: object, path: Path) -> bool:
        raise lock._NoLocksError(f"{path}: cannot be locked")

    with writing(tmp_path) as process:
        process.kill()
    monkeypatch.setattr(lock, "_try_system_lock", refuses)
    write(tmp_path)
    assert len(names(tmp_path)) == 3  # nobody can tell there whether the other lives


def test_a_failure_removes_only_the_folder_that_it_created(tmp_path: Path) -> None:
    def fails(output: Path, more: str = "") -> None:
        with atomic_folder(output) as folder:
            (folder / "half").write_text("half")
            if more:
                (output / more).write_text("of somebody else")
            raise KeyboardInterrupt

    for more in ("", "theirs"):
        with pytest.raises(KeyboardInterrupt):
            fails(tmp_path / "out", more)
    assert names(tmp_path) == ["out"]
    assert names(tmp_path / "out") == ["theirs"]


def test_an_unwritable_folder_is_reported_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    check_writable(tmp_path / "new" / "newer")
    for place in (tmp_path / "file", tmp_path / "file" / "deeper"):
        with pytest.raises(UsageError, match=r"file is a file; expected a folder .* --output"):
            check_writable(place)
    for code, words in ((errno.EROFS, "is read-only"), (errno.ENOSPC, "No space left on device")):

        def refuses(dir: Path, code: int = code) -> None:
            raise OSError(code, os.strerror(code))

        monkeypatch.setattr(tempfile, "TemporaryFile", refuses)
        with pytest.raises(UsageError, match=rf"new cannot be written: .* ?{words}. Name another folder"):
            check_writable(tmp_path / "new")
    assert names(tmp_path) == ["file"]
