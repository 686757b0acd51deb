"""The console scripts: Ctrl-C in their first moments is quiet, and where it is ignored it stays ignored."""

import os
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from cli.start import PROGRAMS, STOPPED

ROOT = Path(__file__).parents[2]
STOP = "os.kill(os.getpid(), signal.SIGINT)\n"
HIDES = f"""
import os, signal, time
try:
    {STOP}    time.sleep(20)
except BaseException as error:
    raise ImportError("a module that cannot be imported") from error
"""
"""A module that turns a Ctrl-C during its import into an error of its own, as modules in C do."""
LATER = f"import os, signal\ndef main():\n    {STOP}    while True: pass\n"
IGNORES = f"import os, signal\n{STOP}def main():\n    {STOP}    print('done')\n"


def run(folder: Path, program: str, before: str = "") -> "subprocess.CompletedProcess[str]":
    (folder / "slow_program.py").write_text(program)
    start = f"{before}\nfrom cli.start import run_program; run_program('slow_program')"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(folder), str(ROOT)))}
    return subprocess.run([sys.executable, "-c", start], env=environment, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("program", [HIDES, LATER])
def test_ctrl_c_before_a_command_begins_is_quiet(program: str, tmp_path: Path) -> None:
    before = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"  # a background shell ignores it
    ended = run(tmp_path, program, before)
    assert (ended.returncode, ended.stdout, ended.stderr) == (STOPPED, "", "")


def test_work_in_the_background_is_not_interrupted(tmp_path: Path) -> None:
    ended = run(tmp_path, IGNORES, "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "done\n", "")


def test_the_console_scripts_exist() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert set(scripts) == set(PROGRAMS)
    for place in scripts.values():
        module, _, function = place.partition(":")
        assert callable(getattr(import_module(module), function))
