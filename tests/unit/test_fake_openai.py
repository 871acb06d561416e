"""The fake must refuse what the service refuses, else the tests that lean on it show nothing."""
import http.client
import io
import json
import os
import sys

import pytest
from PIL import Image

sys.path.insert(0, os.environ.get("YM_TESTS") or os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from fake import FakeOpenAI  # noqa: E402

FLARE = "gpt-image-2.5-flare"
# As OpenAI's own SDK 6.49.0 sends them.
RECORDED_IMAGE = {"model": FLARE, "prompt": "a red fox", "size": "1536x864", "quality": "medium", "output_format": "png", "n": 1}
RECORDED_SCHEMA = {"type": "object", "properties": {
    "title": {"type": "string"},
    "scenes": {"type": "array", "items": {"type": "object", "properties": {
        "text": {"type": "string"}, "seconds": {"type": "integer"}},
        "required": ["text", "seconds"], "additionalProperties": False}}},
    "required": ["title", "scenes"], "additionalProperties": False}
RECORDED_RESPONSE = {"model": "gpt-5.6-sol", "instructions": "You write short drama scripts.", "input": "A fox finds a lamp.",
                     "reasoning": {"effort": "low"}, "max_output_tokens": 4000,
                     "text": {"format": {"type": "json_schema", "name": "script", "strict": True, "schema": RECORDED_SCHEMA}}}
RECORDED_CHAT = {"model": "gpt-5.6-sol", "messages": [{"role": "system", "content": "You write scripts."},
                                                      {"role": "user", "content": "A fox finds a lamp."}],
                 "max_completion_tokens": 4000,
                 "response_format": {"type": "json_schema", "json_schema": {"name": "script", "strict": True,
                                                                            "schema": RECORDED_SCHEMA}}}


@pytest.fixture(scope="module")
def fake():
    with FakeOpenAI("--small", "--videos", "--looks", 1) as f:
        yield f


def send(fake, path, body=None, method="POST", key=None, headers=None):
    c = http.client.HTTPConnection("127.0.0.1", fake.port, timeout=20)
    h = {"Authorization": "Bearer " + (key or fake.key), "Content-Type": "application/json", **(headers or {})}
    c.request(method, path, body if isinstance(body, (bytes, type(None))) else json.dumps(body), h)
    r = c.getresponse()
    data = r.read()
    c.close()
    return r.status, json.loads(data) if data[:1] == b"{" else data


def png(size=(16, 16), format="PNG"):
    out = io.BytesIO()
    Image.new("RGB", size).save(out, format)
    return out.getvalue()


def form(fake, path, *parts, mark="BOUNDARY"):
    """parts: (name, text) or (name, filename, type, bytes)."""
    out = b""
    for p in parts:
        more = f'; filename="{p[1]}"\r\nContent-Type: {p[2]}' if len(p) == 4 else ""
        out += f'--{mark}\r\nContent-Disposition: form-data; name="{p[0]}"{more}\r\n\r\n'.encode()
        out += (p[3] if len(p) == 4 else p[1].encode()) + b"\r\n"
    return send(fake, path, out + f"--{mark}--\r\n".encode(),
                headers={"Content-Type": f"multipart/form-data; boundary={mark}"})


def code(reply):
    return reply[0], reply[1]["error"]["code"]


def test_what_the_sdk_sends_is_taken(fake):
    status, image = send(fake, "/v1/images/generations", RECORDED_IMAGE)
    assert status == 200 and image["usage"]["output_tokens"] > 0
    status, answer = send(fake, "/v1/responses", RECORDED_RESPONSE)
    assert status == 200 and json.loads(answer["output"][1]["content"][0]["text"])["scenes"][0]["seconds"] == 7
    status, answer = send(fake, "/v1/chat/completions", RECORDED_CHAT)
    assert status == 200 and json.loads(answer["choices"][0]["message"]["content"])["title"]
    status, _ = form(fake, "/v1/images/edits", ("model", "gpt-image-2.5-sunburst"), ("image[]", "one.png", "image/png", png()),
                     ("image[]", "two.jpg", "image/jpeg", png(format="JPEG")), ("prompt", "put them together"),
                     ("size", "1024x1024"), ("output_format", "jpeg"), ("output_compression", "80"))
    assert status == 200


def test_a_video_from_its_creation_to_its_end(fake):
    status, video = form(fake, "/v1/videos", ("model", "sora-2"), ("prompt", "the fox runs"), ("seconds", "4"),
                         ("size", "1280x720"), ("input_reference", "ref.png", "image/png", png((1280, 720))))
    assert status == 200 and video["status"] == "queued"
    at = "/v1/videos/" + video["id"]
    assert send(fake, at + "/content", method="GET")[0] == 400
    assert send(fake, at, method="GET")[1]["status"] == "completed"
    assert send(fake, at + "/content", method="GET")[1][4:8] == b"ftyp"
    assert send(fake, at, method="DELETE")[1]["deleted"] is True
    assert send(fake, at, method="GET")[0] == 404


@pytest.mark.parametrize("change, why", [
    ({"response_format": "b64_json"}, "unknown_parameter"), ({"prompt": None}, "missing_required_parameter"),
    ({"n": "1"}, "invalid_type"), ({"n": 11}, "integer_above_max_value"), ({"size": "1000x1000"}, "invalid_value"),
    ({"size": "512x512"}, "invalid_value"), ({"quality": "standard"}, "invalid_value"), ({"seed": 1}, "unknown_parameter"),
    ({"background": "transparent", "output_format": "jpeg"}, "invalid_value"), ({"output_compression": 80}, "invalid_value"),
    ({"model": "gpt-image-1.5", "size": "1536x864"}, "invalid_value"), ({"model": "gpt-image-2", "quality": "max"}, "invalid_value"),
])
def test_images_that_are_refused(fake, change, why):
    body = {k: v for k, v in {**RECORDED_IMAGE, **change}.items() if v is not None}
    assert code(send(fake, "/v1/images/generations", body)) == (400, why)


def test_forms_that_are_refused(fake):
    base = (("model", FLARE), ("prompt", "x"))
    image = ("image", "a.png", "image/png", png())
    assert code(form(fake, "/v1/images/edits", *base, image, image))[1] == "duplicate_parameter"
    assert code(form(fake, "/v1/images/edits", *base))[1] == "missing_required_parameter"
    assert code(form(fake, "/v1/images/edits", *base, ("image", "a.png", "application/octet-stream", png())))[1] == \
        "unsupported_file_mimetype"
    assert code(form(fake, "/v1/images/edits", *base, ("image", "a.png", "image/png", png(format="JPEG"))))[1] == "invalid_image_file"
    assert code(form(fake, "/v1/images/edits", *base, image, ("moderation", "low")))[1] == "unknown_parameter"
    assert code(form(fake, "/v1/images/edits", *base, image, ("input_fidelity", "high")))[0] == 400
    assert code(form(fake, "/v1/videos", ("prompt", "x"), ("seconds", "5")))[1] == "invalid_value"
    assert code(form(fake, "/v1/videos", ("prompt", "x"), ("input_reference", "a.png", "image/png", png())))[1] == "invalid_value"
    whole = b'--B\r\nContent-Disposition: form-data; name="prompt"\r\n\r\nx\r\n--B--\r\n'
    for bad in (whole[:-2], whole[2:], whole.replace(b"\r\n\r\n", b"\n\n")):
        assert send(fake, "/v1/videos", bad, headers={"Content-Type": "multipart/form-data; boundary=B"})[0] == 400


@pytest.mark.parametrize("change", [
    {"temperature": 0.5}, {"max_output_tokens": 5}, {"messages": []}, {"input": None}, {"text": {"format": {"type": "json_object"}}},
    {"text": {"format": {"type": "json_schema", "name": "a b", "strict": True, "schema": RECORDED_SCHEMA}}},
    {"text": {"format": {"type": "json_schema", "name": "a", "strict": True, "schema": {"type": "object", "properties": {"a": {}}}}}},
    {"input": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]},
    {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "data:image/png,xx"}]}]},
])
def test_texts_that_are_refused(fake, change):
    body = {k: v for k, v in {**RECORDED_RESPONSE, **change}.items() if v is not None}
    assert send(fake, "/v1/responses", body)[0] == 400


def test_the_old_name_of_the_limit(fake):
    assert code(send(fake, "/v1/chat/completions", {**RECORDED_CHAT, "max_tokens": 5})) == (400, "unsupported_parameter")


def test_keys_models_and_paths(fake):
    assert code(send(fake, "/v1/models", method="GET", key="wrong")) == (401, "invalid_api_key")
    assert code(send(fake, "/v1/responses", {**RECORDED_RESPONSE, "model": "gpt-4"})) == (404, "model_not_found")
    assert "Invalid URL" in send(fake, "/v1/images", {})[1]["error"]["message"]
    assert {"gpt-image-2", "gpt-6-sol"} <= {m["id"] for m in send(fake, "/v1/models", method="GET")[1]["data"]}


def test_the_service_itself_has_no_videos():
    with FakeOpenAI() as fake:
        assert form(fake, "/v1/videos", ("prompt", "x"))[0] == 404
