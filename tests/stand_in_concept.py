"""A concept as `lead.conditioning.ConceptTensors` expects it; a test gives only the parts that it needs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from concepts.schedule import StyleSchedule

PLAIN = StyleSchedule(direction_scale=1.0)


@dataclass(frozen=True, eq=False)
class StandInConcept:
    token_embedding: Any
    initializer: Any = None
    direction: Any = None
    adapter: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    schedule: StyleSchedule | None = PLAIN
    training_prompts: tuple[str, ...] = ()
    seen_directions: Any = None
