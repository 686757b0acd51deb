"""Twenty plain prompts on one sheet, as the embedded base does them.

python -m benchmarks.prompts.sheet [--base PATH] [--seed 0] [--output docs/prompt-sheet.png]
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.pack import REPOSITORY
from lead import Lead
from lead.motion.render import contact_sheet

PROMPTS = (
    "a person walks forward", "a person walks backward", "a person walks in a circle", "a person walks and turns left",
    "a person steps sideways to the right", "a person runs", "a person walks up the stairs", "a person turns around",
    "a person stands still with the arms crossed", "a person sits down", "a person gets up from the floor",
    "a person kneels down", "a person crawls", "a person jumps forward", "a person picks something up",
    "a person kicks with the left leg", "a person waves with the right hand", "a person claps",
    "a person walks forward, then sits down", "a person walks while waving with the left hand",
)  # fmt: skip
SECONDS = 4.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes the sheet."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.prompts.sheet", description=main.__doc__)
    parser.add_argument("--base", type=Path, help="a checkpoint (default: the embedded base)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=REPOSITORY / "docs" / "prompt-sheet.png")
    options = parser.parse_args(arguments)
    motions = Lead.load(options.base).generate(PROMPTS, seconds=SECONDS, seed=[options.seed] * len(PROMPTS))
    sheet = contact_sheet(motions, PROMPTS)
    small = sheet.resize((sheet.width * 2 // 3, sheet.height * 2 // 3)).quantize(128)
    small.save(options.output, optimize=True)
    print(options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
