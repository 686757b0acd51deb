"""How strongly a style acts in a prompt: the numbers that the concept file states.

A style is learned from clips of some action, its training action. Its adapter knows that action best; its direction
transfers to others. A prompt's similarity is the greatest cosine of its text feature to those of the training prompts,
with "normally" in the place of every token. It decides how much of each part acts:

    near      = clamp((similarity - similarity_low) / (similarity_high - similarity_low), 0, 1)
    direction = strength * (1 - (1 - direction_share_seen) * near) * (direction_scale * stored direction)
    t_max     = adapter_t_max_unseen + (1 - adapter_t_max_unseen) * near
    adapter   = strength * (adapter_scale_unseen + (1 - adapter_scale_unseen) * near) * (up down)

`near` is 0 for an unseen action and 1 for the training action. The adapter acts at the timesteps below t_max times all
timesteps. Without an adapter the share of the direction is 1 everywhere.
The numbers are in the file, so that the same file gives the same motion whatever the defaults of a later release are.
"""

from dataclasses import dataclass, fields, replace

from concepts.errors import ConceptError
from concepts.text import as_mapping, as_number

RANGES = {
    "direction_scale": (0.0, 10.0),
    "direction_share_seen": (0.0, 1.0),
    "adapter_t_max_unseen": (0.0, 1.0),
    "similarity_low": (-1.0, 1.0),
    "similarity_high": (-1.0, 1.0),
    "adapter_scale_unseen": (0.0, 10.0),
}
"""Least and greatest value of each field."""
LATER = {"adapter_scale_unseen": 1.0}
"""Fields that files of version 2.0 do not have, and what they mean there."""


@dataclass(frozen=True)
class StyleSchedule:
    """How strongly a style acts, by the cosine of a prompt to the prompts that the concept was trained on.

    Raises ConceptError, which names the field, for a value outside `RANGES`. The defaults are those of a new concept.
    """

    direction_scale: float = 1.3
    """Factor of the stored direction. At 1 it is what the clips add to their own action."""
    direction_share_seen: float = 0.37
    """Share of the scaled direction on the training action, where the concept has an adapter."""
    adapter_t_max_unseen: float = 0.5
    """Fraction of the timesteps, from the lowest, on which the adapter acts on unseen actions."""
    similarity_low: float = 0.4
    """Up to this cosine an action is unseen: turns and walks backward have .34 to .38 to "walks"."""
    similarity_high: float = 0.8
    """From this cosine an action is the training action: other ways to say "walks" have .81 to .98."""
    adapter_scale_unseen: float = 1.0
    """Factor of the adapter on unseen actions. Files before 2.1 do not state it, and it is 1."""

    def __post_init__(self) -> None:
        for name, (least, most) in RANGES.items():
            value = as_number(getattr(self, name), f"the schedule's {name}")
            if not least <= value <= most:
                raise ConceptError(f"the schedule's {name} is {value:g}, expected {least:g} to {most:g}")
            object.__setattr__(self, name, value)
        if not self.similarity_low < self.similarity_high:
            raise ConceptError(
                f"the schedule's similarity_low is {self.similarity_low:g}, expected less than similarity_high, which "
                f"is {self.similarity_high:g}"
            )

    @classmethod
    def from_record(cls, record: object) -> "StyleSchedule":
        """The schedule in a concept file's JSON. A missing field is an error: the file states every number (LATER)."""
        entries = {**LATER, **as_mapping(record, "schedule")}
        if missing := [f.name for f in fields(cls) if f.name not in entries]:
            raise ConceptError(f"the schedule lacks {', '.join(missing)}: the file is damaged, get it again")
        return cls(**{f.name: as_number(entries[f.name], f"the schedule's {f.name}") for f in fields(cls)})

    def blend(self, other: "StyleSchedule", weight: float) -> "StyleSchedule":
        """Each number (1 - weight) of this one's and weight of the other's; equal numbers stay exactly equal."""
        ours, theirs = ({name: getattr(one, name) for name in RANGES} for one in (self, other))
        return replace(self, **{
            name: value if value == theirs[name] else (1 - weight) * value + weight * theirs[name]
            for name, value in ours.items()
        })  # fmt: skip


VERSION_1 = StyleSchedule(
    direction_scale=1.0,
    direction_share_seen=0.37,
    adapter_t_max_unseen=0.3,
    similarity_low=0.4,
    similarity_high=0.8,
    adapter_scale_unseen=1.0,
)
"""What a file of format 1 means by a direction, which it stores scaled."""
