"""Strict stand-ins for the services that ymago talks to. Test programs only."""
from .client import FakeGemini, FakeOpenAI, FakeServer

__all__ = ["FakeGemini", "FakeOpenAI", "FakeServer"]
