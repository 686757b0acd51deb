"""Captioned motion data sets: their layout on disk, batches, and new data from old."""
