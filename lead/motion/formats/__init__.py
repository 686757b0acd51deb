"""File formats: a file to and from its own skeleton."""
