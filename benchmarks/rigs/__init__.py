"""Rigs and files of every maker, read, written, and opened by other programs."""
