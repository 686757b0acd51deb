"""How good a base is, and what each of its parts is worth."""
