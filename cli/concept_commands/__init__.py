"""The commands of `lead-invert` about concept files and the library; one module each."""
