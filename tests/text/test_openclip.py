"""open_clip is imported late, also beside another torch's torchvision; CLIP weights load, or fail at once."""

import subprocess
import sys
import time

import pytest
import torch
from safetensors.torch import save_file

from lead.errors import LeadError
from lead.text import openclip
from lead.text import tower as text
from lead.text.tower import TextConfig, TextTower, clip_tower

TINY = TextConfig(width=32, layers=1, heads=2, d_text=16, context=20, merges=300)


def _python(code: str, path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(path)!r})\n{code}"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def _fake_torchvision(folder, body: str) -> None:
    (folder / "torchvision").mkdir()
    (folder / "torchvision" / "__init__.py").write_text(body)


def test_torchvision_for_another_torch_is_imported_with_declared_schemas(tmp_path):
    _fake_torchvision(
        tmp_path,
        "import torch\nfrom torchvision import inner\n"
        "torch.library.register_fake('torchvision::nms')(lambda dets, scores, iou_threshold: scores)\n",
    )
    (tmp_path / "torchvision" / "inner.py").write_text("")
    code = (
        "from lead.text.openclip import _declared, import_torchvision\n"
        "assert import_torchvision().inner\nprint(len(_declared))"
    )
    assert _python(code, tmp_path) == "1"


def test_working_torchvision_is_left_alone(tmp_path):
    _fake_torchvision(tmp_path, "fine = True")
    code = (
        "from lead.text.openclip import _declared, import_torchvision\n"
        "assert import_torchvision().fine\nprint(len(_declared))"
    )
    assert _python(code, tmp_path) == "0"


def test_other_failures_of_torchvision_are_not_hidden(tmp_path):
    _fake_torchvision(tmp_path, "raise RuntimeError('out of cheese')")
    code = (
        "from lead.text.openclip import import_torchvision\n"
        "try:\n    import_torchvision()\nexcept RuntimeError as error:\n    print(error)"
    )
    assert _python(code, tmp_path) == "out of cheese"


def test_importing_lead_text_does_not_import_open_clip(tmp_path):
    assert _python("import lead.text.tower\nprint('open_clip' in sys.modules)", tmp_path) == "False"


def test_open_clip_is_usable():
    assert openclip.import_open_clip().transformer.TextTransformer


@pytest.fixture
def tiny_clip(monkeypatch):
    monkeypatch.setitem(text.PRESETS, "clip-vit-l-14", TINY)
    return TextTower(TINY)


def _checkpoint(tower) -> dict[str, torch.Tensor]:
    names = tower.transformer.state_dict()
    return {**{name: tensor.contiguous() for name, tensor in names.items()}, "visual.proj": torch.zeros(2, 2)}


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_clip_weights_load_from_a_local_file(tiny_clip, tmp_path, suffix):
    path = tmp_path / f"open_clip_model{suffix}"
    if suffix == ".pt":
        torch.save({"state_dict": {f"module.{k}": v for k, v in _checkpoint(tiny_clip).items()}}, path)
    else:
        save_file(_checkpoint(tiny_clip), path)
    loaded = clip_tower(weights=path)
    assert torch.equal(loaded.encode(["a person walks"]), tiny_clip.encode(["a person walks"]))


def test_clip_weights_load_from_a_folder(tiny_clip, tmp_path):
    save_file(_checkpoint(tiny_clip), tmp_path / "open_clip_model.safetensors")
    assert not clip_tower(weights=tmp_path).training


def test_weights_of_another_shape_are_refused(tiny_clip, tmp_path):
    wrong = _checkpoint(tiny_clip) | {"text_projection": torch.zeros(32, 8)}
    save_file(wrong, tmp_path / "model.safetensors")
    with pytest.raises(LeadError, match=r"text_projection \(32, 8\), expected \(32, 16\)"):
        clip_tower(weights=tmp_path / "model.safetensors")


def test_unusable_sources_say_what_to_do(tmp_path):
    save_file({"weight": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(LeadError, match="no CLIP text tower in it"):
        openclip.load_text_weights(tmp_path / "other.safetensors", "ViT-L-14")
    with pytest.raises(LeadError, match="no such file"):
        openclip.load_text_weights(tmp_path / "missing.safetensors", "ViT-L-14")
    (tmp_path / "empty").mkdir()
    with pytest.raises(LeadError, match=r"open_clip_model\.safetensors"):
        openclip.load_text_weights(tmp_path / "empty", "ViT-L-14")
    (tmp_path / "code.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(LeadError, match="without running code"):
        openclip.load_text_weights(tmp_path / "code.pt", "ViT-L-14")
    with pytest.raises(LeadError, match="no ViT-L-14 weights named 'opnai'; it has openai"):
        openclip.load_text_weights("opnai", "ViT-L-14")


@pytest.mark.parametrize("offline", [True, False])
def test_missing_weights_without_a_network_fail_at_once(monkeypatch, tmp_path, offline):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(openclip, "_find_cached", lambda repository: None)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    openclip.import_open_clip()
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    with pytest.raises(LeadError, match=r"open_clip_model\.safetensors .*give that file's path"):
        openclip.load_text_weights("openai", "ViT-L-14")
    assert sum(waits) < 5
