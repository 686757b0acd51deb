"""Words to and from other programs: one tensor named by the token, in safetensors only."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from safetensors.torch import save_file as save_torch

from concepts import Concept, ConceptError
from concepts.exchange import export_vectors, import_vectors, require_token


def test_exported_vectors_are_one_tensor_by_the_token(concept: Concept, tmp_path: Path) -> None:
    path = tmp_path / "elderly.safetensors"
    assert export_vectors(concept, path) == ["init", "preview.joints", "probe.cond"]
    (found,) = load_file(path).items()
    assert found[0] == "<elderly>"
    assert found[1].tobytes() == concept.token_embedding.tobytes()
    first = path.read_bytes()
    export_vectors(concept, path)
    assert path.read_bytes() == first
    word = import_vectors(path)
    assert require_token(word, path) == "<elderly>"
    assert word.token_embedding.tobytes() == concept.token_embedding.tobytes()


def test_a_single_vector_and_narrower_numbers(tmp_path: Path) -> None:
    vector = torch.linspace(-2, 2, 24)
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        save_torch({"<cat-toy>": vector.to(dtype)}, tmp_path / "x.safetensors")
        word = import_vectors(tmp_path / "x.safetensors")
        assert word.token_embedding.shape == (1, 24)
        assert word.token_embedding.dtype == np.float32
        np.testing.assert_array_equal(word.token_embedding[0], vector.to(dtype).float().numpy())


def test_a_name_that_is_no_token_has_to_be_given(tmp_path: Path) -> None:
    save_file({"*cat toy*": np.ones((1, 4), np.float32)}, tmp_path / "x.safetensors")
    word = import_vectors(tmp_path / "x.safetensors")
    with pytest.raises(ConceptError, match=r"x\.safetensors: the word is called '\*cat toy\*' there: .* --token"):
        require_token(word, tmp_path / "x.safetensors")


ONE = np.ones((2, 4), np.float32)
FOREIGN: dict[str, tuple[Callable[[Path], object], str]] = {
    "a pickle": (lambda path: torch.save({"<x>": torch.ones(2, 4)}, path), "not a safetensors file .*convert"),
    "two tensors": (lambda path: save_file({"clip_l": ONE, "clip_g": ONE}, path), "2 tensors .*'clip_g'.*expected one"),
    "no tensor": (lambda path: save_file({}, path), "0 tensors"),
    "whole numbers": (lambda path: save_file({"<x>": ONE.astype(np.int64)}, path), "of type 'I64', expected F32, F16"),
    "a cube": (lambda path: save_file({"<x>": ONE[None]}, path), r"shape \[1, 2, 4\], expected \[vectors, d_token\]"),
    "a scalar": (lambda path: save_file({"<x>": np.array(1, np.float32)}, path), r"shape \[\]"),
    "nothing": (lambda path: save_file({"<x>": ONE[:0]}, path), r"shape \[0, 4\]"),
    "too many": (lambda path: save_file({"<x>": np.ones((65, 4), np.float32)}, path), "at most 64"),
    "not finite": (lambda path: save_file({"<x>": ONE * np.inf}, path), "NaN or infinite"),
    "no file": (lambda path: None, "there is no such file"),
    "too large": (lambda path: path.write_bytes(bytes(17 * 2**20)), "bytes, and a concept has at most"),
}  # fmt: skip


@pytest.mark.parametrize("case", FOREIGN)
def test_what_cannot_be_imported(tmp_path: Path, case: str) -> None:
    make, said = FOREIGN[case]
    path = tmp_path / "x.safetensors"
    make(path)
    with pytest.raises(ConceptError, match=rf"x\.safetensors: .*{said}"):
        import_vectors(path)


def test_where_vectors_cannot_be_written(concept: Concept, tmp_path: Path) -> None:
    with pytest.raises(ConceptError, match=r"x\.bin: expected a file name that ends in \.safetensors"):
        export_vectors(concept, tmp_path / "x.bin")
    with pytest.raises(ConceptError, match="cannot be written"):
        export_vectors(concept, tmp_path / "none" / "x.safetensors")
