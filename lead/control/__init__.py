"""Motion that people direct: constraints on poses and paths, new parts of existing clips, prompts in time."""
