"""What the tab Timeline is made of: the track, the plan of the floor, the choice of a pose, and the work."""
