"""The fake must refuse what Google refuses of long jobs, uploads and batches too."""
import base64
import http.client
import io
import json
import os
import sys

import pytest
from PIL import Image

sys.path.insert(0, os.environ.get("YM_TESTS") or os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from fake import FakeGemini  # noqa: E402


def png():
    out = io.BytesIO()
    Image.new("RGB", (4, 4)).save(out, "PNG")
    return out.getvalue()


PNG = base64.b64encode(png()).decode()
# As Google's own SDK 2.32.0 sends them.
OMNI = json.loads(
    '{"model":"gemini-omni-1.2-flash","input":[{"type":"image","data":"' + PNG + '","mime_type":"image/png"},'
    '{"type":"text","text":"the fox turns its head"}],"response_format":{"type":"video","aspect_ratio":"16:9",'
    '"resolution":"720p","duration":"8s","delivery":"uri"},"generation_config":{"video_config":{"task":'
    '"image_to_video"}},"background":true,"store":true}')
VEO = json.loads(
    '{"instances":[{"prompt":"the fox runs","image":{"bytesBase64Encoded":"' + PNG + '","mimeType":"image/png"},'
    '"lastFrame":{"bytesBase64Encoded":"' + PNG + '","mimeType":"image/png"}}],"parameters":{"durationSeconds":8,'
    '"aspectRatio":"16:9","resolution":"720p","personGeneration":"allow_adult","negativePrompt":"blur"}}')
IMAGEN = json.loads(
    '{"instances":[{"prompt":"a red fox"}],"parameters":{"sampleCount":2,"aspectRatio":"16:9","personGeneration":'
    '"allow_adult","includeRaiReason":true,"outputOptions":{"mimeType":"image/jpeg","compressionQuality":85},'
    '"sampleImageSize":"2K"}}')
BATCH = json.loads(
    '{"batch":{"inputConfig":{"requests":{"requests":[{"request":{"contents":[{"parts":[{"text":"batch fox"}],"role":'
    '"user"}],"generationConfig":{"responseModalities":["IMAGE"],"imageConfig":{"aspectRatio":"1:1"}}},"metadata":'
    '{"key":"row-1"}},{"request":{"contents":[{"parts":[{"text":"batch owl"}],"role":"user"}]},"metadata":{"key":'
    '"row-2"}}]}},"displayName":"job-1"}}')
BATCH_PATH = "/v1beta/models/gemini-nano-banana-2.1:batchGenerateContent"
VEO_PATH = "/v1beta/models/veo-3.1-generate-preview:predictLongRunning"
IMAGEN_PATH = "/v1beta/models/imagen-4.0-generate-001:predict"
VERTEX = "/v1/projects/p/locations/l/publishers/google/models/"


@pytest.fixture(scope="module")
def server():
    with FakeGemini("--small", "--alive", "--looks", "2") as f:
        yield f


@pytest.fixture
def fake(server):
    server.reset()
    yield server
    server.clear()


def call(fake, method, path, body=None, headers=None, key=True):
    c = http.client.HTTPConnection("127.0.0.1", fake.port, timeout=60)
    raw = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else None
    h = {"Content-Type": "application/json", **({"x-goog-api-key": fake.key} if key else {}), **(headers or {})}
    c.request(method, path, raw, h)
    r = c.getresponse()
    data, told = r.read(), {k.lower(): v for k, v in r.getheaders()}
    c.close()
    return r.status, (json.loads(data) if data[:1] == b"{" else data), told


def changed(value, path, new):
    """A copy with one thing at a dotted path set, or taken out for None."""
    out = json.loads(json.dumps(value))
    *way, last = [int(p) if p.isdecimal() else p for p in path.split(".")]
    at = out
    for p in way:
        at = at[p]
    if new is None:
        del at[last]
    else:
        at[last] = new
    return out


def looks_until_done(fake, path):
    for _ in range(5):
        status, reply, _ = call(fake, "GET", path)
        assert status == 200
        if reply.get("done") or reply.get("status") == "completed":
            return reply
    raise AssertionError(reply)


def test_interaction(fake):
    status, created, _ = call(fake, "POST", "/v1beta/interactions", OMNI)
    assert status == 200 and created["status"] == "in_progress" and created["id"].startswith("v1_")
    path = f"/v1beta/interactions/{created['id']}"
    assert call(fake, "GET", path + "?stream=false")[1]["status"] == "queued"
    done = looks_until_done(fake, path)
    assert done["steps"][0]["content"][0]["data"] == PNG  # the whole request comes back
    [video] = done["steps"][-1]["content"]
    status, data, told = call(fake, "GET", video["uri"][video["uri"].index("/v1beta"):])
    assert status == 200 and data[4:8] == b"ftyp" and told["content-type"] == "video/mp4"
    assert call(fake, "POST", path + "/cancel")[0] == 400
    assert call(fake, "DELETE", path)[0] == 200 and call(fake, "GET", path)[0] == 404
    assert fake.stats()["paid"] == 1


@pytest.mark.parametrize("path,value,words", [
    ("nonsense", 1, "Unknown parameter 'nonsense'"), ("response_format.seconds", 8, "Unknown parameter"),
    ("response_format.duration", 8, "Invalid value"), ("response_format.duration", "8", "must be '3s' to '15s'"),
    ("response_format.duration", "16s", "must be"), ("response_format.duration", "8.5s", "must be"),
    ("response_format.aspect_ratio", "1:1", "must be one of"), ("response_format.resolution", "4k", "must be one of"),
    ("response_format.delivery", "link", "must be one of"), ("response_format.type", "image", "makes videos"),
    ("generation_config.video_config.task", "dance", "Unknown task"),
    ("generation_config.video_config.task", "text_to_video", "do not go with this task"),
    ("generation_config.negative_prompt", "x", "Unknown parameter"),
    ("store", False, "background needs store"), ("background", "yes", "Invalid value"), ("input", [], "input is required"),
    ("input.0.data", "!", "Base64"), ("input.0.data", "AAAA", "Unable to process"), ("input.0.mime_type", "image/gif", "mime_type"),
    ("input.0.uri", "x", "one of data and uri"), ("input.1.text", "", "empty"),
    ("safety_settings", [{"type": "HARM", "threshold": "OFF"}], "safety_settings")])
def test_interaction_refusals(fake, path, value, words):
    status, reply, _ = call(fake, "POST", "/v1beta/interactions", changed(OMNI, path, value))
    assert status == 400 and words in reply["error"]["message"]
    assert reply["error"]["code"] == "invalid_request"  # a word, other than everywhere else
    assert fake.stats()["paid"] == 0


def test_interaction_of_another_model(fake):
    assert call(fake, "POST", "/v1beta/interactions", {**OMNI, "model": "gemini-omni-9"})[0] == 404
    ask = {"contents": [{"parts": [{"text": "x"}]}]}
    status, reply, _ = call(fake, "POST", "/v1beta/models/gemini-omni-1.2-flash:generateContent", ask)
    assert status == 400 and "only supports Interactions" in reply["error"]["message"]


def test_behaviours_of_jobs(fake):
    fake.script([{"do": "lose", "after": 1}, {"do": "fail", "code": 3}, {"do": "filtered"}, {"do": "inline"},
                 {"do": "looks", "count": 0}])
    ids = [call(fake, "POST", "/v1beta/interactions", OMNI)[1]["id"] for _ in range(5)]
    paths = [f"/v1beta/interactions/{i}" for i in ids]
    assert [call(fake, "GET", paths[0])[0] for _ in range(2)] == [200, 404]
    assert [call(fake, "GET", paths[1])[1]["status"] for _ in range(3)][-1] == "failed"
    assert [c["type"] for c in looks_until_done(fake, paths[2])["steps"][-1]["content"]] == ["text"]
    assert base64.b64decode(looks_until_done(fake, paths[3])["steps"][-1]["content"][0]["data"])[4:8] == b"ftyp"
    assert call(fake, "GET", paths[4])[1]["status"] == "completed"
    assert fake.stats()["paid"] == 3


def test_veo(fake):
    status, created, _ = call(fake, "POST", VEO_PATH, VEO)
    assert status == 200 and created["name"].startswith("models/veo-3.1-generate-preview/operations/")
    done = looks_until_done(fake, "/v1beta/" + created["name"])
    uri = done["response"]["generateVideoResponse"]["generatedSamples"][0]["video"]["uri"]
    assert call(fake, "GET", uri[uri.index("/v1beta"):])[1][4:8] == b"ftyp"
    assert call(fake, "GET", "/v1beta/models/veo-3.1-generate-preview/operations/x")[0] == 404


@pytest.mark.parametrize("path,value", [
    ("parameters.seed", 1), ("parameters.generateAudio", True), ("parameters.durationSeconds", "8"),
    ("parameters.durationSeconds", 5), ("parameters.resolution", "1k"), ("parameters.aspectRatio", "1:1"),
    ("parameters.sampleCount", 2), ("instances.0.image", None), ("instances.0.inlineData", {}),
    ("instances.0.image.bytesBase64Encoded", "AAAA"), ("instances.0.prompt", None),
    ("instances.0.referenceImages", [{"image": {"bytesBase64Encoded": PNG, "mimeType": "image/png"}, "referenceType": "asset"}])])
def test_veo_refusals(fake, path, value):
    assert call(fake, "POST", VEO_PATH, changed(VEO, path, value))[0] == 400
    assert fake.stats()["paid"] == 0


def test_vertex(fake):
    bearer = {"Authorization": "Bearer " + fake.key}
    body = {"instances": [{"prompt": "x"}], "parameters": {"seed": 7, "generateAudio": True, "durationSeconds": 4}}
    model = VERTEX + "veo-3.1-generate-001"
    assert call(fake, "POST", model + ":predictLongRunning", body)[0] == 401
    status, created, _ = call(fake, "POST", model + ":predictLongRunning", body, bearer, key=False)
    assert status == 200 and created["name"].startswith("projects/p/locations/l/publishers/google/models/veo")
    for _ in range(3):
        done = call(fake, "POST", model + ":fetchPredictOperation", {"operationName": created["name"]}, bearer, key=False)[1]
    assert base64.b64decode(done["response"]["videos"][0]["bytesBase64Encoded"])[4:8] == b"ftyp"
    where = "/v1beta1/projects/p/locations/l/interactions"
    assert call(fake, "POST", where, OMNI, bearer, key=False)[0] == 400  # a bucket is needed
    inline = changed(OMNI, "response_format.delivery", "inline")
    assert call(fake, "POST", where, inline, bearer, key=False)[0] == 200


def test_imagen(fake):
    status, reply, _ = call(fake, "POST", IMAGEN_PATH, IMAGEN)
    assert status == 200 and len(reply["predictions"]) == 2
    assert Image.open(io.BytesIO(base64.b64decode(reply["predictions"][0]["bytesBase64Encoded"]))).size == (128, 72)
    for path, value in (("parameters.seed", 3), ("parameters.negativePrompt", "x"), ("parameters.aspectRatio", "21:9"),
                        ("parameters.sampleCount", 5), ("parameters.sampleImageSize", "4K"), ("instances", [])):
        assert call(fake, "POST", IMAGEN_PATH, changed(IMAGEN, path, value))[0] == 400, path
    bearer = {"Authorization": "Bearer " + fake.key}
    seeded = changed(changed(IMAGEN, "parameters.seed", 3), "parameters.negativePrompt", "x")
    path = VERTEX + "imagen-4.0-generate-001:predict"
    assert call(fake, "POST", path, seeded, bearer, key=False)[0] == 400  # not together with the mark
    assert call(fake, "POST", path, changed(seeded, "parameters.addWatermark", False), bearer, key=False)[0] == 200


def test_what_is_shut_down_is_so_without_alive():
    with FakeGemini("--small") as fake:
        assert call(fake, "POST", VEO_PATH, VEO)[0] == 404
        assert call(fake, "POST", IMAGEN_PATH, IMAGEN)[0] == 404


def upload(fake, data, mime="image/png", start=None, send=None, body=None):
    heads = {"X-Goog-Upload-Protocol": "resumable", "X-Goog-Upload-Command": "start",
             "X-Goog-Upload-Header-Content-Length": str(len(data)), "X-Goog-Upload-Header-Content-Type": mime}
    body = body or {"file": {"mimeType": mime, "displayName": "fox", "sizeBytes": str(len(data))}}
    status, _, told = call(fake, "POST", "/upload/v1beta/files", body, {**heads, **(start or {})})
    if status != 200:
        return status, None
    path = told["x-goog-upload-url"].split(str(fake.port), 1)[1]
    heads = {"X-Goog-Upload-Command": "upload, finalize", "X-Goog-Upload-Offset": "0", **(send or {})}
    status, reply, told = call(fake, "POST", path, data, heads)
    return status, reply


def test_files(fake):
    status, reply = upload(fake, png())
    assert status == 200 and reply["file"]["state"] == "ACTIVE" and reply["file"]["sizeBytes"] == str(len(png()))
    name, uri = reply["file"]["name"], reply["file"]["uri"]
    assert call(fake, "GET", "/v1beta/" + name)[1]["mimeType"] == "image/png"
    assert call(fake, "GET", f"/v1beta/{name}:download?alt=media")[0] == 400  # only what was generated
    ask = {"contents": [{"parts": [{"text": "x"}, {"fileData": {"fileUri": uri, "mimeType": "image/png"}}]}]}
    path = "/v1beta/models/gemini-nano-banana-2.1:generateContent"
    assert call(fake, "POST", path, ask)[0] == 200
    assert call(fake, "POST", path, changed(ask, "contents.0.parts.1.fileData.fileUri", uri + "x"))[0] == 403
    by_uri = changed(OMNI, "input.0", {"type": "image", "uri": uri, "mime_type": "image/png"})
    assert call(fake, "POST", "/v1beta/interactions", by_uri)[0] == 200
    assert call(fake, "DELETE", "/v1beta/" + name)[0] == 200
    assert call(fake, "GET", "/v1beta/" + name)[0] == 403  # not 404


def test_upload_refusals(fake):
    data = png()
    assert upload(fake, data, start={"X-Goog-Upload-Protocol": "raw"})[0] == 400
    assert upload(fake, data, start={"X-Goog-Upload-Header-Content-Length": "1"})[0] == 400
    assert upload(fake, data, send={"X-Goog-Upload-Offset": "5"})[0] == 400
    assert upload(fake, data, send={"X-Goog-Upload-Command": "finalize"})[0] == 400
    assert upload(fake, b"no picture")[0] == 400
    assert upload(fake, data, body={"file": {"mime": "image/png"}})[0] == 400
    assert call(fake, "POST", "/upload/v1beta/files?upload_id=none", data)[0] == 404


def test_batch(fake):
    fake.script([{"do": "reversed"}])
    status, created, _ = call(fake, "POST", BATCH_PATH, BATCH)
    assert status == 200 and created["metadata"]["state"] == "BATCH_STATE_PENDING"
    path = "/v1beta/" + created["name"]
    done = looks_until_done(fake, path)
    answers = done["metadata"]["output"]["inlinedResponses"]["inlinedResponses"]
    assert [a["metadata"]["key"] for a in answers] == ["row-2", "row-1"]
    assert all("inlineData" in a["response"]["candidates"][0]["content"]["parts"][-1] for a in answers)
    assert call(fake, "POST", path + ":cancel", {})[0] == 400
    assert call(fake, "DELETE", path)[0] == 200 and call(fake, "GET", path)[0] == 404
    assert fake.stats()["paid"] == 1


def test_batch_behaviours_and_refusals(fake):
    fake.script([{"do": "item_fails", "index": 1, "code": 13}, {"do": "expire", "done": 1}, {"do": "fail", "code": 3},
                 {"do": "lose", "after": 1}])
    paths = ["/v1beta/" + call(fake, "POST", BATCH_PATH, BATCH)[1]["name"] for _ in range(4)]
    done = [looks_until_done(fake, p) for p in paths[:3]]
    assert done[0]["metadata"]["output"]["inlinedResponses"]["inlinedResponses"][1]["error"]["code"] == 13
    assert done[1]["metadata"]["state"] == "BATCH_STATE_EXPIRED"
    assert len(done[1]["metadata"]["output"]["inlinedResponses"]["inlinedResponses"]) == 1
    assert done[2]["metadata"]["state"] == "BATCH_STATE_FAILED" and done[2]["error"]["code"] == 3
    assert [call(fake, "GET", paths[3])[0] for _ in range(2)] == [200, 404]
    first = "batch.inputConfig.requests.requests.0."
    for path, value in (("batch.displayName", None), (first + "key", "x"), (first + "request.foo", 1),
                        ("batch.inputConfig.fileName", "files/x"), ("batch.inputConfig.requests.requests", [])):
        assert call(fake, "POST", BATCH_PATH, changed(BATCH, path, value))[0] == 400, path
    # What is wrong with one request alone fails that one.
    one = call(fake, "POST", BATCH_PATH, changed(BATCH, first + "request.generationConfig.imageConfig.aspectRatio", "9:1"))[1]
    answers = looks_until_done(fake, "/v1beta/" + one["name"])["metadata"]["output"]["inlinedResponses"]["inlinedResponses"]
    assert answers[0]["error"]["code"] == 3 and "response" in answers[1]


def test_pages_of_models():
    with FakeGemini("--page", "5") as fake:
        names, token = [], ""
        for _ in range(9):
            status, reply, _ = call(fake, "GET", f"/v1beta/models?pageSize=1000&pageToken={token}")
            assert status == 200 and len(reply["models"]) <= 5
            names += [m["name"] for m in reply["models"]]
            token = reply.get("nextPageToken", "")
            if not token:
                break
        assert len(names) == len(set(names)) > 10 and "models/gemini-omni-1.2-flash" in names
        assert call(fake, "GET", "/v1beta/models?page=2")[0] == 400


def test_a_redirected_download_never_takes_the_key():
    with FakeGemini("--redirect-downloads", "--looks", "0") as fake:
        path = "/v1beta/interactions/" + call(fake, "POST", "/v1beta/interactions", OMNI)[1]["id"]
        uri = call(fake, "GET", path)[1]["steps"][-1]["content"][0]["uri"]
        status, _, told = call(fake, "GET", uri[uri.index("/v1beta"):])
        assert status == 302 and told["location"].startswith(f"http://localhost:{fake.port}/_blob/")
        blob = told["location"].split(str(fake.port), 1)[1]
        assert call(fake, "GET", blob)[0] == 400
        assert call(fake, "GET", blob, key=False)[0] == 200
