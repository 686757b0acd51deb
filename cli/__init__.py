"""The command lines of `lead-invert` and `lead`."""
