"""The server of `lead-invert serve`: motions over HTTP, for programs that animators work in."""
