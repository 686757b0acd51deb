"""The house holds: imports point one way, some packages come in by one door, the README tells the truth."""

import ast
import re
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
_GROUND = {f"lead.motion.{module}" for module in ("errors", "atomic", "read_options", "rotations", "skeleton")}
MAY_IMPORT = {  # the longest matching prefix rules
    "lead.motion.suffixes": set[str](),
    "lead.motion.formats": {"lead.motion.formats", *_GROUND},
    "lead.motion.rigs": {
        "lead.motion.formats", "lead.motion.rigs", "lead.motion.features", "lead.motion.smoothing", *_GROUND,
    },
    "lead.motion": {"lead.motion"},
    "lead": {"lead"},
    "concepts": {"concepts"},
    "inversion": {"inversion", "concepts", "lead"},
    "cli": {"cli", "inversion", "concepts", "lead"},
}  # fmt: skip
OURS = {"lead", "inversion", "concepts", "cli", "benchmarks", "examples", "tests"}
README, ARCHITECTURE = (
    (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/architecture.md")
)
MODULES = sorted(
    path for package in ("lead", "inversion", "concepts", "cli") for path in (ROOT / package).rglob("*.py")
)


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_names(path: Path) -> set[str]:
    """Absolute names of all that a module imports, inside functions and type-checking blocks too."""
    package = module_name(path).split(".") if path.name == "__init__.py" else module_name(path).split(".")[:-1]
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*start, *([node.module] if node.module else [])])
            names |= {f"{module}.{alias.name}" for alias in node.names}
    return names


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_imports_point_one_way(path: Path) -> None:
    room = max((package for package in MAY_IMPORT if within(module_name(path), package)), key=len)
    ours = {name for name in imported_names(path) if name.split(".")[0] in OURS}
    astray = {name for name in ours if not any(within(name, allowed) for allowed in MAY_IMPORT[room])}
    assert not astray, f"{module_name(path)} may import only {sorted(MAY_IMPORT[room])} of ours"


def test_the_walk_sees_every_kind_of_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    path = tmp_path / "lead" / "motion" / "sneaky.py"
    path.parent.mkdir(parents=True)
    path.write_text("import cli.invert as x\nfrom .. import text\ndef f():\n    from inversion import learn\n")
    assert imported_names(path) == {"cli.invert", "lead.text", "inversion.learn"}


@pytest.mark.parametrize(
    ("package", "doors"),
    [
        ("open_clip", {"lead/text/openclip.py"}),
        ("click", set()),
        ("huggingface_hub", {"concepts/share.py", "lead/text/openclip.py"}),
        ("pickle", {"lead/eval/t2m_evaluator.py"}),  # reads the published word lists, and refuses all but plain data
    ],
)
def test_comes_in_by_one_door(package: str, doors: set[str]) -> None:
    users = {
        path.relative_to(ROOT).as_posix()
        for path in MODULES
        if any(within(name, package) for name in imported_names(path))
    }
    assert users <= doors


@pytest.mark.parametrize("program", ["cli.invert", "cli.base"])
def test_help_loads_no_heavy_package(program: str) -> None:
    code = (
        f"import sys, {program} as program\n"
        "try: program.app(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'numpy', 'PIL', 'open_clip'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_data_files_are_packaged() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = settings["tool"]["setuptools"]["package-data"]
    code = (".py", ".pyc", ".cpp", ".h", ".so")
    for package in ("lead", "inversion", "concepts", "cli"):
        for path in (ROOT / package).rglob("*"):
            if path.is_file() and path.suffix not in code:
                name = path.relative_to(ROOT / package).as_posix()
                assert any(fnmatch(name, pattern) for pattern in patterns.get(package, [])), f"{package}/{name}"


def test_the_extensions_sources_are_shipped() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (extension,) = settings["tool"]["setuptools"]["ext-modules"]
    sources = {path.relative_to(ROOT).as_posix() for path in (ROOT / "lead" / "kernels" / "csrc").iterdir()}
    assert sources == {*extension["sources"], *extension["depends"]} and extension["optional"]


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_the_tree_has_a_line_for_every_module(path: Path) -> None:
    tree = ARCHITECTURE.partition("## The tree")[2].partition("\n## ")[0]
    assert path.name == "__init__.py" or re.search(rf"^ +{re.escape(path.name)} +\S", tree, re.MULTILINE)


def test_ci_runs_the_readmes_test_command() -> None:
    commands = [line for line in README.splitlines() if line.endswith("-m pytest")]
    assert len(commands) == 1
    assert commands[0] in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
