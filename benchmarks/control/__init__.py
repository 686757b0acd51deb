"""Motion that people direct: timelines, constraints, parts made anew, and clips processed."""
