"""Strict stand-ins for the services that ymago talks to. Test programs only."""
from .client import FakeElevenLabs, FakeFal, FakeGemini, FakeKie, FakeOpenAI, FakeServer

__all__ = ["FakeElevenLabs", "FakeFal", "FakeGemini", "FakeKie", "FakeOpenAI", "FakeServer"]
