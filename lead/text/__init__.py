"""Prompts to text features: tokenizer, text tower, and the text that the tower is trained on."""
