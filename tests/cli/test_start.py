"""The console scripts: Ctrl-C in their first moments is quiet; SIGTERM clears up; a parent's end ends its programs."""

import os
import signal
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from cli.start import PROGRAMS, STOPPED, Terminated, terminate_by_interrupt

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


def test_another_distributions_package_of_our_name_is_pointed_out(tmp_path: Path) -> None:
    (tmp_path / "concepts").mkdir()
    (tmp_path / "concepts" / "__init__.py").write_text("class Context: pass\n")
    about = tmp_path / "concepts-0.9.2.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: concepts\nVersion: 0.9.2\n")
    (about / "top_level.txt").write_text("concepts\n")
    installed = "import sys; sys.path.remove('')"  # `-c` finds the folder that it runs in first
    ended = run(tmp_path, "def main():\n    from concepts import ConceptError\n", installed)
    assert ended.returncode == 1 and "Traceback" not in ended.stderr
    assert f"the package 'concepts' at {tmp_path / 'concepts'}" in ended.stderr
    assert "concepts installed one too. Install lead-invert in an environment of its own" in ended.stderr
    ended = run(tmp_path, "def main():\n    import no_such_module\n", installed)
    assert "ModuleNotFoundError: No module named 'no_such_module'" in ended.stderr


def test_the_console_scripts_exist() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert set(scripts) == set(PROGRAMS)
    for place in scripts.values():
        module, _, function = place.partition(":")
        assert callable(getattr(import_module(module), function))


CLEARS_UP = """
import os, signal
from cli.command import command, make_app, run_script

@command
def wait(as_json: bool = False):
    try:
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGTERM)
        while True: pass
    finally:
        os.kill(os.getpid(), signal.SIGTERM)
        print("cleared up", flush=True)

@command
def other(as_json: bool = False): ...

def main():
    import sys
    sys.argv[1:] = ["wait"]
    run_script(make_app("", {"wait": wait, "other": other}))
"""


def test_sigterm_clears_up_and_is_one_message(tmp_path: Path) -> None:
    ended = run(tmp_path, CLEARS_UP)
    assert (ended.returncode, ended.stdout) == (143, "cleared up\n")
    assert ended.stderr == "error: ended by SIGTERM; what was not finished is not kept\n"


def test_sigterm_ends_a_launchers_process_at_once(tmp_path: Path) -> None:
    assert run(tmp_path, CLEARS_UP, "import os; os.environ['RANK'] = '0'").returncode == -signal.SIGTERM


@terminate_by_interrupt()
def wait_and_tell() -> None:
    try:
        os.kill(os.getpid(), signal.SIGTERM)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("stopped at step 3") from None


@pytest.mark.parametrize("ignored", [False, True])
def test_training_ends_by_sigterm_as_by_ctrl_c(ignored: bool) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN if ignored else signal.default_int_handler)
    handler = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(Terminated) as end:
            wait_and_tell()
        assert (end.value.code, end.value.message) == (143, "stopped at step 3")
        with pytest.raises(KeyboardInterrupt), terminate_by_interrupt():
            raise KeyboardInterrupt
        assert signal.getsignal(signal.SIGTERM) == handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_program_ends_with_its_parent() -> None:
    child = "import os, time; from cli.start import end_with_parent; end_with_parent({}); time.sleep(60)"
    parent = f"""
import os, subprocess, sys
program = {child!r}.format(os.getpid())
child = subprocess.Popen([sys.executable, "-c", program], stdout=sys.stdout)
os._exit(0)
"""
    subprocess.run([sys.executable, "-c", parent], cwd=ROOT, stdout=subprocess.PIPE, timeout=20, check=True)
