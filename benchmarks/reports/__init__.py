"""Whether the reports after learning say what judges see."""
