"""OpenAI and what speaks its API: images, edits, videos, texts, and a local server without a key."""
import hashlib
import io
import json
import subprocess

import pytest
from PIL import Image

from fake import FakeOpenAI
from rig import wait_for

SCHEMA = """schema:
  type: object
  properties: {title: {type: string}, scenes: {type: array, items: {type: string}}}
  required: [title, scenes]
  additionalProperties: false
"""


@pytest.fixture(scope="module")
def openai_server():
    """A gateway: it still has the videos that the service itself shut down."""
    with FakeOpenAI("--small", "--videos") as fake:
        yield fake


@pytest.fixture
def api(openai_server):
    openai_server.reset()
    yield openai_server
    openai_server.clear()


@pytest.fixture(scope="module")
def ollama():
    with FakeOpenAI("--local", "llama3.2:3b") as fake:
        yield fake


def tables(url, **defaults):
    return {"providers.openai": {"base_url": url, "rate_limit": 6000}, "budget": {"grace_seconds": 0},
            "net": {"poll_interval_seconds": 0.05, "backoff_base_seconds": 0.05, "backoff_max_seconds": 0.5},
            "defaults": {k + "_model": "openai/" + v for k, v in defaults.items()}}


@pytest.fixture
def lib(libraries, api):
    lib = libraries(tables=tables(api.url, image="gpt-image-2.5-flare", video="sora-2", text="gpt-5.6-luna"),
                    env={"OPENAI_API_KEY": api.key})
    lib.mount()
    return lib


def png(size=(64, 64), color="red"):
    out = io.BytesIO()
    Image.new("RGB", size, color).save(out, "PNG")
    return out.getvalue()


def sent(fake, path):
    """What reached that path, in order."""
    return [x for x in fake.stats()["log"] if x["path"] == path and x["method"] == "POST"]


def only(fake, path):
    [entry] = sent(fake, path)
    return entry


def b2(data):
    return hashlib.blake2b(data, digest_size=32).hexdigest()


def note(lib, stem):
    """Its error.log, which is written right after the state is known."""
    lib.wait_exists(stem + ".error.log")
    return lib.read(stem + ".error.log")


def field(body, name):
    """The text of one field of a form, as the log shows it."""
    mark = f'name="{name}"\r\n\r\n'
    return body.split(mark)[1].split("\r\n--")[0] if mark in body else None


# ---- images ----

def test_image(lib, api):
    [name] = lib.make("images/fox.txt", "---\nquality: draft\nratio: 16:9\nformat: jpeg\nparams: {background: opaque}\n---\na red fox")
    assert name == "images/fox.jpg"
    image = Image.open(io.BytesIO(lib.bytes(name)))
    assert image.format == "JPEG" and image.size == (80, 45)  # 1280x720, made small
    entry = only(api, "/v1/images/generations")
    assert entry["body"] == {"model": "gpt-image-2.5-flare", "prompt": "a red fox", "size": "1280x720", "quality": "low",
                             "output_format": "jpeg", "background": "opaque", "n": 1}
    assert ["Authorization", "(right key)"] in entry["headers"]
    assert b2(lib.bytes(name)) in api.stats()["made"]["a red fox"]
    side = lib.sidecar(name)
    assert (side["prompt"], side["aspect_ratio"]) == ("a red fox", "16:9")
    assert side["ymago"]["provider"] == "openai" and side["ymago"]["provider_id"].startswith("req_")
    assert 0.005 < side["ymago"]["cost_usd"] < 0.01
    assert api.stats()["paid"] == 1


def test_edit_of_an_image(lib, api):
    """Source and references go along as files of a form, the source first."""
    lib.save("images/fox.in.png", png(color="red"))
    lib.save("images/fox.in2.png", png(color="blue"))
    [name] = lib.make("images/fox.txt", "as a watercolour")
    assert Image.open(io.BytesIO(lib.bytes(name))).format == "PNG"
    body = only(api, "/v1/images/edits")["body"]
    assert field(body, "prompt") == "as a watercolour" and field(body, "model") == "gpt-image-2.5-flare"
    assert body.count('name="image[]"; filename="image') == 2
    assert not sent(api, "/v1/images/generations")
    refs = lib.sidecar(name)["ymago"]["references"]
    assert [r["path"] for r in refs] == ["images/fox.in.png", "images/fox.in2.png"]


def test_image_by_address(lib, api):
    """Some gateways answer with an address: it is fetched, once paid."""
    api.script([{"do": "by_address"}])
    [name] = lib.make("images/fox.txt", "a red fox")
    assert b2(lib.bytes(name)) in api.stats()["made"]["a red fox"]
    assert api.stats()["paid"] == 1


def test_what_the_service_says_no_to(lib, api):
    api.script([{"do": "moderated"}])
    lib.save("images/bad.txt", "something else")
    lib.wait_state("images/bad.txt", "failed")
    said = note(lib, "images/bad")
    assert "moderation_blocked" in said and "safety system" in said
    lib.idle()
    assert len(sent(api, "/v1/images/generations")) == 1 and api.stats()["paid"] == 0


def test_throttled_then_made(lib, api):
    api.script([{"do": "error", "status": 429, "retry_after": 1}])
    [name] = lib.make("images/fox.txt", "a red fox")
    assert lib.sidecar(name)["ymago"]["attempts"] == 1
    assert len(sent(api, "/v1/images/generations")) == 2 and api.stats()["paid"] == 1


def test_no_money_stops_the_provider(lib, api):
    """Not hammered on: the first answer stops all, until somebody reloads."""
    api.script([{"do": "no_money", "times": 2}])
    lib.save("images/fox.txt", "a red fox")
    wait_for(lambda: "no money left" in (lib.ask("images/fox.txt", "error") or ""), what=lib.log)
    lib.save("images/owl.txt", "an owl")
    lib.wait_state("images/owl.txt", "queued")
    lib.noticed()
    assert len(sent(api, "/v1/images/generations")) == 1
    assert lib.state("images/fox.txt") == "queued"
    api.clear()
    lib.ctl("reload")
    assert lib.wait("images/fox.txt") == ["images/fox.png"]
    assert lib.wait("images/owl.txt") == ["images/owl.png"]
    assert api.stats()["paid"] == 2


def test_a_field_that_it_does_not_take(lib, api):
    lib.save("images/fox.txt", "---\nsteps: 20\n---\na red fox")
    lib.wait_state("images/fox.txt", "failed")
    assert "takes no steps" in note(lib, "images/fox")
    assert api.stats()["requests"] == 0


# ---- videos ----

def probe(lib, name):
    out = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "format=duration:stream=width,height", "-of", "json",
                          str(lib.path(name))], stdout=subprocess.PIPE, check=True, timeout=60).stdout
    data = json.loads(out)
    stream = next(s for s in data["streams"] if "width" in s)
    return float(data["format"]["duration"]), stream["width"], stream["height"]


def test_video(lib, api):
    [name] = lib.make("videos/fox.txt", "---\nduration: 8\nratio: 16:9\n---\nthe fox runs", 60)
    assert name == "videos/fox.mp4"
    seconds, w, h = probe(lib, name)
    assert 7.5 < seconds < 8.5 and (w, h) == (320, 180)
    body = only(api, "/v1/videos")["body"]
    assert [field(body, f) for f in ("model", "prompt", "seconds", "size")] == ["sora-2", "the fox runs", "8", "1280x720"]
    assert lib.sidecar(name)["ymago"]["provider_id"].startswith("video_")
    assert abs(lib.sidecar(name)["ymago"]["cost_usd"] - 0.80) < 1e-9
    assert api.stats()["paid"] == 1


def test_video_from_an_image(lib, api):
    lib.save("videos/fox.in.png", png((1280, 720)))
    [name] = lib.make("videos/fox.txt", "---\nratio: 16:9\n---\nthe fox runs", 60)
    assert probe(lib, name)[0] < 5
    body = only(api, "/v1/videos")["body"]
    assert 'name="input_reference"; filename="image1.png"' in body


def test_video_survives_bad_looks(lib, api):
    """A connection that is lost while a video is made loses no video, and buys no second one."""
    api.script([{"do": "slow_video", "looks": 8}])
    lib.save("videos/fox.txt", "---\nduration: 4\n---\nthe fox runs")
    wait_for(lambda: api.stats(log=False)["paid"] == 1, what=lib.log)
    api.stop()
    wait_for(lambda: "looks again" in (lib.ask("videos/fox.txt", "detail") or ""), what=lib.log)
    assert lib.state("videos/fox.txt") == "running"
    api.start()
    lib.wait_state("videos/fox.txt", "unknown", seconds=60)  # the fake forgot its videos with its process
    assert "does not know this video" in note(lib, "videos/fox")
    assert api.stats()["paid"] == 0


def test_video_after_a_kill(lib, api):
    """kill -9 while it is made: looked at again after the next mount, never created again."""
    api.script([{"do": "slow_video", "looks": 60}])
    lib.save("videos/fox.txt", "---\nduration: 4\n---\nthe fox runs")
    wait_for(lambda: any(x["method"] == "GET" for x in api.stats()["log"]), what=lib.log)
    lib.kill()
    lib.mount()
    assert lib.wait("videos/fox.txt", 60) == ["videos/fox.mp4"]
    assert len(sent(api, "/v1/videos")) == 1


def test_cancelled_video(lib, api):
    api.script([{"do": "slow_video"}])
    lib.save("videos/fox.txt", "---\nduration: 4\n---\nthe fox runs")
    wait_for(lambda: any(x["method"] == "GET" for x in api.stats()["log"]), what=lib.log)
    lib.ctl("cancel videos/fox.txt")
    lib.wait_state("videos/fox.txt", "cancelled")
    assert [x["method"] for x in api.stats()["log"]].count("DELETE") == 1


def test_video_that_failed(lib, api):
    api.script([{"do": "fail_video", "code": "moderation_blocked"}])
    lib.save("videos/fox.txt", "---\nduration: 4\n---\nthe fox runs")
    lib.wait_state("videos/fox.txt", "failed")
    assert "moderation_blocked" in note(lib, "videos/fox")
    lib.idle()
    assert len(sent(api, "/v1/videos")) == 1


# ---- texts ----

def texts(lib):
    lib.sh("mkdir -p texts")


def test_text(lib, api):
    texts(lib)
    [name] = lib.make("texts/lamp.txt", "---\nsystem: Be short.\nparams: {api: responses, reasoning: {effort: low}}\n---\nA fox finds a lamp.")
    assert name == "texts/lamp.out.md"
    assert lib.read(name) == "An answer to: A fox finds a lamp.\n"
    body = only(api, "/v1/responses")["body"]
    assert body == {"model": "gpt-5.6-luna", "instructions": "Be short.", "max_output_tokens": 16000,
                    "reasoning": {"effort": "low"}, "input": "A fox finds a lamp."}


def test_text_with_a_schema(lib, api):
    """A gateway is asked by Chat Completions; the result is a JSON document that follows the schema."""
    texts(lib)
    [name] = lib.make("texts/lamp.txt", f"---\n{SCHEMA}max_tokens: 500\n---\nA fox finds a lamp.")
    assert name == "texts/lamp.out.json"
    value = json.loads(lib.read(name))
    assert isinstance(value["title"], str) and isinstance(value["scenes"], list)
    body = only(api, "/v1/chat/completions")["body"]
    assert body["response_format"]["json_schema"]["strict"] is True
    assert body["max_completion_tokens"] == 500
    assert 0 < lib.sidecar(name)["ymago"]["cost_usd"] < 0.01


def test_text_about_an_image(lib, api):
    texts(lib)
    lib.save("texts/what.in.png", png())
    lib.make("texts/what.txt", "---\nparams: {api: responses}\n---\nWhat is this?")
    [message] = only(api, "/v1/responses")["body"]["input"]
    assert [p["type"] for p in message["content"]] == ["input_text", "input_image"]
    assert message["content"][1]["image_url"].startswith("data:image/png;base64,iVBOR")


def test_text_that_was_cut_or_refused(lib, api):
    texts(lib)
    api.script([{"do": "cut_text", "match": "long"}, {"do": "refusal", "match": "bad"}])
    lib.save("texts/long.txt", "something long")
    lib.save("texts/bad.txt", "something bad")
    lib.wait_state("texts/long.txt", "failed")
    lib.wait_state("texts/bad.txt", "failed")
    assert "give a higher max_tokens" in note(lib, "texts/long")
    assert "cannot help with that" in note(lib, "texts/bad")
    assert float(lib.ask("texts/long.txt", "cost_usd") or 0) > 0  # it was billed all the same


# ---- a local server without a key ----

def test_ollama(libraries, ollama):
    """No key is wanted, none is sent, nothing is paid; only the address and the model are configured."""
    ollama.reset()
    lib = libraries(tables=tables(ollama.url, text="llama3.2:3b"))
    lib.mount()
    texts(lib)
    [name] = lib.make("texts/lamp.txt", f"---\n{SCHEMA}temperature: 0.2\nmax_tokens: 300\n---\nA fox finds a lamp.")
    assert set(json.loads(lib.read(name))) == {"title", "scenes"}
    entry = only(ollama, "/v1/chat/completions")
    assert "authorization" not in [k.lower() for k, _ in entry["headers"]]
    assert entry["body"]["max_tokens"] == 300 and entry["body"]["temperature"] == 0.2
    assert lib.sidecar(name)["ymago"]["cost_usd"] == 0
    lib.save("texts/other.txt", "---\nmodel: openai/mistral\n---\nhello")
    lib.wait_state("texts/other.txt", "failed")
    assert "has no model mistral" in note(lib, "texts/other")
