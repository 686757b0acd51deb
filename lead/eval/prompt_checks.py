"""Checks of what a clip shows: "the person walks backward", "the left hand waves", yes or no.

Each check is a function on joints [frames, 22, 3] in meters, Y up, at 20 frames a second, whose docstring is a sentence
that a person who watches the clip would agree with. Sides are the actor's own; a turn to the left is positive.
`CHECKS` has them by name; `lead.eval.check_language` combines them. How often each is true of recorded clips that show
it, and of others, is in docs/prompt-suite.md (`benchmarks.prompts.calibration`). Knows nothing of prompts and models.
"""

from collections.abc import Callable
from types import ModuleType

from lead.eval import body_checks, limb_checks


def _list_checks(module: ModuleType) -> dict[str, Callable[..., bool]]:
    """The public functions that a module defines, by name."""
    own = {name: value for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__}
    return {name: value for name, value in own.items() if callable(value) and not name.startswith("_")}


CHECKS = {**_list_checks(body_checks), **_list_checks(limb_checks)}
"""By name; each takes joints and its own keywords."""
