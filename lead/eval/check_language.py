"""Expressions of checks: `walk()`, `wave(side="left")`, `then(walk(), sit_down())`, `at_once(walk(), clap())`.

A name is one of `lead.eval.prompt_checks`, with plain keywords. `then` and `at_once` combine two of
them. Expressions are read, never evaluated as code.
"""

import ast
import inspect
from collections.abc import Callable
from functools import partial

from lead.errors import LeadError
from lead.eval.prompt_checks import CHECKS
from lead.motion.measures import Joints
from lead.motion.skeleton import FPS

Check = Callable[[Joints], bool]
PART_SECONDS = 0.7
"""The shortest part of two actions in time."""


def parse(expression: str) -> Check:
    """A check from its expression.

    Raises:
        LeadError: it is no such expression.
    """
    try:
        return _build(ast.parse(expression, mode="eval").body)
    except (SyntaxError, ValueError) as error:
        raise LeadError(
            f"No check: {expression!r} ({error}). Expected names such as walk(), "
            'wave(side="left"), then(walk(), sit_down()) or at_once(walk(), clap()).'
        ) from None


def _build(node: ast.expr) -> Check:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        raise ValueError("expected name(...)")
    name = node.func.id
    if name in COMBINED:
        if len(node.args) != 2 or node.keywords:
            raise ValueError(f"{name} takes two checks")
        first, second = (_build(argument) for argument in node.args)
        return COMBINED[name](first, second)
    if name not in CHECKS:
        raise ValueError(f"no check is called {name}; there are {', '.join(sorted(CHECKS))}")
    if node.args:
        raise ValueError(f"{name} takes keywords only")
    keywords = {word.arg or "**": ast.literal_eval(word.value) for word in node.keywords}
    if unknown := set(keywords) - set(list(inspect.signature(CHECKS[name]).parameters)[1:]):
        raise ValueError(f"{name} has no {', '.join(sorted(unknown))}")
    return partial(CHECKS[name], **keywords)


def then(first: Check, second: Check) -> Check:
    """The time can be split so that the first check holds before and the second after; each part has .7 s or more."""

    def both(joints: Joints) -> bool:
        shortest = round(PART_SECONDS * FPS)
        splits = range(shortest, len(joints) - shortest + 1, 3)
        return any(first(joints[:split]) and second(joints[split:]) for split in splits)

    return both


def at_once(first: Check, second: Check) -> Check:
    """Both checks hold for the same time."""
    return lambda joints: first(joints) and second(joints)


COMBINED = {"then": then, "at_once": at_once}
