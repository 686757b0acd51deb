"""The rules of the house: imports point one way, some packages are imported in one place, the README is correct."""

import ast
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Container
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
_MOTION_GROUND = {
    f"lead.motion.{module}"
    for module in ("atomic", "errors", "heading", "lazy", "motion_like", "read_options", "resample", "rotations",
                   "skeleton", "smoothing", "suffixes")
}  # fmt: skip
"""What all rooms of `lead.motion` stand on."""
_LEAD_GROUND = {
    "lead.motion", "lead.checkpoint", "lead.choices", "lead.differentiable", "lead.diffusion", "lead.errors",
    "lead.threads",
}  # fmt: skip
"""What all rooms of `lead` stand on."""
MAY_IMPORT = {  # the longest matching prefix rules; a room may import itself
    "lead.motion.suffixes": set[str](),
    "lead.motion.formats": _MOTION_GROUND,
    "lead.motion.rigs": {"lead.motion.formats", *_MOTION_GROUND},
    "lead.motion.bodies": {"lead.motion.features", "lead.motion.formats", "lead.motion.rigs", *_MOTION_GROUND},
    "lead.motion.processing": _MOTION_GROUND,
    "lead.motion.render": {*_MOTION_GROUND, "lead.motion.processing"},
    "lead.motion.render.skin": {"lead.motion.bodies", "lead.motion.formats", "lead.motion.rigs", *_MOTION_GROUND},
    "lead.motion": {"lead.motion"},
    "lead.networks": _LEAD_GROUND,
    "lead.text": _LEAD_GROUND,
    "lead.kernels": {"lead.networks", "lead.text", *_LEAD_GROUND},
    "lead.control": {"lead.data", "lead.text", *_LEAD_GROUND},
    "lead.control.constrained_generation": {"lead.control", "lead.generation", *_LEAD_GROUND},
    "lead.control.timeline_generation": {
        "lead.conditioning",
        "lead.control",
        "lead.data",
        "lead.generation",
        "lead.parts",
        *_LEAD_GROUND,
    },
    "lead.control.edit": {"lead.conditioning", "lead.control", "lead.data", "lead.model", *_LEAD_GROUND},
    "lead.data": _LEAD_GROUND,
    "lead.data.compose": {"lead.data", "lead.text", *_LEAD_GROUND},
    "lead.eval": {"lead.data", "lead.model", "lead.text", *_LEAD_GROUND},
    "lead.train": {
        "lead.base_file",
        "lead.bases",
        "lead.data",
        "lead.eval",
        "lead.kernels",
        "lead.model",
        "lead.networks",
        "lead.text",
        *_LEAD_GROUND,
    },
    "lead": {"lead"},
    "concepts": {"concepts", "lead.bases", "lead.hub"},
    "inversion": {"inversion", "concepts", "lead"},
    "cli.commands": {"cli", "inversion", "concepts", "lead"},
    "cli": {"cli", "inversion", "concepts", "lead"},
}
LARGEST_ROOM = 16
"""Modules in one folder."""
OURS = {"lead", "inversion", "concepts", "cli", "benchmarks", "examples", "tests"}
README, ARCHITECTURE = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/architecture.md"))
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
    allowed = {room, *MAY_IMPORT[room]}
    astray = {name for name in ours if not any(within(name, package) for package in allowed)}
    assert not astray, f"{module_name(path)} may import only {sorted(allowed)} of ours"


def test_no_imports_run_in_a_circle() -> None:
    modules = {module_name(path): path for path in MODULES}
    arrows = {name: {_module_of(imported, modules) for imported in imported_names(path)} - {name, ""}
              for name, path in modules.items()}  # fmt: skip
    while leaves := {name for name, to in arrows.items() if not to & arrows.keys()}:
        arrows = {name: to for name, to in arrows.items() if name not in leaves}
    assert not arrows, f"each of these imports another one of them: {sorted(arrows)}"


def _module_of(name: str, modules: Container[str]) -> str:
    """The module that an imported name stands in; nothing for what is not ours."""
    while name and name not in modules:
        name = name.rpartition(".")[0]
    return name


def test_rooms_are_no_corridors() -> None:
    modules = [*MODULES, *(ROOT / "benchmarks").rglob("*.py")]
    sizes = Counter(path.parent.relative_to(ROOT).as_posix() for path in modules if path.name != "__init__.py")
    assert {room: size for room, size in sizes.items() if size > LARGEST_ROOM} == {}


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
        ("bpy", {"lead/motion/bodies/blender_fbx.py"}),  # runs in Blender, which is under the GNU GPL
        ("lead.motion.bodies.blender_fbx", set()),
        ("huggingface_hub", {"lead/hub.py", "lead/text/openclip.py"}),
        ("pickle", {"lead/eval/t2m_evaluator.py"}),  # reads the published word lists, and refuses all but plain data
    ],
)
def test_third_party_packages_are_imported_only_in_their_modules(package: str, doors: set[str]) -> None:
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


def test_formats_without_pictures_load_nothing_that_draws() -> None:
    code = (
        "import sys\n"
        "from cli.write_outputs import parse_formats\n"
        "assert parse_formats('bvh,glb,npz,html') == ['bvh', 'glb', 'npz', 'html']\n"
        "heavy = {'torch', 'numpy', 'PIL'} & set(sys.modules)\n"
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


def test_the_tree_has_a_line_for_every_module_at_its_place() -> None:
    block = ARCHITECTURE.partition("## The tree")[2].split("```")[1]
    places, folders = set(), list[str]()
    for indent, name in re.findall(r"^( *)(\S+) +\S.*$", block, re.MULTILINE):
        folders = [*folders[: len(indent) // 2], name]
        if name.endswith(".py"):
            places.add("".join(folders))
    assert places == {path.relative_to(ROOT).as_posix() for path in MODULES if path.name != "__init__.py"}


def test_ci_runs_the_readmes_test_command() -> None:
    commands = [line for line in README.splitlines() if line.endswith("-m pytest")]
    assert len(commands) == 1
    assert commands[0] in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
