"""Strict stand-ins for the services that ymago talks to. Test programs only."""
from .client import FakeA1111, FakeComfyUI, FakeElevenLabs, FakeFal, FakeGemini, FakeKie, FakeOpenAI, FakeServer

__all__ = ["FakeA1111", "FakeComfyUI", "FakeElevenLabs", "FakeFal", "FakeGemini", "FakeKie", "FakeOpenAI", "FakeServer"]
