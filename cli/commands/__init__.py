"""The commands of `lead-invert` that make, read and judge motion; one module each."""
