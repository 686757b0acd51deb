"""New training motion from old: reversed, bent, joined, two at once; each product measured before it counts."""
