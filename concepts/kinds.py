"""The kinds of concepts. Imports nothing heavy, so that `--help` can list them."""

from typing import Literal

Kind = Literal["action", "style", "persona"]
"""An action stands where a verb would; a style says how something is done; a persona is somebody's way of moving."""
