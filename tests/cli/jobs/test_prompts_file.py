"""Files of prompts of any origin: one message, and no wait, for whatever is none."""

import json
import os
from pathlib import Path

import pytest

from cli.errors import UsageError
from cli.jobs.prompts_file import read_jobs

LINE = '{"prompt": "a person walks", '
LINES = {
    "deep": ('{"prompt":' + "[" * 200_000, "line 1: not a JSON object"),
    "deep and closed": (LINE + '"seed":' + "[" * 100_000 + "]" * 100_000 + "}", "not a JSON object"),
    "400 digits of seconds": (LINE + f'"seconds": {"9" * 400}}}', "line 1: found seconds 9999999999"),
    "400 digits of a seed": (LINE + f'"seed": {"9" * 400}}}', "line 1: found seed 9999999999"),
    "5000 digits": (LINE + f'"seed": {"9" * 5000}}}', "line 1: not a JSON object"),
    "endless seconds": (LINE + '"seconds": 1e999}', "line 1: found seconds inf"),
    "half a character": ('{"prompt": "a \\ud800 person"}', r"line 1: found '\ud800' in 'a \ud800 person'"),
    "a thousand keys": (json.dumps({str(n): n for n in range(1000)}), "line 1: unknown '0', '1'"),
    "a prompt of lists": (json.dumps({"prompt": ["a"] * 1000}), "line 1: found prompt ['a', 'a'"),
}


@pytest.mark.parametrize("name", LINES)
def test_a_line_that_is_none(tmp_path: Path, name: str) -> None:
    line, said = LINES[name]
    path = tmp_path / "prompts.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(UsageError) as found:
        read_jobs(path, 1, 4.0, 0)
    assert str(found.value).startswith(f"{path}, line 1") and said in str(found.value)
    assert len(str(found.value)) < len(str(path)) + 300


def test_what_never_ends_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path / "pipe", Path("/dev/zero"), Path("/dev/null")):
        with pytest.raises(UsageError, match=f"--prompts {place}: found a device or a pipe, expected a text file"):
            read_jobs(place, 1, 4.0, 0)
    with pytest.raises(UsageError, match="found a folder, expected a text file"):
        read_jobs(tmp_path, 1, 4.0, 0)
