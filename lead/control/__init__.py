"""Motion that people direct: prompts in time, constraints on poses and paths, new parts of existing clips."""
