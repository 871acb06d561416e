"""All providers at once: one line of front matter sends the same prompt elsewhere, and the next one is asked
when one refuses its service."""
import json

import pytest

from fake import FakeA1111, FakeComfyUI, FakeElevenLabs, FakeFal, FakeGemini, FakeKie, FakeOpenAI
from rig import KEY, wait_for

FAKES = {"gemini": lambda: FakeGemini("--small"), "openai": FakeOpenAI, "fal": FakeFal, "kie": FakeKie,
         "elevenlabs": FakeElevenLabs, "a1111": FakeA1111, "comfyui": FakeComfyUI}
KEYS = {"gemini": "GOOGLE_API_KEY", "openai": "OPENAI_API_KEY", "fal": "FAL_KEY", "kie": "KIE_API_KEY",
        "elevenlabs": "ELEVENLABS_API_KEY"}


@pytest.fixture(scope="module")
def running():
    fakes = {}
    try:
        for name, make in FAKES.items():
            fakes[name] = make().start()
        yield fakes
    finally:
        for fake in fakes.values():
            fake.stop()


@pytest.fixture
def fakes(running):
    for fake in running.values():
        fake.reset()
    yield running
    for fake in running.values():
        fake.clear()


@pytest.fixture
def world(libraries, fakes):
    """world(config tables) -> a mounted library that knows all of them."""
    def make(**tables):
        providers = {f"providers.{n}": {"base_url": f.url, "rate_limit": 6000} for n, f in fakes.items()}
        lib = libraries(tables={**providers, "budget": {"grace_seconds": 0, "unknown_price": "allow"}, **tables},
                        env={variable: KEY for variable in KEYS.values()})
        lib.mount()
        return lib
    return make


IMAGES = ["gemini/gemini-nano-banana-2.1", "openai/gpt-image-2.5-flare", "fal/fal-ai/flux/schnell", "a1111/default",
          "comfyui/default", "sketch"]
VIDEOS = ["gemini/gemini-omni-1.2-flash", "kie/kling-3.0/video", "fal/fal-ai/kling-video/v2.5-turbo/pro/text-to-video", "sketch"]


def asked(fakes, prompt):
    """Who was sent this text in the body of a request."""
    return {name for name, fake in fakes.items()
            if any(prompt in json.dumps(e.get("body") or "") for e in fake.stats()["log"])}


@pytest.mark.parametrize("model", IMAGES)
def test_one_line_sends_a_picture_elsewhere(world, fakes, model):
    lib = world()
    prompt = f"a fox for {model.replace('/', ' ')}"
    lib.save("images/fox.txt", f"---\nmodel: {model}\n---\n{prompt}")
    result = lib.wait("images/fox.txt", 60)
    assert len(result) == 1 and lib.state(result[0]) == "done"
    name = model.split("/")[0]
    assert lib.sidecar(result[0])["ymago"]["provider"] == name
    assert asked(fakes, prompt) == ({name} - {"sketch"})


@pytest.mark.seconds(180)
@pytest.mark.parametrize("model", VIDEOS)
def test_one_line_sends_a_clip_elsewhere(world, fakes, model):
    lib = world(net={"poll_interval_seconds": 0.2})
    prompt = f"a bird for {model.replace('/', ' ')}"
    lib.save("videos/bird.txt", f"---\nmodel: {model}\nduration: 5\n---\n{prompt}")
    assert lib.wait("videos/bird.txt", 90) == ["videos/bird.mp4"]
    side = lib.sidecar("videos/bird.mp4")["ymago"]
    assert side["provider"] == model.split("/")[0] and abs(side["duration_s"] - 5) < 0.2
    assert asked(fakes, prompt) == ({side["provider"]} - {"sketch"})


def test_a_local_server_comes_before_any_key(world, fakes):
    """Nothing is said: what is configured on this machine is asked."""
    lib = world()
    lib.save("images/fox.txt", "a fox at home")
    lib.wait("images/fox.txt", 60)
    assert asked(fakes, "a fox at home") in ({"a1111"}, {"comfyui"})


def test_the_next_one_when_one_refuses(world, fakes):
    fakes["gemini"].script([{"do": "error", "status": 429, "quota": "day", "times": -1}])
    lib = world(defaults={"image_model": ["gemini/gemini-nano-banana-2.1", "openai/gpt-image-2.5-flare"]})
    lib.save("images/a.txt", "a hen")
    lib.save("images/b.txt", "an owl")
    for name in ("images/a.txt", "images/b.txt"):
        side = lib.sidecar(lib.wait(name, 60)[0])["ymago"]
        assert side["provider"] == "openai"
        assert side["fallback_from"][0]["model"] == "gemini/gemini-nano-banana-2.1"
    wait_for(lambda: [e for e in lib.events() if e["type"] == "fallback"], what="an event that tells of it")


def test_a_field_that_it_cannot_take_names_those_that_can(world, fakes):
    lib = world()
    lib.save("images/fox.txt", "---\nmodel: gemini/gemini-nano-banana-2.1\nclip_skip: 2\n---\na fox nobody sees")
    lib.wait_state("images/fox.txt", "failed")
    error = lib.ask("images/fox.txt", "error")
    assert "clip_skip" in error and "a1111" in error
    assert asked(fakes, "a fox nobody sees") == set()
