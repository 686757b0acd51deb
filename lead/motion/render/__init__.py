"""Pictures, videos and pages of motions."""
