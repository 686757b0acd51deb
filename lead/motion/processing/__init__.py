"""Motion to motion: foot clean-up and procedural styles."""
