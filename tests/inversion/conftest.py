"""The embedded base, and a concept that is learned on it from real clips, once for all tests."""

import pytest

from inversion import learn
from lead import Lead, Motion


@pytest.fixture(scope="session")
def base():
    return Lead.load()


@pytest.fixture(scope="session")
def elderly_walks(pack):
    """Five takes of one actor: the last are for judging."""
    return [Motion.read(path) for path in sorted((pack / "exemplars" / "elderly-walk").glob("*.bvh"))]


@pytest.fixture(scope="session")
def elderly(base, elderly_walks):
    """A concept, learned from two of them for a few seconds."""
    return learn(base, elderly_walks[:2], "<elderly>", kind="style", quality="fast", steps=15)
