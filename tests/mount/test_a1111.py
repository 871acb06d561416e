"""Local image servers: AUTOMATIC1111's web UI and stable-diffusion.cpp's sd-server, through the mount."""
import io
import json
import os

import pytest
from PIL import Image

from fake import FakeA1111
from rig import KEY, wait_for

LINES = ("a red fox <lora:ink:0.8>\nNegative prompt: people, text\nSteps: 28, Sampler: Euler a, Schedule type: Karras, "
         "CFG scale: 6.5, Seed: 42, Size: 512x768, Model hash: 1fe6c7ec54, Model: juggernautXL, Denoising strength: 0.4, "
         "Clip skip: 2, Hires upscale: 1.5, Hires steps: 12, Hires upscaler: 4x-UltraSharp, "
         'Lora hashes: "ink: 1a2b, fox: 3c4d", Version: v1.10.1')


@pytest.fixture
def world(libraries):
    """world(flavour...) -> (mounted library, fake): images come from it by default."""
    fakes = []

    def make(*args, key=KEY, more=None, mount=True, **table):
        fake = FakeA1111(*args, key=key).start()
        fakes.append(fake)
        lib = libraries(tables={"providers.a1111": {"base_url": fake.url, "rate_limit": 6000, **table}, **(more or {})})
        if mount:
            lib.mount()
        return lib, fake
    yield make
    for fake in fakes:
        fake.stop()


def log(fake, path, method="POST"):
    """The bodies of what was sent there."""
    return [e["body"] for e in fake.stats()["log"] if e["path"].endswith(path) and e["method"] == method]


def job_of(lib, prompt):
    """The id of its last job, "" before there is one."""
    return ["", *(e["job"] for e in lib.events() if e.get("path") == prompt and "job" in e)][-1]


def about(lib, prompt, what):
    job = job_of(lib, prompt)
    return lib.read(f".ymago/jobs/{job}/{what}") if job else ""


def fails(lib, name, text, *words):
    lib.save(name, text)
    lib.wait_state(name, "failed")
    error = lib.ask(name, "error")
    for w in words:
        assert w in error, error


def size_of(lib, name):
    return Image.open(io.BytesIO(lib.bytes(name))).size


# ---- AUTOMATIC1111 ----

def test_a_configured_server_is_the_default(world):
    lib, fake = world()
    [name] = lib.make("images/fox.txt", "a red fox")
    picture = Image.open(io.BytesIO(lib.bytes(name)))
    assert name == "images/fox.png" and picture.size == (512, 512)
    seed = picture.text["parameters"].split("Seed: ")[1].split(",")[0]  # the server's own words stay in it
    side = lib.sidecar(name)["ymago"]
    assert side["provider"] == "a1111" and side["model"] == "default" and side["cost_usd"] == 0
    assert side["model_version"] == f"dreamshaper_8 [879db523c3], seed {seed}"
    assert f"Seed: {seed}" in json.loads(about(lib, "images/fox.txt", "provider.json"))["text"]
    lib.idle()
    [body] = log(fake, "/txt2img")
    assert body["prompt"] == "a red fox" and body["seed"] == -1 and body["save_images"] is False
    assert fake.stats(log=False)["paid"] == 1


def test_every_field(world):
    lib, fake = world()
    lib.make("images/fox.txt", "---\nmodel: a1111/juggernautxl\nnegative_prompt: people\nseed: 7\nwidth: 640\nheight: 384\n"
             "steps: 9\ncfg_scale: 5.5\nsampler: dpm++ 2m karras\nstyles: [ink]\nloras: [fox, {id: ink, weight: 0.5}]\n"
             "clip_skip: 2\nhires: {upscale_factor: 1.5, upscaler: lanczos, denoising_strength: 0.3, steps: 4}\n"
             "params: {tiling: true, override_settings: {sd_vae: none}}\n---\na red fox")
    [body] = log(fake, "/txt2img")
    task = body.pop("force_task_id")
    assert task == f"ymago-{job_of(lib, 'images/fox.txt')}-1"
    assert body == {
        "prompt": "a red fox <lora:fox:1> <lora:ink:0.5>", "negative_prompt": "people", "seed": 7, "width": 640,
        "height": 384, "steps": 9, "cfg_scale": 5.5, "sampler_name": "DPM++ 2M", "scheduler": "Karras",
        "styles": ["Ink"], "batch_size": 1, "n_iter": 1, "enable_hr": True, "hr_scale": 1.5, "hr_upscaler": "Lanczos",
        "hr_second_pass_steps": 4, "denoising_strength": 0.3, "tiling": True, "send_images": True,
        "save_images": False, "override_settings_restore_afterwards": True,
        "override_settings": {"sd_model_checkpoint": "sdxl/juggernautXL.safetensors [1fe6c7ec54]",
                              "CLIP_stop_at_last_layers": 2, "sd_vae": "none"}}
    assert size_of(lib, "images/fox.png") == (960, 576)
    assert lib.sidecar("images/fox.png")["ymago"]["model_version"] == "juggernautXL [1fe6c7ec54]"


def test_pasted_parameter_lines(world):
    lib, fake = world()
    lib.make("images/fox.txt", LINES)
    [body] = log(fake, "/txt2img")
    want = {"prompt": "a red fox <lora:ink:0.8>", "negative_prompt": "people, text", "steps": 28, "seed": 42,
            "sampler_name": "Euler a", "scheduler": "Karras", "cfg_scale": 6.5, "width": 512, "height": 768,
            "enable_hr": True, "hr_scale": 1.5, "hr_second_pass_steps": 12, "hr_upscaler": "4x-UltraSharp",
            "denoising_strength": 0.4,
            "override_settings": {"sd_model_checkpoint": "sdxl/juggernautXL.safetensors [1fe6c7ec54]",
                                  "CLIP_stop_at_last_layers": 2}}
    assert {k: body.get(k) for k in want} == want
    assert lib.sidecar("images/fox.png")["prompt"] == "a red fox <lora:ink:0.8>"


def test_what_the_server_says_of_a_picture_makes_it_again(world):
    lib, fake = world()
    lib.make("images/fox.txt", "---\nwidth: 256\nheight: 256\n---\na red fox")
    told = Image.open(io.BytesIO(lib.bytes("images/fox.png"))).text["parameters"]
    lib.make("images/again.txt", told)
    first, second = log(fake, "/txt2img")
    drop = ("force_task_id", "seed", "sampler_name", "scheduler", "cfg_scale", "override_settings")
    assert [{k: v for k, v in b.items() if k not in drop} for b in (first,)] == \
        [{k: v for k, v in b.items() if k not in drop} for b in (second,)]
    assert f"Seed: {second['seed']}," in told and second["sampler_name"] == "Euler"


def test_image_to_image(world):
    lib, fake = world()
    lib.make("images/fox.txt", "---\nwidth: 256\nheight: 256\n---\na red fox")
    lib.sh("cp images/fox.png images/night.in.png")
    lib.make("images/night.txt", "---\nwidth: 256\nheight: 192\nstrength: 0.35\nresize_mode: fill\n---\nat night")
    [body] = log(fake, "/img2img")
    assert body["denoising_strength"] == 0.35 and body["resize_mode"] == 2 and len(body["init_images"]) == 1
    assert size_of(lib, "images/night.png") == (256, 192)
    fails(lib, "images/b.txt", "---\nreferences: [fox.png]\n---\nb", "takes no references")


def test_progress_and_preview(world):
    lib, fake = world("--seconds", 4)
    lib.save("images/fox.txt", "a red fox")
    state = lambda: about(lib, "images/fox.txt", "state")  # noqa: E731
    wait_for(lambda: "step " in state(), what=state)
    folder = f".ymago/jobs/{job_of(lib, 'images/fox.txt')}"
    wait_for(lambda: lib.bytes(f"{folder}/preview.jpg").startswith(b"\x89PNG"))
    first = lib.bytes(f"{folder}/preview.jpg")
    wait_for(lambda: lib.bytes(f"{folder}/preview.jpg") != first)
    assert 0 < int(state().split("progress: ")[1].split(" %")[0]) <= 100
    assert lib.wait("images/fox.txt") == ["images/fox.png"]
    assert len(log(fake, "/txt2img")) == 1
    assert lib.bytes("images/fox.png") != first


def test_cancel_interrupts(world):
    lib, fake = world("--seconds", 60)
    lib.save("images/fox.txt", "a red fox")
    wait_for(lambda: "step " in about(lib, "images/fox.txt", "state"))
    lib.ctl("cancel images/fox.txt")
    lib.wait_state("images/fox.txt", "cancelled", seconds=20)
    assert len(log(fake, "/interrupt")) == 1
    lib.idle(seconds=20)
    assert lib.listing() == ["fox.txt"]


def test_a_lost_try_is_stopped_before_the_next(world):
    """The program dies while the server paints; the next try must not wait for a picture that nobody will see."""
    lib, fake = world("--seconds", 60)
    lib.save("images/fox.txt", "a red fox")
    wait_for(lambda: "step " in about(lib, "images/fox.txt", "state"))
    lib.kill()
    lib.mount()
    wait_for(lambda: len(log(fake, "/txt2img")) == 2, 20)
    assert log(fake, "/interrupt")
    first, second = [b["force_task_id"].rsplit("-", 1) for b in log(fake, "/txt2img")]
    assert first[0] == second[0] and (first[1], second[1]) == ("1", "2")
    lib.ctl("cancel images/fox.txt")
    lib.wait_state("images/fox.txt", "cancelled", seconds=20)


@pytest.mark.parametrize("text, words", [
    ("---\nsampler: eulr a\n---\nx", ["no sampler", "Euler a"]),
    ("---\nmodel: a1111/dreamshaper_9\n---\nx", ["no model", "dreamshaper_8"]),
    ("---\nscheduler: karas\n---\nx", ["no scheduler", "karras"]),
    ("---\nstyles: [inc]\n---\nx", ["no style", "Ink"]),
    ("---\nhires: {upscaler: lanczo}\n---\nx", ["no upscaler", "Lanczos"]),
    ("---\nparams: {script_name: x}\n---\nx", ["script_name", "not passed on"]),
    ("---\nparams: {override_settings: {outdir_samples: /tmp}}\n---\nx", ["outdir_samples"]),
    ("---\nwidth: 8192\nheight: 8192\n---\nx", ["ran out of memory"]),
    ("---\nparams: {eta: much}\n---\nx", ["does not take this request"]),
])
def test_refused_in_words(world, text, words):
    lib, fake = world()
    fails(lib, "images/x.txt", text, *words)
    assert fake.stats(log=False)["paid"] == 0
    wait_for(lambda: lib.listing() == ["x.error.log", "x.txt"])


def test_another_checkpoint_than_asked(world):
    lib, fake = world()
    fake.script([{"do": "other_model"}])
    fails(lib, "images/x.txt", "---\nmodel: a1111/dreamshaper_8\n---\nx", "juggernautXL", "not with")
    assert "x.png" not in lib.listing()


def test_answers_gone_wrong(world):
    lib, fake = world()
    fake.script([{"do": "grid", "match": "grid"}, {"do": "cut", "match": "cut"}, {"do": "error", "status": 503, "match": "busy"},
                 {"do": "no_images", "match": "stopped"}, {"do": "swallow", "match": "lost"}])
    assert size_of(lib, lib.make("images/g.txt", "grid")[0]) == (512, 512)  # not the sheet
    for name in ("cut", "busy", "lost"):  # free, so simply made again
        assert lib.make(f"images/{name}.txt", name) == [f"images/{name}.png"]
        assert len([b for b in log(fake, "/txt2img") if b["prompt"] == name]) == 2
    fails(lib, "images/s.txt", "stopped", "told to stop")


def test_password(world):
    lib, fake = world("--auth", key="me:secret-word", api_key="me:secret-word")
    assert lib.make("images/a.txt", "an owl") == ["images/a.png"]
    sent = [dict(e["headers"]) for e in fake.stats()["log"] if "txt2img" in e["path"]]
    assert [h["Authorization"] for h in sent] == ["(right key)"]
    lib.configure({"providers.a1111": {"api_key": None}})
    lib.ymago("reload", "--library", lib.mnt)
    lib.save("images/b.txt", "a cat")
    wait_for(lambda: "password" in (lib.ask("images/b.txt", "error") or ""))
    assert lib.state("images/b.txt") == "queued"
    assert "secret-word" not in lib.log()


def test_its_lists(world):
    lib, fake = world()
    wait_for(lambda: any("juggernautXL" in n for n in lib.listing("models/a1111")), what=lambda: lib.listing("models/a1111"))
    assert {"dreamshaper_8", "sdxl_juggernautXL"} <= {n.split(".")[0] for n in lib.listing("models/a1111")}


# ---- sd-server ----

def test_sd_server(world):
    lib, fake = world("--flavour", "sdserver", "--seconds", 0.5)
    [name] = lib.make("images/fox.txt", "---\nseed: 3\nsampler: Euler a\nloras: [{id: ink, weight: 0.5}]\nquality: draft\n"
                      "aspect_ratio: 3:2\n---\na red fox <lora:fox:0.7> in snow")
    [body] = log(fake, "/img_gen")
    assert body == {"prompt": "a red fox in snow", "negative_prompt": "", "seed": 3, "width": 1256, "height": 840,
                    "lora": [{"path": "styles/ink.safetensors", "multiplier": 0.5},
                             {"path": "styles/fox.safetensors", "multiplier": 0.7}],
                    "sample_params": {"sample_method": "euler_a", "sample_steps": 5}, "batch_count": 1,
                    "output_format": "png"}
    side = lib.sidecar(name)["ymago"]
    assert side["provider_id"] == "job_00000000" and side["model_version"] == "z_image_turbo"
    assert size_of(lib, name) == (1256, 840)


def test_sd_server_by_references(world):
    lib, fake = world("--flavour", "sdserver")
    lib.make("images/a.txt", "---\nwidth: 256\nheight: 256\n---\nan owl")
    lib.make("images/b.txt", "---\nwidth: 256\nheight: 256\nstrength: 0.5\nfrom_image: a.png\nreferences: [a.png]\n"
             "format: webp\n---\nat night")
    body = log(fake, "/img_gen")[1]
    assert body["init_image"] == body["ref_images"][0] and body["strength"] == 0.5
    assert lib.listing() == ["a.png", "a.png.json", "a.txt", "b.txt", "b.webp", "b.webp.json"]


def test_sd_server_makes_films(world):
    lib, fake = world("--flavour", "sdserver", "--mode", "vid")
    [name] = lib.make("videos/bird.txt", "---\nmodel: a1111/default\nduration: 2\nfps: 16\n---\na bird in flight", seconds=60)
    [body] = log(fake, "/vid_gen")
    assert (body["video_frames"], body["fps"], body["output_format"]) == (33, 16, "webm")
    side = lib.sidecar(name)["ymago"]
    assert name == "videos/bird.webm" and side["mime"] == "video/webm" and 1.8 < side["duration_s"] < 2.3
    fails(lib, "images/x.txt", "x", "makes no images")


def test_sd_server_after_a_crash(world):
    """The handle is kept: looked at again, never made again."""
    lib, fake = world("--flavour", "sdserver", "--seconds", 6)
    lib.save("images/fox.txt", "a red fox")
    wait_for(lambda: "is being made" in about(lib, "images/fox.txt", "state"))
    lib.kill()
    lib.mount()
    assert lib.wait("images/fox.txt", 40) == ["images/fox.png"]
    assert len(log(fake, "/img_gen")) == 1


def test_sd_server_queue_and_cancel(world):
    lib, fake = world("--flavour", "sdserver", "--seconds", 8, concurrency=2)
    lib.save("images/a.txt", "an owl")
    wait_for(lambda: "is being made" in about(lib, "images/a.txt", "state"))
    lib.save("images/b.txt", "a cat")
    wait_for(lambda: "place 1 in the queue" in about(lib, "images/b.txt", "state"))
    lib.ctl("cancel images/b.txt")
    lib.wait_state("images/b.txt", "cancelled", seconds=20)
    assert [e["status"] for e in fake.stats()["log"] if e["path"].endswith("/cancel")] == [200]
    assert lib.wait("images/a.txt", 40) == ["images/a.png"]


def test_sd_server_cannot_stop_what_it_makes(world):
    lib, fake = world("--flavour", "sdserver", "--seconds", 6)
    lib.save("images/a.txt", "an owl")
    wait_for(lambda: "is being made" in about(lib, "images/a.txt", "state"))
    lib.ctl("cancel images/a.txt")
    wait_for(lambda: [e["status"] for e in fake.stats()["log"] if e["path"].endswith("/cancel")] == [409])
    lib.wait_state("images/a.txt", "done", "cancelled", seconds=40)  # it runs out, and is not made again
    assert len(log(fake, "/img_gen")) == 1


def test_sd_server_says_no(world):
    lib, fake = world("--flavour", "sdserver")
    fake.script([{"do": "fail", "match": "fail"}, {"do": "forget", "match": "forget"}, {"do": "expire", "match": "expire"}])
    fails(lib, "images/f.txt", "fail", "could not make this")
    for name in ("forget", "expire"):
        lib.save(f"images/{name}.txt", name)
        lib.wait_state(f"images/{name}.txt", "unknown")
    fails(lib, "images/l.txt", "a fox <lora:inq:1>", "no LoRA", "ink")
    fails(lib, "images/m.txt", "---\nmodel: a1111/flux\n---\nm", "z_image_turbo")
    assert fake.stats(log=False)["paid"] == 3


def test_an_sd_server_of_old(world):
    """Only a part of /sdapi/v1: no jobs, no progress, no interrupt."""
    lib, fake = world("--flavour", "sdserver-old")
    lib.make("images/fox.txt", "---\nsampler: Euler A\nloras: [ink]\nclip_skip: 2\n---\na red fox <lora:fox:0.7>")
    [body] = log(fake, "/txt2img")
    assert body["prompt"] == "a red fox" and body["sampler_name"] == "euler_a" and body["clip_skip"] == 2
    assert [lora["path"] for lora in body["lora"]] == ["styles/ink.safetensors", "styles/fox.safetensors"]
    assert "override_settings" not in body
    fails(lib, "images/s.txt", "---\nstyles: [Ink]\n---\ns", "takes no styles")


def test_no_server_at_all(world):
    """It waits, as for any provider that cannot be reached."""
    lib, fake = world()
    fake.stop()
    lib.save("images/a.txt", "an owl")
    wait_for(lambda: "a1111" in json.dumps(lib.status()) and lib.state("images/a.txt") == "queued")
    assert not os.path.exists(lib.path("images/a.error.log"))
