"""The wire of clients: one file for each surface, from the body to a `Call` and back."""
