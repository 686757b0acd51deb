"""The commands of `lead`."""
