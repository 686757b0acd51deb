"""Motion that people direct: what happens when, in one motion of any length."""
