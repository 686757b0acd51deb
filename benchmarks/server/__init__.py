"""The server under load, under random requests, and with other programs as clients."""
