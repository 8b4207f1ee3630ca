"""grip: a self-hosted gateway that sells AI models, with exact books."""

__version__ = "0.1.0"
