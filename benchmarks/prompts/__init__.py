"""What a base knows of what people type."""
