"""A ComfyUI server of one's own: pictures without a workflow, workflows as templates, images, films, sound."""
import io
import json
import pathlib
import subprocess

import pytest
from PIL import Image

from fake import FakeComfyUI
from rig import wait_for

EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "contrib" / "examples" / "comfyui" / "picture.json"


def node(cls, title=None, **inputs):
    return {"class_type": cls, "inputs": inputs, **({"_meta": {"title": title}} if title else {})}


FILM = {"1": node("UNETLoader", unet_name="{model}", weight_dtype="default"),
        "2": node("CheckpointLoaderSimple", ckpt_name="dream_15.safetensors"),
        "3": node("EmptyHunyuanLatentVideo", "size", width="{width}", height="{height}", length="{frames}", batch_size=1),
        "4": node("CLIPTextEncode", "Prompt", text="", clip=["2", 1]),
        "5": node("CLIPTextEncode", text="{negative_prompt}", clip=["2", 1]),
        "6": node("KSampler", "seed", seed=1, steps=8, cfg=1, sampler_name="euler", scheduler="simple", model=["1", 0],
                  positive=["4", 0], negative=["5", 0], latent_image=["3", 0], denoise=1),
        "7": node("VAEDecode", samples=["6", 0], vae=["2", 2]),
        "8": node("VHS_VideoCombine", images=["7", 0], frame_rate="{fps}", filename_prefix="film", format="video/h264-mp4")}
SOUND = {"2": node("CheckpointLoaderSimple", ckpt_name="{model}"),
         "3": node("EmptyLatentAudio", "duration", seconds=10, batch_size=1),
         "4": node("CLIPTextEncode", text="{prompt}", clip=["2", 1]),
         "6": node("KSampler", seed="{seed}", steps=8, cfg=1, sampler_name="euler", scheduler="simple", model=["2", 0],
                   positive=["4", 0], negative=["4", 0], latent_image=["3", 0], denoise=1),
         "7": node("VAEDecodeAudio", samples=["6", 0], vae=["2", 2]),
         "8": node("SaveAudio", audio=["7", 0], filename_prefix="sound")}


def server(*args):
    return FakeComfyUI("--small", *args).start()


@pytest.fixture
def comfy():
    fake = server()
    yield fake
    fake.stop()


@pytest.fixture
def comfy_lib(libraries):
    def make(fake, **more):
        lib = libraries(tables={"providers.comfyui": {"base_url": fake.url, **more}, "net": {"poll_interval_seconds": 0.05}})
        lib.mount()
        return lib
    return make


def graphs(fake):
    return [x["body"]["prompt"] for x in fake.stats()["log"] if x["path"] == "/prompt" and x["status"] == 200]


def of_class(graph, cls):
    [inputs] = [n["inputs"] for n in graph.values() if n["class_type"] == cls]
    return inputs


def put(lib, name, workflow):
    lib.sh("mkdir -p flows")
    lib.save(f"flows/{name}.json", workflow if isinstance(workflow, (bytes, str)) else json.dumps(workflow))


def texts(lib, name):
    return lib.read(name)


def failed(lib, name, text, *words):
    lib.save(name, text)
    lib.wait_state(name, "failed")
    note = name.rsplit(".", 1)[0] + ".error.log"
    lib.wait_exists(note)
    said = lib.read(note)
    assert [w for w in words if w not in said] == [], said
    return said


def duration(path):
    done = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", str(path)],
                          stdout=subprocess.PIPE, check=True, timeout=30)
    return float(done.stdout)


def test_a_configured_server_serves_pictures(comfy_lib, comfy):
    lib = comfy_lib(comfy)
    assert lib.make("images/fox.txt", "---\nwidth: 1024\nheight: 768\n---\na red fox") == ["images/fox.png"]
    image = Image.open(io.BytesIO(lib.bytes("images/fox.png")))
    assert image.size == (1024 // 8, 768 // 8)
    [graph] = graphs(comfy)
    assert of_class(graph, "CheckpointLoaderSimple")["ckpt_name"] == "dream_15.safetensors"
    assert of_class(graph, "KSampler")["steps"] == 20
    side = lib.sidecar("images/fox.png")["ymago"]
    assert (side["provider"], side["model"], side["cost_usd"]) == ("comfyui", "default", 0)


def test_every_picture_has_a_seed_of_its_own(comfy_lib, comfy):
    lib = comfy_lib(comfy)
    lib.make("images/a.txt", "a red fox")
    lib.make("images/b.txt", "a red fox\n\n")
    lib.make("images/c.txt", "---\nseed: 7\nn: 2\n---\na red fox")
    seeds = [of_class(g, "KSampler")["seed"] for g in graphs(comfy)]
    assert sorted(seeds)[:2] == [7, 8] and len(set(seeds)) >= 3


@pytest.mark.parametrize("new", [False, True])
def test_from_an_image(comfy_lib, libraries, new):
    fake = server(*(["--new"] if new else []))
    try:
        lib = comfy_lib(fake)
        out = io.BytesIO()
        Image.new("RGB", (640, 320), "green").save(out, "PNG")
        lib.save("images/source.png", out.getvalue())
        lib.make("images/a.txt", "---\nmodel: comfyui/xl/base_1.0.safetensors\nfrom_image: images/source.png\nstrength: 0.4\n---\nin autumn")
        [graph] = graphs(fake)
        assert of_class(graph, "KSampler")["denoise"] == 0.4
        assert of_class(graph, "CheckpointLoaderSimple")["ckpt_name"] == "xl/base_1.0.safetensors"
        assert Image.open(io.BytesIO(lib.bytes("images/a.png"))).size == (80, 40)
    finally:
        fake.stop()


def test_the_example(comfy_lib, comfy):
    lib = comfy_lib(comfy)
    put(lib, "picture", EXAMPLE.read_bytes())
    lib.make("images/a.txt", "---\nmodel: comfyui/default\nworkflow: flows/picture.json\nnegative_prompt: text\n"
             "aspect_ratio: \"3:2\"\nsteps: 30\nseed: 5\n---\na lighthouse")
    [graph] = graphs(comfy)
    sampler = of_class(graph, "KSampler")
    assert (sampler["seed"], sampler["steps"], sampler["cfg"]) == (5, 30, 6.5)
    assert graph["6"]["inputs"]["text"] == "a lighthouse, finely detailed"
    assert graph["7"]["inputs"]["text"] == "text"
    assert graph["5"]["inputs"] == {"width": 1256, "height": 840, "batch_size": 1}
    lib.make("images/b.txt", "---\nmodel: comfyui/default\nworkflow: flows/picture.json\n---\na lighthouse")
    assert graphs(comfy)[1]["7"]["inputs"]["text"] == "blurry, watermark"
    assert graphs(comfy)[1]["3"]["inputs"]["steps"] == 24


def test_a_film(comfy_lib, comfy):
    lib = comfy_lib(comfy)
    put(lib, "film", FILM)
    text = ("---\nmodel: comfyui/default\nworkflow: flows/film.json\nwidth: 640\nheight: 352\nfps: 12\nparams: {frames: 24}\n---\n"
            "a bird takes off")
    assert lib.make("videos/bird.txt", text) == ["videos/bird.mp4"]
    assert abs(duration(lib.path("videos/bird.mp4")) - 2) < 0.3
    [graph] = graphs(comfy)
    assert graph["1"]["inputs"]["unet_name"] == "flux.safetensors"
    assert graph["4"]["inputs"]["text"] == "a bird takes off"
    assert graph["6"]["inputs"]["seed"] != 1


def test_sound(comfy_lib, comfy):
    lib = comfy_lib(comfy)
    put(lib, "sound", SOUND)
    text = "---\nmodel: comfyui/dream_15.safetensors\nworkflow: flows/sound.json\nduration: 3\n---\nrain"
    lib.sh("mkdir -p audio sfx")
    assert lib.make("audio/rain.txt", text) == ["audio/rain.flac"]
    assert abs(duration(lib.path("audio/rain.flac")) - 3) < 0.2


def test_wrong_workflows_are_refused_before_anything_is_sent(comfy_lib, comfy):
    lib = comfy_lib(comfy)
    put(lib, "editor", {"nodes": [], "links": [], "version": 0.4})
    put(lib, "small", {"2": node("CLIPTextEncode", text="{prompt}", clip=["4", 1])})
    put(lib, "broken", "{")
    head = "---\nmodel: comfyui/default\nworkflow: flows/%s.json\n%s---\na fox"
    failed(lib, "images/a.txt", head % ("editor", ""), "Save (API format)")
    failed(lib, "images/b.txt", head % ("small", "steps: 3\n"), "no place for steps")
    failed(lib, "images/c.txt", head % ("broken", ""), "no JSON")
    assert [x["path"] for x in comfy.stats()["log"] if x["method"] == "POST"] == []


def test_a_refusal_names_node_and_input(comfy_lib, comfy):
    lib = comfy_lib(comfy)
    failed(lib, "images/a.txt", "---\nmodel: comfyui/gone.safetensors\n---\na fox", "CheckpointLoaderSimple", "ckpt_name",
           "'gone.safetensors' not in")
    put(lib, "missing", {**FILM, "9": node("Nowhere", x=1)})
    failed(lib, "videos/a.txt", "---\nmodel: comfyui/default\nworkflow: flows/missing.json\nparams: {frames: 24}\n---\na fox",
           "Node 'Nowhere' not found")


def test_what_fails_while_it_runs(comfy_lib, comfy):
    lib = comfy_lib(comfy)
    comfy.script([{"do": "node_error"}])
    failed(lib, "images/a.txt", "a fox", "node 3 (KSampler)", "mat1 and mat2")
    comfy.script([{"do": "memory"}])
    failed(lib, "images/b.txt", "a fox", "ran out of memory")
    comfy.script([{"do": "nothing"}])
    failed(lib, "images/c.txt", "a fox", "saved no image")


@pytest.mark.parametrize("how", ["swallow", "cut", "reset"])
def test_a_lost_answer_is_not_a_second_picture(comfy_lib, comfy, how):
    lib = comfy_lib(comfy)
    comfy.script([{"do": how, "after": 10}])
    assert lib.make("images/a.txt", "a fox") == ["images/a.png"]
    ids = [x["body"]["prompt_id"] for x in comfy.stats()["log"] if x["path"] == "/prompt"]
    # On a connection that dies the HTTP library itself asks once more: under the same id.
    assert len(set(ids)) == 1 and len(ids) <= (2 if how == "swallow" else 1)


def test_a_killed_daemon_goes_on_where_it_was(comfy_lib, comfy):
    lib = comfy_lib(comfy)
    comfy.script([{"do": "slow", "seconds": 3}])
    lib.save("images/a.txt", "a fox")
    comfy.wait_for(lambda s: s["generations_asked"] == 1)
    lib.kill()
    lib.mount()
    lib.wait_exists("images/a.png")
    assert comfy.stats(log=False)["generations_asked"] == 1


def test_cancelling_stops_only_ours(comfy_lib, comfy):
    lib = comfy_lib(comfy)
    comfy.script([{"do": "slow", "seconds": 60}])
    lib.save("images/a.txt", "a slow fox")
    comfy.wait_for(lambda s: s["generations_asked"] == 1)
    lib.save("images/b.txt", "a second fox")
    comfy.wait_for(lambda s: s["generations_asked"] == 2)
    wait_for(lambda: lib.state("images/b.txt") == "running")
    lib.ctl("cancel images/b.txt")
    lib.wait_state("images/b.txt", "cancelled")
    log = [x["path"] for x in comfy.stats()["log"] if x["method"] == "POST"]
    assert "/interrupt" not in log and log.count("/queue") == 1
    lib.ctl("cancel images/a.txt")
    lib.wait_state("images/a.txt", "cancelled")
    assert [x["path"] for x in comfy.stats()["log"] if x["method"] == "POST"].count("/interrupt") == 1


def test_a_server_started_anew_lost_the_job(comfy_lib, comfy):
    lib = comfy_lib(comfy)
    comfy.script([{"do": "forget"}])
    lib.save("images/a.txt", "a fox")
    lib.wait_state("images/a.txt", "unknown")


def test_older_servers_choose_the_id(comfy_lib):
    fake = server("--old")
    try:
        lib = comfy_lib(fake)
        assert lib.make("images/a.txt", "a fox") == ["images/a.png"]
    finally:
        fake.stop()


def test_a_gateway_gets_the_key(comfy_lib):
    fake = server("--token", "secret-token-1")
    try:
        lib = comfy_lib(fake, api_key="secret-token-1")
        assert lib.make("images/a.txt", "a fox") == ["images/a.png"]
    finally:
        fake.stop()


def test_what_the_server_has(comfy_lib, comfy):
    lib = comfy_lib(comfy)
    listed = {}

    def looked():
        listed.update(json.loads(lib.bytes("models/comfyui/server.json")))
        return "samplers" in listed
    wait_for(looked, 20, "the server's own list")
    assert "dpmpp_2m" in listed["samplers"] and "karras" in listed["schedulers"] and "ink.safetensors" in listed["loras"]
