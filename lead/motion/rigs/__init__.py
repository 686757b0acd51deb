"""Rigs: which joint of a file is which of the 22, and motion on a given rig."""
