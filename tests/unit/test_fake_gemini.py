"""The fake must refuse what the service refuses, else the tests that lean on it show nothing."""
import base64
import http.client
import io
import json
import os
import socket
import sys
import time

import pytest
from PIL import Image

sys.path.insert(0, os.environ.get("YM_TESTS") or os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from fake import FakeGemini  # noqa: E402

MODEL = "gemini-nano-banana-2.1"
# As Google's own SDK 2.32.0 sends them.
RECORDED_IMAGE = json.loads(
    '{"contents":[{"parts":[{"text":"a red fox in snow"}],"role":"user"}],"safetySettings":[{"category":'
    '"HARM_CATEGORY_DANGEROUS_CONTENT","threshold":"BLOCK_ONLY_HIGH"}],"generationConfig":{"seed":42,'
    '"responseModalities":["TEXT","IMAGE"],"imageConfig":{"aspectRatio":"16:9","imageSize":"1K"}}}')
RECORDED_JUDGE = json.loads(
    '{"contents":[{"parts":[{"text":"Score this image from 1 to 10."},{"inlineData":{"mimeType":'
    '"image/jpeg","data":"<base64>"}}],"role":"user"}],"systemInstruction":{"parts":[{"text":"You are a '
    'strict art critic."}],"role":"user"},"generationConfig":{"temperature":0.2,"responseMimeType":'
    '"application/json","responseJsonSchema":{"type":"object","properties":{"score":{"type":"integer",'
    '"minimum":1,"maximum":10},"feedback":{"type":"string"}},"required":["score","feedback"]}}}')


@pytest.fixture(scope="module")
def server():
    with FakeGemini("--small") as f:
        yield f


@pytest.fixture
def fake(server):
    server.reset()
    return server


def send(fake, body, model=MODEL, key=True, raw=None, headers=None, path=None, method="POST"):
    c = http.client.HTTPConnection("127.0.0.1", fake.port, timeout=20)
    h = {"Content-Type": "application/json", **(headers or {})}
    if key:
        h["x-goog-api-key"] = fake.key if key is True else key
    c.request(method, path or f"/v1beta/models/{model}:generateContent",
              raw if raw is not None else json.dumps(body), h)
    r = c.getresponse()
    data = r.read()
    c.close()
    return r.status, json.loads(data) if data[:1] == b"{" else data


def ask(text="a fox", **config):
    return {"contents": [{"role": "user", "parts": [{"text": text}]}],
            **({"generationConfig": config} if config else {})}


def images(reply):
    return [(p["inlineData"]["mimeType"], base64.b64decode(p["inlineData"]["data"], validate=True))
            for p in reply["candidates"][0]["content"]["parts"] if "inlineData" in p]


def jpeg():
    out = io.BytesIO()
    Image.new("RGB", (4, 4)).save(out, "JPEG")
    return base64.b64encode(out.getvalue()).decode()


def test_recorded_image_request(fake):
    status, reply = send(fake, RECORDED_IMAGE)
    assert status == 200
    (mime, data), = images(reply)
    picture = Image.open(io.BytesIO(data))
    picture.load()
    assert (mime, picture.format, picture.size) == ("image/jpeg", "JPEG", (86, 48))
    candidate = reply["candidates"][0]
    assert candidate["finishReason"] == "STOP"
    assert candidate["content"]["parts"][0] == {"text": "Here is the picture."}
    assert "thoughtSignature" in candidate["content"]["parts"][-1]
    assert reply["usageMetadata"]["candidatesTokensDetails"][0]["tokenCount"] == 1120
    assert fake.stats()["paid"] == 1


def test_recorded_edit_and_judge_requests(fake):
    edit = ask("make it night", responseModalities=["IMAGE"])
    edit["contents"][0]["parts"].append({"inlineData": {"mimeType": "image/jpeg", "data": jpeg()}})
    status, reply = send(fake, edit, model="gemini-2.5-flash-image")
    assert status == 200
    (mime, data), = images(reply)
    assert mime == "image/png" and data.startswith(b"\x89PNG")
    judge = json.loads(json.dumps(RECORDED_JUDGE))
    status, _ = send(fake, judge, model="gemini-3.8-flash")
    assert status == 400  # "<base64>" is none
    judge["contents"][0]["parts"][1]["inlineData"]["data"] = jpeg()
    status, reply = send(fake, judge, model="gemini-3.8-flash")
    assert status == 200
    answer = json.loads(reply["candidates"][0]["content"]["parts"][0]["text"])
    assert 1 <= answer["score"] <= 10 and answer["feedback"]


def test_seed_decides_the_picture(fake):
    one, two, other = (images(send(fake, ask(seed=s))[1])[0][1] for s in (1, 1, 2))
    assert one == two != other
    first, second = (images(send(fake, ask())[1])[0][1] for _ in range(2))
    assert first != second  # without a seed every request has its own


def test_keys(fake):
    status, reply = send(fake, ask(), key=None)
    assert (status, reply["error"]["status"]) == (403, "PERMISSION_DENIED")
    status, reply = send(fake, ask(), key="wrong")
    assert (status, reply["error"]["details"][0]["reason"]) == (400, "API_KEY_INVALID")
    assert (fake.stats()["paid"], fake.stats()["wrong_key"]) == (0, 1)
    assert fake.key not in json.dumps(fake.stats()) and "wrong\"" not in json.dumps(fake.stats()["log"])


BAD = [
    ({}, "contents is not specified"),
    ({"contents": []}, "contents is not specified"),
    ({"contents": [{"role": "user"}]}, "must not be empty"),
    ({"contents": [{"parts": [{}]}]}, "required oneof field"),
    ({"contents": [{"parts": [{"text": ""}]}]}, "text parameter"),
    ({"contents": [{"role": "system", "parts": [{"text": "x"}]}]}, "valid role"),
    ({"contents": [{"role": "model", "parts": [{"text": "x"}]}]}, "last turn"),
    ({**ask(), "prompt": "x"}, 'Unknown name "prompt"'),
    ({**ask(), "generationConfig": {"aspectRatio": "1:1"}}, "at 'generation_config'"),
    (ask(imageConfig={"personGeneration": "ALLOW_ALL"}), 'Unknown name "personGeneration"'),
    (ask(imageConfig={"outputMimeType": "image/png"}), 'Unknown name "outputMimeType"'),
    ({**ask(), "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF",
                                   "method": "SEVERITY"}]}, 'Unknown name "method"'),
    ({**ask(), "safetySettings": [{"category": "HARM_CATEGORY_RUDENESS", "threshold": "OFF"}]},
     "safety_settings[0].category"),
    (ask(imageConfig={"aspectRatio": "17:3"}), "aspect_ratio must be one of '1:1'"),
    (ask(imageConfig={"imageSize": "1k"}), "image_size must be one of '1K'"),
    (ask(imageConfig={"imageSize": "512"}), "image_size"),
    (ask(seed=2**31), "TYPE_INT32"),
    (ask(seed=1.5), "TYPE_INT32"),
    (ask(temperature="hot"), "TYPE_FLOAT"),
    (ask(candidateCount=2), "Multiple candidates"),
    (ask(responseModalities=["VIDEO"]), "response_modalities[0]"),
    (ask(responseMimeType="application/json"), "JSON mode"),
    (ask(thinkingConfig={"thinkingBudget": 1, "thinkingLevel": "LOW"}), "thinking level"),
    ({"contents": [{"parts": [{"text": "x", "inlineData": {"mimeType": "image/png", "data": "AAAA"}}]}]},
     "oneof field 'data' is already set"),
    ({"contents": [{"parts": [{"inlineData": {"mimeType": "image/png", "data": "A"}}]}]},
     "Base64 decoding failed"),
    ({"contents": [{"parts": [{"inlineData": {"mimeType": "image/png", "data": "A*AAA"}}]}]},
     "Base64 decoding failed for \"A*AAA\""),
    ({"contents": [{"parts": [{"inlineData": {"mimeType": "image/png", "data": "AAAA"}}]}]},
     "Unable to process input image"),
    ({"contents": [{"parts": [{"inlineData": {"mimeType": "text/html", "data": "AAAA"}}]}]},
     "Unsupported MIME type"),
    ({"contents": [{"parts": [{"text": "x"}] + [{"inlineData": {"mimeType": "image/jpeg",
                                                                "data": jpeg()}}] * 15}]}, "at most 14"),
]


@pytest.mark.parametrize("body,words", BAD, ids=[w for _, w in BAD])
def test_refusals(fake, body, words):
    status, reply = send(fake, body)
    assert (status, reply["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert words in reply["error"]["message"]
    stats = fake.stats()
    assert (stats["paid"], stats["refused"], stats["generations_asked"]) == (0, 1, 0)


def test_unknown_field_names_its_place(fake):
    _, reply = send(fake, {**ask(), "generationConfig": {"imageConfig": {"foo": 1}, "bar": 2}})
    violations = reply["error"]["details"][0]["fieldViolations"]
    assert [v["field"] for v in violations] == ["generation_config.image_config", "generation_config"]


def test_not_json(fake):
    for raw in (b"{", b"", b"[1]", b'{"contents": NaN}', b"\xff"):
        assert send(fake, None, raw=raw)[0] == 400
    assert send(fake, ask(), headers={"Content-Type": "application/x-www-form-urlencoded"})[0] == 400


def test_models(fake):
    for model in ("imagen-4.0-generate-001", "veo-3.1-generate-preview", "gemini-3.1-flash-image",
                  "gemini-2.5-flash"):
        status, reply = send(fake, ask(), model=model)
        assert status == 404 and "no longer available" in reply["error"]["message"]
    status, reply = send(fake, ask(), model="gemini-9")
    assert status == 404 and "is not found for API version" in reply["error"]["message"]
    assert send(fake, ask(imageConfig={"aspectRatio": "8:1"}), model="gemini-3-pro-image")[0] == 400
    assert send(fake, ask(responseModalities=["IMAGE"]), model="gemini-3.8-flash")[0] == 400
    assert send(fake, ask(), path="/v1/elsewhere")[0] == 404
    assert send(fake, ask(), method="PUT")[0] == 404
    status, reply = send(fake, None, raw=b"", path="/v1beta/models", method="GET")
    assert status == 200 and "models/" + MODEL in [m["name"] for m in reply["models"]]


def test_scripted_errors(fake):
    fake.script([{"do": "error", "status": 429, "retry_delay": "45.837906927s"},
                 {"do": "error", "status": 429, "quota": "day"},
                 {"do": "error", "status": 429, "bare": True, "retry_after": 3},
                 {"do": "error", "status": 503}, {"do": "error", "status": 400, "echo_key": True}])
    replies = [send(fake, ask()) for _ in range(6)]
    assert [r[0] for r in replies] == [429, 429, 429, 503, 400, 200]
    first, second, third = (r[1]["error"] for r in replies[:3])
    assert first["details"][-1]["retryDelay"] == "45.837906927s"
    assert "PerMinute" in first["details"][1]["violations"][0]["quotaId"]
    assert "PerDay" in second["details"][1]["violations"][0]["quotaId"]
    assert "details" not in third
    assert fake.key in replies[4][1]["error"]["message"]
    stats = fake.stats()
    assert (stats["paid"], stats["generations_asked"], stats["by_prompt"]) == (1, 6, {"a fox": 6})


def test_script_matches_and_counts(fake):
    fake.script([{"do": "refuse", "match": "owl", "times": -1},
                 {"do": "finish", "reason": "IMAGE_SAFETY", "match": "cat"}])
    assert images(send(fake, ask("a dog"))[1])
    for _ in range(2):
        assert send(fake, ask("an owl"))[1]["promptFeedback"]["blockReason"] == "SAFETY"
    assert send(fake, ask("a cat"))[1]["candidates"][0]["finishReason"] == "IMAGE_SAFETY"
    assert images(send(fake, ask("a cat"))[1])
    stats = fake.stats()
    assert stats["paid_by_prompt"] == {"a dog": 1, "a cat": 2}  # NO picture, but 200: billed
    assert stats["script_left"] == 1
    fake.clear()
    assert images(send(fake, ask("an owl"))[1])
    with pytest.raises(ValueError, match="unknown behaviour"):
        fake.script([{"do": "dance"}])
    status, _ = send(fake, {})
    assert status == 400  # a script never hides a bad request


def test_spoilt_media(fake):
    fake.script([{"do": "half_base64"}, {"do": "bad_base64"}, {"do": "half_picture"},
                 {"do": "fake_type"}, {"do": "fake_type", "text": "<html>", "mime": "image/jpeg"},
                 {"do": "pictures", "count": 3}, {"do": "thoughts"}, {"do": "text_after"},
                 {"do": "no_parts"}])
    for _ in range(2):
        with pytest.raises(ValueError):
            images(send(fake, ask())[1])
    half = images(send(fake, ask())[1])[0][1]
    with pytest.raises(OSError):
        Image.open(io.BytesIO(half)).load()
    assert images(send(fake, ask())[1])[0][1].startswith(b"<svg")
    assert images(send(fake, ask())[1])[0] == ("image/jpeg", b"<html>")
    assert len({data for _, data in images(send(fake, ask())[1])}) == 3
    parts = send(fake, ask())[1]["candidates"][0]["content"]["parts"]
    assert [("thought" in p, "inlineData" in p) for p in parts] == [
        (True, False), (True, True), (False, False), (False, True)]
    assert "text" in send(fake, ask())[1]["candidates"][0]["content"]["parts"][-1]
    assert "parts" not in send(fake, ask())[1]["candidates"][0]["content"]
    assert fake.stats()["paid"] == 9


def test_wire_faults(fake):
    fake.script([{"do": "swallow"}, {"do": "cut", "after": 100}, {"do": "reset", "after": 100},
                 {"do": "lie_length", "by": 10}, {"do": "raw", "text": "SSH-2.0\r\n"}])
    with pytest.raises(http.client.RemoteDisconnected):
        send(fake, ask())
    with pytest.raises(http.client.IncompleteRead):
        send(fake, ask())
    with pytest.raises(ConnectionResetError):
        send(fake, ask())
    with pytest.raises(http.client.IncompleteRead):
        send(fake, ask())
    with pytest.raises(http.client.BadStatusLine):
        send(fake, ask())
    assert fake.stats()["paid"] == 5  # the picture was made each time
    fake.script([{"do": "deep", "depth": 5000}, {"do": "giant", "bytes": 3000001},
                 {"do": "body", "text": "<html>", "type": "text/html"}, {"do": "drip", "chunk": 4000}])
    c = http.client.HTTPConnection("127.0.0.1", fake.port, timeout=20)
    sizes = []
    for _ in range(4):  # all on one connection
        c.request("POST", f"/v1beta/models/{MODEL}:generateContent", json.dumps(ask(seed=1)),
                  {"x-goog-api-key": fake.key})
        sizes.append(len(c.getresponse().read()))
    assert sizes[0] == 5000 * 6 + 1 and sizes[1] == sizes[3] + 3000001 and sizes[2] == 6
    c.request("GET", "/_fake/stats")
    assert json.load(c.getresponse())["connections"] == fake.stats()["connections"] - 1
    c.close()


def test_hang_ends_with_the_client(fake):
    fake.script([{"do": "hang"}, {"do": "redirect", "to": "http://127.0.0.1:1/x"}])
    s = socket.create_connection(("127.0.0.1", fake.port))
    body = json.dumps(ask("slow")).encode()
    s.sendall(f"POST /v1beta/models/{MODEL}:generateContent HTTP/1.1\r\nHost: x\r\nx-goog-api-key: "
              f"{fake.key}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    stats = fake.wait_for(lambda s: s["in_flight"] == 1 and s["paid"] == 1)
    assert abs(stats["sent_at"][0] - time.time()) < 20
    s.close()
    fake.wait_for(lambda s: s["in_flight"] == 0)
    assert send(fake, ask())[0] == 302
    log = fake.stats()["log"]
    assert [(e["do"], e["paid"], e["prompt"]) for e in log] == [
        ("hang", True, "slow"), ("redirect", False, "a fox")]
    assert ["x-goog-api-key", "(right key)"] in log[0]["headers"]
    assert log[0]["body"] == ask("slow")


def test_chance_is_seeded(fake):
    runs = []
    for _ in range(2):
        with FakeGemini("--small", "--error-rate", "0.5", "--seed", "7") as f:
            runs.append([send(f, ask())[0] for _ in range(12)])
    assert runs[0] == runs[1] and 200 in runs[0] and len(set(runs[0])) > 1
