"""What makes networks fast on x86-64 CPUs."""
