"""The commands of `lead-invert`, one module each."""
