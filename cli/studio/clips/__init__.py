"""Clips to words in the studio: the clips of a page, what is said of them, and learning from them."""
