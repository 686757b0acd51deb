"""The networks: forward passes and nothing else."""
