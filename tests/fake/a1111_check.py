"""Which fields the local image servers know, and of what type."""


class Invalid(Exception):
    """detail: as FastAPI words it."""

    def __init__(self, detail):
        super().__init__(detail)
        self.detail = detail


class Table:
    """An object of known fields; `needs` must be there."""

    def __init__(self, fields, needs=()):
        self.fields, self.needs = fields, needs


TEXT, WHOLE, NUMBER, BOOL, ANY = "string", "integer", "number", "boolean", "any"
CLIP = "CLIP_stop_at_last_layers"
_common = {"prompt": TEXT, "negative_prompt": TEXT, "seed": WHOLE, "width": WHOLE, "height": WHOLE, "steps": WHOLE,
           "cfg_scale": NUMBER, "sampler_name": TEXT, "scheduler": TEXT, "batch_size": WHOLE}
_options = Table({"sd_model_checkpoint": TEXT, CLIP: WHOLE, "sd_vae": TEXT, "eta_noise_seed_delta": NUMBER,
                  "randn_source": TEXT})
_web = {**_common, "n_iter": WHOLE, "subseed": WHOLE, "subseed_strength": NUMBER, "seed_resize_from_w": WHOLE,
        "seed_resize_from_h": WHOLE, "styles": [TEXT], "restore_faces": BOOL, "tiling": BOOL, "eta": NUMBER,
        "denoising_strength": NUMBER, "refiner_checkpoint": TEXT, "refiner_switch_at": NUMBER,
        "override_settings": _options, "override_settings_restore_afterwards": BOOL, "send_images": BOOL,
        "save_images": BOOL, "force_task_id": TEXT}
TXT2IMG = Table({**_web, "enable_hr": BOOL, "hr_scale": NUMBER, "hr_upscaler": TEXT, "hr_second_pass_steps": WHOLE,
                 "hr_resize_x": WHOLE, "hr_resize_y": WHOLE}, ["prompt", "steps"])
IMG2IMG = Table({**_web, "init_images": [TEXT], "mask": TEXT, "mask_blur": WHOLE, "inpainting_fill": WHOLE,
                 "inpaint_full_res": BOOL, "inpainting_mask_invert": WHOLE, "resize_mode": WHOLE}, ["steps"])
_lora = Table({"path": TEXT, "multiplier": NUMBER, "is_high_noise": BOOL}, ["path"])
SDAPI = Table({**_common, "n_iter": WHOLE, "clip_skip": WHOLE, "lora": [_lora], "extra_images": [TEXT],
               "enable_hr": BOOL, "hr_upscaler": TEXT, "hr_scale": NUMBER, "hr_steps": WHOLE, "init_images": [TEXT],
               "mask": TEXT, "denoising_strength": NUMBER})
_guidance = Table({"txt_cfg": NUMBER, "img_cfg": NUMBER, "distilled_guidance": NUMBER})
_samples = Table({"sample_method": TEXT, "scheduler": TEXT, "sample_steps": WHOLE, "eta": NUMBER,
                  "flow_shift": NUMBER, "shifted_timestep": WHOLE, "guidance": _guidance})
_hires = Table({"enabled": BOOL, "upscaler": TEXT, "scale": NUMBER, "steps": WHOLE, "denoising_strength": NUMBER})
_cpp = {"prompt": TEXT, "negative_prompt": TEXT, "clip_skip": WHOLE, "width": WHOLE, "height": WHOLE,
        "strength": NUMBER, "seed": WHOLE, "sample_params": _samples, "lora": [_lora], "cache_mode": TEXT,
        "init_image": TEXT, "output_format": TEXT, "output_compression": WHOLE}
SDCPP_IMAGE = Table({**_cpp, "batch_count": WHOLE, "ref_images": [TEXT], "mask_image": TEXT, "hires": _hires},
                    ["prompt"])
SDCPP_VIDEO = Table({**_cpp, "video_frames": WHOLE, "fps": WHOLE, "end_image": TEXT}, ["prompt", "video_frames"])


def _bad(where, message, kind):
    raise Invalid([{"loc": ["body", *where], "msg": message, "type": kind}])


def _plain(value, kind, where):
    good = {TEXT: isinstance(value, str), BOOL: isinstance(value, bool), ANY: True,
            WHOLE: isinstance(value, int) and not isinstance(value, bool),
            NUMBER: isinstance(value, (int, float)) and not isinstance(value, bool)}[kind]
    if not good:
        _bad(where, f"Input should be a valid {kind}", f"{kind}_type")


def check(value, kind, where=()):
    """Raises Invalid when value is not of that kind."""
    if isinstance(kind, list):
        if not isinstance(value, list):
            _bad(where, "Input should be a valid list", "list_type")
        for n, item in enumerate(value):
            check(item, kind[0], (*where, n))
    elif isinstance(kind, Table):
        if not isinstance(value, dict):
            _bad(where, "Input should be a valid dictionary", "dict_type")
        for name in kind.needs:
            if name not in value:
                _bad((*where, name), "Field required", "missing")
        for name, item in value.items():
            if name not in kind.fields:
                _bad((*where, name), "Extra inputs are not permitted", "extra_forbidden")
            check(item, kind.fields[name], (*where, name))
    else:
        _plain(value, kind, where)
