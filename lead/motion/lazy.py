"""Packages whose names are imported when they are first used (PEP 562), so that a light module costs no heavy import."""

import sys
from collections.abc import Callable, Mapping
from importlib import import_module


def lazy_names(package: str, modules: Mapping[str, str]) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of a package: `modules` says which module has each name.

    A value "module:name" gives the name in that module, where it is another. Submodules are attributes too.
    """

    def get(name: str) -> object:
        namespace = vars(sys.modules[package])
        if name in modules:
            module, _, original = modules[name].partition(":")
            namespace[name] = getattr(import_module(module), original or name)
            return namespace[name]
        if not name.startswith("_"):
            try:
                return import_module(f"{package}.{name}")
            except ModuleNotFoundError as error:
                if error.name != f"{package}.{name}":
                    raise
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *modules})

    return get, names
