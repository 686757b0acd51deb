"""The one place that imports open_clip, and the one place that knows how it is installed.

open_clip needs torchvision. On a machine with a CPU torch, the registry's torchvision wheel is built for
CUDA: its compiled operators do not load, and its Python part stops at `operator torchvision::nms does not
exist`. We use none of those operators, so we declare the two missing schemas and import again. Where
torchvision works, nothing is declared.

Importing this module is cheap. The first call imports open_clip itself, which takes seconds.
Knows nothing of motion, of concepts, or of our checkpoints.
"""

import importlib
import importlib.util
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from lead.errors import LeadError

TORCHVISION_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
HUB_SECONDS = 3.0
OPEN_CLIP_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
TRANSFORMERS_EMBEDDING = "text_model.embeddings.token_embedding.weight"
TRANSFORMERS_LAYER = {
    "attn.out_proj": "self_attn.out_proj", "ln_1": "layer_norm1", "ln_2": "layer_norm2",
    "mlp.c_fc": "mlp.fc1", "mlp.c_proj": "mlp.fc2",
}  # fmt: skip
_declared: list[torch.library.Library] = []
"""Libraries of schemas for the whole process: when a Library is collected, its schemas go with it."""


@runtime_checkable
class SimpleTokenizer(Protocol):
    """What we use of open_clip's tokenizer, which is not typed."""

    encoder: dict[str, int]
    decoder: dict[int, str]
    bpe_ranks: dict[tuple[str, str], int]
    cache: dict[str, str]
    vocab_size: int
    all_special_ids: list[int]
    sot_token_id: int
    eot_token_id: int
    clean_fn: Callable[[str], str]

    def encode(self, text: str) -> list[int]: ...

    def decode(self, tokens: Sequence[int]) -> str: ...


def import_open_clip() -> ModuleType:
    """The open_clip module, imported past a torchvision that was built for another torch."""
    if "open_clip" not in sys.modules:
        import_torchvision()
    return importlib.import_module("open_clip")


def import_torchvision() -> ModuleType:
    """torchvision; where its compiled operators are missing, their schemas are declared without a kernel."""
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]  # the half-imported package
    declare_torchvision_operators()
    return importlib.import_module("torchvision")


def declare_torchvision_operators() -> None:
    """Declare the schemas that torchvision's Python part looks for at import. Calling them remains an error."""
    library: Any = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]  # torch's own
    for schema in TORCHVISION_SCHEMAS:
        library.define(schema)
    _declared.append(library)


def load_tokenizer() -> SimpleTokenizer:
    """A new open_clip `SimpleTokenizer` with CLIP's whole vocabulary; the caller may change it.

    Its file is loaded without the package around it, whose import takes seconds, if the file can be imported alone.
    """
    package = "open_clip" not in sys.modules and importlib.util.find_spec("open_clip")
    file = Path(next(iter(package.submodule_search_locations or ()), "")) / "tokenizer.py" if package else Path()
    spec = importlib.util.spec_from_file_location("_open_clip_tokenizer", file) if file.is_file() else None
    if spec is None or spec.loader is None:
        return _new_tokenizer()
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        tokenizer: SimpleTokenizer = copy(module._tokenizer)  # the module has made one; reading the vocabulary is slow
        return tokenizer
    except (ImportError, AttributeError):  # a release whose file needs its neighbors, or makes none
        return _new_tokenizer()


def _new_tokenizer() -> SimpleTokenizer:
    tokenizer: SimpleTokenizer = import_open_clip().tokenizer.SimpleTokenizer()
    return tokenizer


def load_text_weights(source: str | Path, model: str) -> dict[str, Tensor]:
    """The text tower's tensors of a CLIP checkpoint, under the names of `TextTransformer`.

    `source` is a file (.safetensors, or .pt/.bin that torch reads without unpickling code) in open_clip's or in
    transformers' format, a folder with such a file, or the name of open_clip weights for `model`, such as "openai",
    which are downloaded once.
    """
    tensors = _read_tensors(_find_weights(source, model))
    if TRANSFORMERS_EMBEDDING in tensors:
        tensors = transformers_to_open_clip(tensors)
    text: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        name = name.removeprefix("module.").removeprefix("text.")
        if name.startswith(("token_embedding.", "positional_embedding", "ln_final.", "transformer.")) or (
            name == "text_projection"
        ):
            text[name] = tensor
    if "token_embedding.weight" not in text:
        raise LeadError(
            f"{source}: no CLIP text tower in it (no token_embedding.weight); expected {model} weights in "
            f"open_clip's format, such as open_clip_model.safetensors, or in transformers'"
        )
    return text


def transformers_to_open_clip(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The text tower of a `CLIPModel` of transformers under the names of open_clip's `TextTransformer`.

    The maps of queries, keys and values become one; the projection is transposed. KeyError where one is missing.
    """
    text = {
        "token_embedding.weight": tensors[TRANSFORMERS_EMBEDDING],
        "positional_embedding": tensors["text_model.embeddings.position_embedding.weight"],
        "ln_final.weight": tensors["text_model.final_layer_norm.weight"],
        "ln_final.bias": tensors["text_model.final_layer_norm.bias"],
        "text_projection": tensors["text_projection.weight"].T.contiguous(),
    }
    layers = {int(name.split(".")[3]) for name in tensors if name.startswith("text_model.encoder.layers.")}
    for layer in sorted(layers):
        theirs, ours = f"text_model.encoder.layers.{layer}.", f"transformer.resblocks.{layer}."
        for kind in ("weight", "bias"):
            parts = [tensors[f"{theirs}self_attn.{part}_proj.{kind}"] for part in "qkv"]
            text[f"{ours}attn.in_proj_{kind}"] = torch.cat(parts)
            for name, their_name in TRANSFORMERS_LAYER.items():
                text[f"{ours}{name}.{kind}"] = tensors[f"{theirs}{their_name}.{kind}"]
    return text


def _find_weights(source: str | Path, model: str) -> Path:
    path = Path(source).expanduser()
    if path.is_dir():
        names = (*OPEN_CLIP_FILES, "model.safetensors", "pytorch_model.bin")
        found = [path / name for name in names if (path / name).is_file()]
        if not found:
            raise LeadError(f"{path}: none of {', '.join(names)} in this folder; give the weights' file itself")
        return found[0]
    if path.is_file():
        return path
    if path.suffix or len(path.parts) > 1:
        raise LeadError(f"{path}: no such file; give {model} weights in open_clip's or transformers' format")
    return _download(str(source), model)


def _download(tag: str, model: str) -> Path:
    """open_clip's download. Whether it can succeed is checked first: without a network it tries for a minute."""
    pretrained = import_open_clip().pretrained
    known = pretrained.list_pretrained_tags_by_model(model)
    if tag not in known:
        raise LeadError(f"open_clip has no {model} weights named {tag!r}; it has {', '.join(known)}")
    config = pretrained.get_pretrained_cfg(model, tag)
    cached = _find_cached(config.get("hf_hub", ""))
    if cached is not None:
        return cached
    reason = _explain_unreachable_hub()
    if reason:
        raise LeadError(
            f"the {model} weights {tag!r} are not on this machine and cannot be downloaded: {reason}. "
            "Where there is a network, fetch open_clip_model.safetensors of "
            f"https://huggingface.co/{config.get('hf_hub', '').rstrip('/')} "
            "and give that file's path in place of the name"
        )
    return Path(pretrained.download_pretrained(config))


def _find_cached(repository: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    for name in OPEN_CLIP_FILES:
        found = try_to_load_from_cache(repository.strip("/"), name) if repository else None
        if isinstance(found, str):
            return Path(found)
    return None


def _explain_unreachable_hub() -> str | None:
    """Why the model hub cannot be reached, found out in at most HUB_SECONDS; None if it can."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set"
    endpoint = os.environ.get("HF_ENDPOINT", constants.ENDPOINT)
    try:
        urllib.request.urlopen(urllib.request.Request(endpoint, method="HEAD"), timeout=HUB_SECONDS).close()
    except urllib.error.HTTPError:
        return None  # it answered
    except OSError as error:
        return f"{endpoint} does not answer ({error})"
    return None


def _read_tensors(path: Path) -> dict[str, Tensor]:
    if path.suffix == ".safetensors":
        from safetensors import safe_open

        with safe_open(path, "pt") as file:
            names = [name for name in file.keys() if not name.removeprefix("module.").startswith("visual.")]  # noqa: SIM118  # a safetensors handle is no dict
            return {name: file.get_tensor(name) for name in names}
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise LeadError(
            f"{path}: cannot be read without running code from it ({type(error).__name__}); expected a "
            ".safetensors file or a plain state dict, such as open_clip_model.safetensors"
        ) from error
    if not isinstance(loaded, dict):
        raise LeadError(f"{path}: holds a {type(loaded).__name__}; expected a state dict")
    tensors: dict[str, Tensor] = loaded.get("state_dict", loaded)
    return tensors
