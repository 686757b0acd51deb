"""Words of the library on the page: lists of them, and blends of two."""
