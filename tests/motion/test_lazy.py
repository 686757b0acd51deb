"""Names are imported at their first use; every exported name exists."""

import subprocess
import sys

import pytest

import lead
import lead.motion
import lead.motion.render

PACKAGES = (lead, lead.motion, lead.motion.render)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_every_name_is_there(package) -> None:
    for name in package.__all__:
        assert getattr(package, name) is not None
        assert name in dir(package)
    with pytest.raises(AttributeError, match=f"module {package.__name__!r} has no attribute 'nothing'"):
        _ = package.nothing


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_a_package_alone_imports_nothing_heavy(package) -> None:
    code = (
        f"import sys, {package.__name__}\n"
        "sys.exit(' '.join({'numpy', 'torch', 'PIL', 'jaxtyping'} & set(sys.modules)) or 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    "expression", ["lead.motion.Motion", "lead.motion.features.Stats", "lead.errors.LeadError"]
)
def test_submodules_are_attributes(expression: str) -> None:
    subprocess.run([sys.executable, "-c", f"import lead; {expression}"], check=True)


def test_a_missing_dependency_is_named_and_not_hidden(tmp_path) -> None:
    package = tmp_path / "lazily"
    package.mkdir()
    names = "{'thing': 'lazily.needy'}"
    (package / "__init__.py").write_text(
        f"from lead.motion.lazy import lazy_names\n__getattr__, __dir__ = lazy_names(__name__, {names})\n"
    )
    (package / "needy.py").write_text("import no_such_package\n")
    code = f"import sys; sys.path.append({str(tmp_path)!r}); import lazily; lazily.needy"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "No module named 'no_such_package'" in result.stderr
