"""The tab Generate: prompts to takes."""
