"""The documentation is correct: its site builds, links resolve, commands and names exist, code compiles."""

import ast
import importlib.util
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from documents import (
    PAGES,
    ROOT,
    anchors,
    check_command,
    code_blocks,
    command_lines,
    commands_of_page,
    links,
    page_name,
    without_code,
)

GENERATED = {"docs/inversion-figures.md"}
"""By a benchmark, whole."""
RUN = ROOT / "examples" / "run.sh"
README_LINES = 130
SITE_PACKAGES = ("mkdocs", "material", "mkdocstrings", "mkdocstrings_handlers.python")

BRITISH = (
    r"(?:colo|behavi|favo|neighbo|hono|labo|flavo|harbo|armo|endeavo|vapo|rigo|humo)ur\w*",
    r"(?:cent|met|fib|lit|theat|spect)res?",
    r"(?:normal|recogn|organ|optim|visual|initial|general|real|special|minim|maxim|summar|author)is(?:e|es|ed|ing|ation)",
    r"licence\w*", r"(?:learn|burn)t", r"spelt", r"grey\w*", r"analys(?:e|ed|es|ing)", r"catalogues?", r"programmes?",
    r"(?:label|model|travel|cancel|signal)l(?:ed|ing)", r"whilst", r"artefacts?", r"defence",
)  # fmt: skip
PRIVATE = (
    r"manners?", r"likeness", r"abroad", r"lessons?", r"at home", r"plant(?:ed|ing)", r"made-up words?",
    r"an edition before", r"no longer", r"used to",
)  # fmt: skip
"""What is not written: words of no field and of the past. docs/index.md has the terms."""


def texts() -> list[tuple[str, str]]:
    return [(page_name(path), path.read_text(encoding="utf-8")) for path in PAGES]


TEXTS = texts()
WRITTEN = [(name, text) for name, text in TEXTS if name not in GENERATED]
COMMANDS = sorted({(name, line) for name, text in WRITTEN for line in commands_of_page(text)})
PYTHON = [(name, code) for name, text in TEXTS for code in code_blocks(text, "python") if ">>>" not in code]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site."""
    missing = [name for name in SITE_PACKAGES if not is_installed(name)]
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed: pip install -e '.[docs]'")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    result = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    )
    assert result.returncode == 0, result.stderr
    return folder


def is_installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def test_the_site_builds_without_a_warning_and_needs_no_network(site: Path) -> None:
    for page in site.glob("*.html"):
        loaded = re.findall(r'<(?:script|img|link)[^>]+(?:src|href)="(https?:[^"]+)', page.read_text(encoding="utf-8"))
        assert not loaded, page.name


def test_the_command_reference_has_every_command(site: Path) -> None:
    for page, program in (("cli-lead-invert.html", "lead-invert"), ("cli-lead.html", "lead")):
        text = (site / page).read_text(encoding="utf-8")
        for name, line in COMMANDS:
            words = line.split()
            if words[0] == program and not words[1].startswith("-") and words[1] != "data":
                assert f'id="{program}-{words[1]}"' in text, f"{name}: {line}"


def test_the_python_reference_has_the_public_names(site: Path) -> None:
    import concepts
    import inversion

    for page, module in (("api-concepts.html", concepts), ("api-inversion.html", inversion)):
        text = (site / page).read_text(encoding="utf-8")
        missing = [name for name in module.__all__ if not re.search(rf'id="[\w.]*\.{name}"', text)]
        assert not missing, page


def test_the_readme_is_a_front_page() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= README_LINES
    assert text.count("![") == 1 and "bash examples/run.sh\n" in text


@pytest.mark.parametrize(("name", "text"), TEXTS, ids=[name for name, _ in TEXTS])
def test_links_lead_somewhere(name: str, text: str) -> None:
    for link in links(text):
        target, _, anchor = link.partition("#")
        path = (ROOT / name).parent / target if target else ROOT / name
        assert path.exists(), f"{name} links to {link}"
        if anchor:
            page = included_page(path.read_text(encoding="utf-8"))
            assert anchor in anchors(page), f"{name} links to {link}; the headings are {sorted(anchors(page))}"


def included_page(text: str) -> str:
    """The page that the site shows in this one's place."""
    include = re.search(r"^<!-- include: (\S+) -->$", text, re.MULTILINE)
    return (ROOT / include[1]).read_text(encoding="utf-8") if include else text


@pytest.mark.parametrize(("name", "line"), COMMANDS)
def test_commands_exist(name: str, line: str) -> None:
    check_command(line)


@pytest.mark.parametrize("line", command_lines(RUN.read_text(encoding="utf-8")))
def test_commands_of_the_example_exist(line: str) -> None:
    check_command(line)


def test_benchmarks_named_in_the_docs_exist() -> None:
    for name, text in TEXTS:
        for module in re.findall(r"python -m (benchmarks[.\w]+)", text):
            place = ROOT / module.rstrip(".").replace(".", "/")
            assert place.with_suffix(".py").is_file() or (place / "__main__.py").is_file(), f"{name}: {module}"


def test_tests_named_in_the_docs_exist() -> None:
    named = [(name, *found) for name, text in WRITTEN for found in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text)]
    missing = [one for one in named if f"def {one[2]}(" not in (ROOT / one[1]).read_text(encoding="utf-8")]
    assert named and not missing


def test_files_named_in_the_docs_exist() -> None:
    pattern = r"`((?:lead|inversion|concepts|cli|tests|benchmarks|examples)/[\w/.-]+\.\w+)`"
    named = {(name, path) for name, text in WRITTEN for path in re.findall(pattern, text)}
    missing = {(name, path) for name, path in named if not (ROOT / path).exists()}
    assert not missing


def test_command_lines_are_found() -> None:
    code = """
    lead-invert not at the start
lead-invert learn takes/ --token "<a>" \\
    --kind style  # a comment
.venv/bin/lead data check x/
torchrun --nproc-per-node 2 --no-python lead-invert generate --prompts p.txt
"""
    assert command_lines(code) == [
        'lead-invert learn takes/ --token "<a>" --kind style',
        "lead data check x/",
        "lead-invert generate --prompts p.txt",
    ]
    with pytest.raises(AssertionError, match="--nonsense is no option of lead-invert learn"):
        check_command("lead-invert learn x --nonsense")
    with pytest.raises(AssertionError, match="nonsense"):
        check_command("lead nonsense")


@pytest.mark.parametrize(("name", "code"), PYTHON, ids=[f"{name}-{n}" for n, (name, _) in enumerate(PYTHON)])
def test_python_compiles_and_its_names_exist(name: str, code: str) -> None:
    tree = ast.parse(code, name)
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    namespace: dict[str, Any] = {}
    exec(compile(ast.Module(imports, []), name, "exec"), namespace)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            attribute_of(node, namespace)
        if isinstance(node, ast.Call) and (function := value_of(node.func, namespace)) is not None:
            check_keywords(function, node)


def value_of(node: ast.expr, namespace: dict[str, Any]) -> Any:
    """What a name or an attribute stands for: an imported object, or the class of one of our usual variables."""
    if isinstance(node, ast.Name):
        return namespace.get(node.id) or variable_class(node.id)
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
        return variable_class(node.value.id)
    return attribute_of(node, namespace) if isinstance(node, ast.Attribute) else None


def variable_class(name: str) -> type | None:
    from concepts import Concept, Library
    from lead import Lead, Motion

    known = {"base": Lead, "concept": Concept, "library": Library}
    return known.get(name) or (Motion if name in ("motion", "motions", "clips") else None)


def attribute_of(node: ast.Attribute, namespace: dict[str, Any]) -> Any:
    """The attribute; an AssertionError if its owner is known and has none of that name."""
    owner = value_of(node.value, namespace)
    if not inspect.isclass(owner) or node.attr in getattr(owner, "__annotations__", {}):
        return None
    assert hasattr(owner, node.attr), f"{owner.__name__} has no {node.attr}"
    return getattr(owner, node.attr)


def check_keywords(function: Callable[..., Any], call: ast.Call) -> None:
    """Assert that a call's keywords are parameters."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        unknown = {keyword.arg for keyword in call.keywords} - {*parameters, None}
        assert not unknown, f"{function} has no parameters {unknown}"


@pytest.mark.parametrize(("name", "text"), WRITTEN, ids=[name for name, _ in WRITTEN])
def test_spelling_is_american_and_terms_are_the_fields(name: str, text: str) -> None:
    found = re.findall(rf"\b(?:{'|'.join(BRITISH + PRIVATE)})\b", without_code(text), re.IGNORECASE)
    assert not found, f"{name}: {sorted(set(found))}"
