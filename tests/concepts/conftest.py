"""A usual concept, small and fixed."""

import numpy as np
import pytest

from concepts import Concept, Exemplar


def usual():
    rng = np.random.default_rng(0)
    joints = rng.normal(size=(40, 22, 3))
    return {
        "token": "<elderly>",
        "token_embedding": rng.normal(size=(2, 256)),
        "kind": "style",
        "base": "lead-small",
        "fingerprints": {"text": "ab" * 32, "vae": "cd" * 32, "denoiser": "ef" * 32, "projector": "01" * 32},
        "init": "like an old person",
        "templates": ("a person walks in {} style", "someone walks {}"),
        "objective": "latent",
        "steps": 100,
        "seed": 7,
        "loss": tuple(float(x) for x in np.linspace(1, 0, 64)),
        "scores": {"reconstruction": 0.25, "style": 0.5},
        "exemplars": tuple(
            Exemplar.from_joints(joints + i, 30.0, "Bandai", "CC BY-NC 4.0") for i in range(5)
        ),
        "author": "Zoë 走る",
        "description": "An elderly walk.\nSlow, bent.",
        "license": "CC BY-NC 4.0",
        "date": "2026-01-31",
        "tensors": {
            "init": rng.normal(size=(2, 256)),
            "probe.cond": rng.normal(size=384),
            "preview.joints": rng.normal(size=(60, 22, 3)),
        },
    }


@pytest.fixture
def fields():
    return usual()


@pytest.fixture
def concept(fields):
    return Concept(**fields)


@pytest.fixture(scope="session")
def honest():
    return Concept(**usual())
