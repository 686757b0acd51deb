"""Tiny stages, and as a program, for tests that need processes of their own: to kill them, or to have two.

python tests/tiny_training.py vae,diffusion DATA RUN '{"steps": 6, "batch": 4}'
"""

import json
import sys
from dataclasses import replace
from pathlib import Path

SMALL = {"width": 32, "layers": 1, "heads": 2, "ff": 64}


def train(stage: str, data: Path, run: Path, device: str = "cpu", **options):
    """Any stage at a size that takes milliseconds a step."""
    from lead.eval.evaluator import EvaluatorConfig
    from lead.networks.denoiser import DenoiserConfig
    from lead.networks.projector import ProjectorConfig
    from lead.networks.vae import VAEConfig
    from lead.text.tower import TextConfig
    from lead.train.stage import TrainConfig
    from lead.train.stages.decoder import train_decoder
    from lead.train.stages.diffusion import train_diffusion
    from lead.train.stages.evaluator import train_evaluator
    from lead.train.stages.language import LanguageLoss, train_language
    from lead.train.stages.projector import train_projector
    from lead.train.stages.refine import train_refine
    from lead.train.stages.text import TextLoss, train_text
    from lead.train.stages.vae import train_vae

    quick = TrainConfig(steps=6, batch=4, warmup=2, report_every=2, save_every=2, val_every=2, precision="no")
    train = replace(quick, **options)
    match stage:
        case "text":
            config = TextConfig(width=32, layers=1, heads=2, d_text=24, merges=300)
            losses = TextLoss(distil=0.0, meanings=4, words=2, distinct_meanings=8, distinct_words=8)
            return train_text(data, run, config, train, losses, device=device)
        case "vae":
            return train_vae(data, run, VAEConfig(**SMALL, d_latent=8), train, device=device)
        case "decoder":
            return train_decoder(data, run, train, seam_width=4, device=device)
        case "diffusion":
            return train_diffusion(data, run, DenoiserConfig(8, 24, 32, 3, 2, 64), train, device=device)
        case "language":
            denoiser = DenoiserConfig(8, 24, 32, 3, 2, 64)
            return train_language(data, run, denoiser, train, weights=LanguageLoss(meanings=4), device=device)
        case "projector":
            return train_projector(data, run, ProjectorConfig(8, 24, **SMALL), train, device=device)
        case "refine":
            return train_refine(data, run, replace(train, keep="last"), device=device)
        case "evaluator":
            config = EvaluatorConfig(("a", "person", "walks"), d_motion=16, motion_layers=1, d_text=16, text_layers=1,
                                     heads=2, d=16, dropout=0.0)  # fmt: skip
            return train_evaluator(data, run, config, train, device=device)
    raise ValueError(f"no stage {stage}")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    for name in sys.argv[1].split(","):
        train(name, Path(sys.argv[2]), Path(sys.argv[3]), **json.loads(sys.argv[4]))
