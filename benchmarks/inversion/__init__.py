"""How well concepts are learned, carried, blended, described and recognized."""
