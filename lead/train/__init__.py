"""Training of a base model, stage by stage."""
