"""Fine-tuning: a base goes on training on a user's own captioned clips, and says what it gained and lost."""
