"""The notebooks run from the first cell to the last; they are kept without outputs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_outputs_and_opens_in_colab(path: Path) -> None:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert code and not any(cell["outputs"] or cell["execution_count"] for cell in code)
    first = "".join(notebook["cells"][0]["source"])
    assert f"(https://colab.research.google.com/github/OWNER/lead-invert/blob/main/notebooks/{path.name})" in first


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path, tmp_path: Path) -> None:
    pytest.importorskip("nbmake")
    pytest.importorskip("ipykernel")
    copy = tmp_path / path.name
    copy.write_bytes(path.read_bytes())  # what it writes lies beside it
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", "-c", "/dev/null", "--nbmake",
               "--nbmake-timeout=900", "--rootdir", str(tmp_path), str(copy)]  # fmt: skip
    environment = os.environ | {"PYTHONPATH": str(ROOT), "LEAD_CONCEPTS": str(tmp_path / "library")}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
