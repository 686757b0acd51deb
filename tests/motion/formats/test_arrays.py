"""NPY files as older versions of Python and NumPy wrote them."""

import numpy as np
import pytest

from lead.motion import MotionError
from lead.motion.formats.arrays import read_npy


def test_a_file_of_python_2_is_read_without_a_warning(tmp_path):
    joints = np.arange(60 * 22 * 3, dtype=np.float32).reshape(60, 22, 3)
    path = tmp_path / "walk.npy"
    np.save(path, joints)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"(60, 22, 3), }  ", b"(60L, 22L, 3), }"))
    assert path.read_bytes() != content
    assert np.array_equal(read_npy(path), joints)


def test_an_old_name_of_text_is_refused_without_a_warning(tmp_path):
    path = tmp_path / "names.npy"
    np.save(path, np.array([b"walk"]))
    path.write_bytes(path.read_bytes().replace(b"|S4", b"|a4"))
    with pytest.raises(MotionError, match="holds text, expected numbers"):
        read_npy(path)
