"""The optimization of a pseudo-word: what is learned, from what, by which objective and how."""
