"""`ViewOptions`: what pictures, pages and videos show beside the figures, and what a motion does when it has ended."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ViewOptions:
    """Switches of a view; all are off by default."""

    loop: bool = False
    """Shorter motions begin again until the longest has ended; else they hold their last pose."""
    trail: bool = False
    """The way of the root so far, as a line on the ground."""
    contacts: bool = False
    """A print in its side's color under each foot that stands."""
