"""The motions that a person keeps, from any tab: what the tab Export writes. All pages have one shelf."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nicegui import Event

from cli.errors import UsageError

if TYPE_CHECKING:
    from lead import Motion

MOST = 200
"""Motions that are kept."""


@dataclass(frozen=True, eq=False)
class Favorite:
    """A motion that is kept, and what is said of it."""

    motion: "Motion"
    title: str
    """Its prompt, where it has one; the name of its file comes from it."""
    seed: int = 0
    tokens: tuple[str, ...] = ()
    """The concepts that it was made with, whose licenses hold for it."""


class Shelf:
    """What is kept, in the order in which it came."""

    def __init__(self) -> None:
        self.favorites: list[Favorite] = []
        self.changed = Event[[]]()

    def add(self, favorite: Favorite) -> None:
        """Keep a motion; UsageError where the shelf is full."""
        if len(self.favorites) >= MOST:
            raise UsageError(f"{MOST} favorites are kept already; export them, or let some go.")
        if not self.has(favorite.motion):
            self.favorites.append(favorite)
            self.changed.emit()

    def remove(self, motion: "Motion") -> None:
        """Let a motion go."""
        self.favorites = [one for one in self.favorites if one.motion is not motion]
        self.changed.emit()

    def has(self, motion: "Motion") -> bool:
        """Whether a motion is kept."""
        return any(one.motion is motion for one in self.favorites)
