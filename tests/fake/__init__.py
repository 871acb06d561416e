"""Strict stand-ins for the services that ymago talks to. Test programs only."""
from .client import FakeFal, FakeGemini, FakeKie, FakeOpenAI, FakeServer

__all__ = ["FakeFal", "FakeGemini", "FakeKie", "FakeOpenAI", "FakeServer"]
