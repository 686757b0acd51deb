"""Programs that measure the toolkit on real motion; nothing that ships needs them."""
