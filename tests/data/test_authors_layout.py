"""HumanML3D- and KIT-shaped folders go from folder to trained tiny model to evaluation table."""

import numpy as np
import pytest
from datasets import authors_folder
from tiny_training import train

from lead.eval.evaluator import Evaluator
from lead.eval.protocol import Protocol, evaluate, to_table_rows
from lead.model import Lead
from lead.motion.skeleton import HUMANML3D, KIT
from lead.train.assemble import assemble


@pytest.mark.parametrize("skeleton", [HUMANML3D, KIT], ids=lambda skeleton: skeleton.name)
def test_from_folder_to_table(skeleton, tmp_path):
    data, run = authors_folder(tmp_path / skeleton.name, skeleton, clips=36, tests=17), tmp_path / "run"
    for stage in ("text", "vae", "diffusion", "projector", "evaluator"):
        train(stage, data, run, steps=2)
    base = Lead.load(assemble(data, run, "tiny", "MIT").save(tmp_path / "base.safetensors"))
    assert base.skeleton is skeleton and base.config.vae.features == skeleton.features

    motion = base.generate(["a person walks"], seconds=3.2)[0]
    assert motion.fps == skeleton.fps and motion.joints.shape == (40 if skeleton is KIT else 64, 22, 3)
    kept = base.reconstruct([motion])[0]
    assert kept.fps == motion.fps and len(motion.joints) - 8 < len(kept.joints) < len(motion.joints)

    protocol = Protocol(replications=1, multimodal_texts=2, multimodal_samples=2)
    figures = evaluate(base, Evaluator.load(run / "evaluator.safetensors"), data, "test", protocol)
    assert set(figures) == {"real", "vae", "mld", "lead"} and len(to_table_rows(figures)) == 4
    assert all(np.isfinite(estimate.mean) for row in figures.values() for estimate in row.values())
