"""NPY files as NumPy's older versions wrote them."""

import numpy as np

from lead.motion.formats.arrays import read_npy


def test_a_file_of_python_2_is_read_without_a_warning(tmp_path):
    joints = np.arange(60 * 22 * 3, dtype=np.float32).reshape(60, 22, 3)
    path = tmp_path / "walk.npy"
    np.save(path, joints)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"(60, 22, 3), }  ", b"(60L, 22L, 3), }"))
    assert path.read_bytes() != content
    assert np.array_equal(read_npy(path), joints)
