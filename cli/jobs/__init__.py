"""Many motions or concepts at once: shards, processes, files of prompts."""
