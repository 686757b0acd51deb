"""Which fast modules take the places of which modules of the networks."""

import platform
from typing import TypeVar, cast

from torch import nn

from lead.kernels import denoiser, layers, linear, mld, native, text, vae
from lead.kernels.replacement import Replacement
from lead.networks.denoiser import Denoiser
from lead.networks.layers import Attention, Block, Sinusoid, Transformer
from lead.networks.mld import Layer, MldDenoiser, SkipTransformer
from lead.networks.vae import Seams
from lead.text.tower import TextTower
from lead.text.transformer import Block as TextBlock
from lead.text.transformer import Blocks as TextBlocks

M = TypeVar("M", bound=nn.Module)

REPLACEMENTS: dict[type[nn.Module], type[Replacement]] = {
    nn.Linear: linear.FastLinear,
    nn.Conv1d: linear.FastConv1d,
    nn.MultiheadAttention: linear.FastMultiheadAttention,
    Sinusoid: layers.FastSinusoid,
    Attention: layers.FastAttention,
    Block: layers.FastBlock,
    Transformer: layers.FastTransformer,
    Seams: vae.FastSeams,
    Denoiser: denoiser.FastDenoiser,
    Layer: mld.FastLayer,
    SkipTransformer: mld.FastSkipTransformer,
    MldDenoiser: denoiser.FastMldDenoiser,
    TextTower: text.FastTextTower,
    TextBlock: text.FastTextBlock,
    TextBlocks: text.FastTextBlocks,
}


def optimize(module: M) -> M:
    """Replace a module's parts by faster ones, in place, on an x86-64 CPU; return the module.

    Outputs change by float rounding only. Parameters, names, hooks, copies and gradients stay the same. A module on
    another device stays unchanged, and so does every module on another processor.
    """
    on_cpu = all(parameter.device.type == "cpu" for parameter in module.parameters())
    is_x86 = platform.machine().lower() in ("x86_64", "amd64")
    if on_cpu and is_x86 and (native.LEVEL or linear.HAS_ONEDNN):
        for part in list(module.modules()):
            fast = REPLACEMENTS.get(type(part))
            if fast is not None:
                part.__class__ = fast
                cast(Replacement, part).start()
    return module
