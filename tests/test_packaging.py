"""What a wheel and an sdist are: one wheel a platform, pure without a compiler, and nothing that is not needed."""

import os
import shutil
import stat
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("setuptools.command.bdist_wheel")
ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources in a folder with a space in its name: of the packages what decides about a wheel."""
    folder = tmp_path_factory.mktemp("source") / "lead invert"
    shutil.copytree(
        ROOT / "lead" / "kernels", folder / "lead" / "kernels", ignore=shutil.ignore_patterns("*.so", "*.py")
    )
    for package in ("lead", "lead/kernels", "inversion", "concepts", "cli"):
        (folder / package).mkdir(parents=True, exist_ok=True)
        (folder / package / "__init__.py").touch()
    (folder / "lead" / "weights").mkdir()
    (folder / "lead" / "weights" / "lead-small.safetensors").write_bytes(b"weights")
    (folder / "concepts" / "starter").mkdir()
    (folder / "concepts" / "starter" / "sneaky.safetensors").write_bytes(b"a word")
    (folder / "tests").mkdir()
    (folder / "tests" / "test_something.py").write_text("")
    for name in (
        "setup.py",
        "pyproject.toml",
        "MANIFEST.in",
        "README.md",
        "CHANGELOG.md",
        "LICENSE",
        "constraints-cpu.txt",
    ):
        shutil.copy(ROOT / name, folder / name)
    return folder


def build(source: Path, what: str, compiler: Path | str = "none") -> tuple[Path, str]:
    """The file that `setup.py what` makes with a compiler, and what it prints."""
    dist = source.parent / f"dist-{what}-{Path(compiler).name}"
    environment = {**os.environ, "CXX": str(compiler)}
    first = ["build", "-b", str(dist / "build")] if what == "bdist_wheel" else []
    done = subprocess.run(
        [sys.executable, "setup.py", *first, what, "-d", str(dist)],
        cwd=source, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (made,) = (path for path in dist.iterdir() if path.is_file())
    return made, done.stdout + done.stderr


def write_compiler(folder: Path, name: str, program: str) -> Path:
    path = folder / name
    path.write_text(f"#!{sys.executable}\nimport sys\n{program}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_one_wheel_serves_every_python_of_a_platform(source: Path, tmp_path: Path) -> None:
    compiler = write_compiler(tmp_path, "works", "open(sys.argv[sys.argv.index('-o') + 1], 'w').write(str(sys.argv))")
    wheel, _ = build(source, "bdist_wheel", compiler)
    name, _, python, abi, platform = wheel.stem.split("-")
    assert (name, python, abi) == ("lead_invert", "py3", "none") and platform not in ("any", "")
    with zipfile.ZipFile(wheel) as files:
        (library,) = (name for name in files.namelist() if "_native" in name)
        flags = files.read(library).decode()
        names = set(files.namelist())
    assert library == f"lead/kernels/_native.{'pyd' if os.name == 'nt' else 'so'}"
    assert "-O3" in flags and "-march" not in flags and "-mtune" not in flags  # the machine that uses it decides
    assert {"lead/weights/lead-small.safetensors", "concepts/starter/sneaky.safetensors"} <= names
    assert not [
        name for name in names if name.startswith(("tests", "benchmarks", "docs")) or name.endswith((".h", ".cpp"))
    ]


@pytest.mark.parametrize("program", ["sys.exit('native.cpp: error: no header')", None])
def test_without_a_compiler_the_wheel_is_pure(source: Path, tmp_path: Path, program: str | None) -> None:
    compiler = write_compiler(tmp_path, "fails", program) if program else tmp_path / "missing"
    wheel, printed = build(source, "bdist_wheel", compiler)
    assert wheel.name.endswith("-py3-none-any.whl")
    assert ("error: no header" if program else "No such file") in printed
    with zipfile.ZipFile(wheel) as files:
        assert not [name for name in files.namelist() if "_native" in name]
        (about,) = (files.read(name).decode() for name in files.namelist() if name.endswith(".dist-info/WHEEL"))
    assert "Root-Is-Purelib: true" in about


def test_an_sdist_has_what_a_build_needs_and_no_tests(source: Path) -> None:
    sdist, _ = build(source, "sdist")
    with tarfile.open(sdist) as files:
        names = {name.partition("/")[2] for name in files.getnames()}
    sources = {path.relative_to(ROOT).as_posix() for path in (ROOT / "lead" / "kernels" / "csrc").iterdir()}
    data = {"lead/weights/lead-small.safetensors", "concepts/starter/sneaky.safetensors"}
    assert {*sources, *data, "setup.py", "CHANGELOG.md", "LICENSE"} <= names
    assert not [name for name in names if name.startswith(("tests", "benchmarks", "docs"))]
