"""The version of the installed package, which `pyproject.toml` states."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("lead-invert")
except PackageNotFoundError:  # the source tree without an installation
    __version__ = "0+unknown"
