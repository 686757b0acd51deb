"""Builds the optional library `lead.kernels._native`; everything else of the package stands in pyproject.toml.

It is a plain shared library that ctypes loads: it knows no Python and no torch, so one wheel a platform serves every
Python. The compiler is GCC or Clang: CXX, else the one that Python was built with, else `c++`; CXXFLAGS and ARCHFLAGS
are added. Where it cannot be built, the package is pure Python, and so is its wheel's tag.
"""

import os
import shlex
import subprocess
import sysconfig
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError

CSRC = "lead/kernels/csrc"
FLAGS = ["-O3", "-g0", "-std=c++17", "-shared", "-pthread"]


class BuildLibrary(build_ext):
    def get_ext_filename(self, fullname: str) -> str:
        return os.path.join(*fullname.split(".")) + (".pyd" if os.name == "nt" else ".so")

    def build_extension(self, ext: Extension) -> None:
        target = Path(self.get_ext_fullpath(ext.name))
        target.parent.mkdir(parents=True, exist_ok=True)
        compiler = os.environ.get("CXX") or sysconfig.get_config_var("CXX") or "c++"
        given = [word for name in ("CXXFLAGS", "ARCHFLAGS") for word in shlex.split(os.environ.get(name, ""))]
        own = ["-static"] if os.name == "nt" else ["-fPIC"]  # Windows has no GNU runtime of its own
        command = [*shlex.split(compiler), *FLAGS, *own, *given, *ext.sources, "-o", str(target)]
        try:
            done = subprocess.run(command, capture_output=True, text=True)
        except OSError as error:
            raise CompileError(f"{command[0]}: {error.strerror}") from None
        if done.returncode:
            errors = [line for line in done.stderr.splitlines() if "error" in line] or done.stderr.splitlines()
            raise CompileError(f"{command[0]}: {errors[0] if errors else 'no message'}")


class Wheel(bdist_wheel):
    def get_tag(self) -> tuple[str, str, str]:
        built = [Path(file) for file in self.get_finalized_command("build_ext").get_outputs()]
        self.root_is_pure = not any(file.is_file() for file in built)
        return "py3", "none", "any" if self.root_is_pure else super().get_tag()[2]


setup(
    ext_modules=[
        Extension(
            "lead.kernels._native",
            [f"{CSRC}/native.cpp"],
            depends=sorted(path.as_posix() for path in Path(CSRC).glob("*.h")),
            optional=True,
        )
    ],
    cmdclass={"build_ext": BuildLibrary, "bdist_wheel": Wheel},
)
