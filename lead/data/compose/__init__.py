"""New training motion from old: reversed, bent, joined, two at once; what a measure refutes does not count."""
