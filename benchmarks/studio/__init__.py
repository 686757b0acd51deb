"""The studio and the offline page, driven by a browser."""
