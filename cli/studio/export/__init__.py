"""The tab Export: motions to files."""
