"""Strict stand-ins for the services that ymago talks to. Test programs only."""
from .client import FakeComfyUI, FakeElevenLabs, FakeFal, FakeGemini, FakeKie, FakeOpenAI, FakeServer

__all__ = ["FakeComfyUI", "FakeElevenLabs", "FakeFal", "FakeGemini", "FakeKie", "FakeOpenAI", "FakeServer"]
