"""Training of a base model, stage by stage: what the stages share; they are in `stages`."""
