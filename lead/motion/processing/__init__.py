"""Motion to motion: foot clean-up, edits and procedural styles."""
