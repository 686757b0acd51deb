"""Evaluation of base models and of clips."""
