"""Says no to a request exactly where OpenAI's service does: fields, types, values, forms, schemas."""
import io
import re

from PIL import Image

from pictures import is_picture


class Bad(Exception):
    """A 400 of type invalid_request_error."""

    def __init__(self, message, param=None, code="invalid_value"):
        super().__init__(message)
        self.message, self.param, self.code = message, param, code


def require(good, message, param=None, code="invalid_value"):
    if not good:
        raise Bad(message, param, code)


# ---- forms ----

class File:
    def __init__(self, filename, type, data):
        self.filename, self.type, self.data = filename, type, data


def form(content_type, body):
    """multipart/form-data, to the letter -> list of (name, str or File)."""
    m = re.fullmatch(r'multipart/form-data;\s*boundary="?([\w\'()+,./:=? -]{1,70})"?', content_type)
    require(m, "Unsupported content type.", None, "unsupported_content_type")
    mark = b"--" + m[1].encode()
    require(body.startswith(mark + b"\r\n") and body.endswith(b"\r\n" + mark + b"--\r\n"),
            "Could not parse multipart form.", None, None)
    out = []
    for part in body[len(mark) + 2:-len(mark) - 6].split(b"\r\n" + mark + b"\r\n"):
        head, gap, data = part.partition(b"\r\n\r\n")
        require(gap, "Could not parse multipart form.", None, None)
        out.append(form_part(head.decode(), data))
    return out


def form_part(head, data):
    headers = {}
    for line in head.split("\r\n"):
        name, colon, value = line.partition(": ")
        require(colon and name.lower() not in headers, "Could not parse multipart form.", None, None)
        headers[name.lower()] = value
    m = re.fullmatch(r'form-data; name="([^"\r\n]+)"(?:; filename="([^"\r\n]+)")?',
                     headers.pop("content-disposition", ""))
    require(m, "Could not parse multipart form.", None, None)
    if m[2] is None:
        require(not headers, "Could not parse multipart form.", None, None)
        return m[1], data.decode()
    return m[1], File(m[2], headers.pop("content-type", "application/octet-stream"), data)


def image_file(f, param):
    require(isinstance(f, File), f"Expected a file for '{param}'.", param, "invalid_type")
    require(f.type in ("image/png", "image/jpeg", "image/webp"),
            f"Invalid file '{f.filename}': unsupported mimetype ('{f.type}'). Supported file formats are "
            "'image/jpeg', 'image/png', and 'image/webp'.", param, "unsupported_file_mimetype")
    require(is_picture(f.data) and len(f.data) < 50 << 20, "Invalid image file or mode for image.", param,
            "invalid_image_file")
    image = Image.open(io.BytesIO(f.data))
    require(Image.MIME[image.format] == f.type, "Invalid image file or mode for image.", param, "invalid_image_file")
    return image.size


# ---- fields ----

KINDS = {str: "a string", int: "an integer", float: "a decimal", bool: "a boolean", dict: "an object", list: "an array"}


def is_of(value, kind):
    if kind in (int, float) and isinstance(value, bool):
        return False
    return isinstance(value, (int, float) if kind is float else kind)


def fields(body, known, required=()):
    """known: {name: type or tuple of types}. Forms: numbers come as texts and are turned into such."""
    require(isinstance(body, dict), "Invalid body: expected an object.", None, "invalid_type")
    for name in required:
        require(name in body, f"Missing required parameter: '{name}'.", name, "missing_required_parameter")
    for name, value in body.items():
        require(name in known, f"Unknown parameter: '{name}'.", name, "unknown_parameter")
        kinds = known[name] if isinstance(known[name], tuple) else (known[name],)
        require(value is None or any(is_of(value, k) for k in kinds),
                f"Invalid type for '{name}': expected {KINDS[kinds[0]]}, but got "
                f"{KINDS.get(type(value), 'something')} instead.", name, "invalid_type")
    return {k: v for k, v in body.items() if v is not None}


def one_of(body, name, values):
    require(body.get(name) is None or body[name] in values,
            f"Invalid value: '{body.get(name)}'. Supported values are: "
            + ", ".join(f"'{v}'" for v in values) + ".", name)


def between(body, name, low, high):
    require(body.get(name) is None or low <= body[name] <= high,
            f"Invalid '{name}': integer out of range. Expected a value from {low} to {high}.", name,
            "integer_above_max_value")


def numbers_of_form(body, *names):
    out = dict(body)
    for name in names:
        if name in out:
            require(re.fullmatch(r"-?\d+", out[name]), f"Invalid type for '{name}'.", name, "invalid_type")
            out[name] = int(out[name])
    return out


# ---- images ----

class ImageModel:
    """free: any size in steps of 16. more: qualities beyond high. tokens of one by quality."""

    def __init__(self, name, free=True, more=False, transparent=True, tokens=(200, 1767, 7024)):
        self.name, self.free, self.more, self.transparent, self.tokens = name, free, more, transparent, tokens


IMAGE_MODELS = {m.name: m for m in (
    ImageModel("gpt-image-2.5-flare", more=True), ImageModel("gpt-image-2.5-sunburst", more=True),
    ImageModel("gpt-image-2", transparent=False),
    ImageModel("gpt-image-1.5", free=False, tokens=(272, 1056, 4160)),
    ImageModel("gpt-image-1-mini", free=False, tokens=(272, 1056, 4160)))}
IMAGE_FIELDS = {"model": str, "prompt": str, "n": int, "size": str, "quality": str, "background": str,
                "output_format": str, "output_compression": int, "moderation": str, "stream": bool,
                "partial_images": int, "user": str}
EDIT_FIELDS = {**{k: v for k, v in IMAGE_FIELDS.items() if k != "moderation"}, "input_fidelity": str}


def image_size(model, body):
    size = body.get("size", "auto")
    if size == "auto":
        return 1024, 1024
    m = re.fullmatch(r"(\d{2,5})x(\d{2,5})", size)
    w, h = (int(m[1]), int(m[2])) if m else (0, 0)
    if not model.free:
        one_of(body, "size", ("1024x1024", "1536x1024", "1024x1536", "auto"))
    else:
        require(m and w % 16 == 0 and h % 16 == 0 and max(w, h) <= 3840 and max(w, h) <= 3 * min(w, h)
                and 655360 <= w * h <= 8294400, f"Invalid size '{size}'.", "size")
    return w, h


def image_body(body, model, known):
    body = fields(body, known, ("prompt",))
    require(1 <= len(body["prompt"]) <= 32000, "Invalid 'prompt': string too long or empty.", "prompt",
            "string_above_max_length")
    one_of(body, "quality", ("low", "medium", "high", "auto") + (("xhigh", "max") if model.more else ()))
    one_of(body, "background", ("transparent", "opaque", "auto") if model.transparent else ("opaque", "auto"))
    one_of(body, "output_format", ("png", "jpeg", "webp"))
    one_of(body, "moderation", ("auto", "low"))
    between(body, "n", 1, 10)
    between(body, "output_compression", 0, 100)
    between(body, "partial_images", 0, 3)
    format = body.get("output_format", "png")
    require("output_compression" not in body or format != "png",
            "Compression less than 100 is not supported for PNG output format.", "output_compression")
    require(body.get("background") != "transparent" or format != "jpeg",
            "Transparent background is not supported for JPEG output format.", "background")
    require("input_fidelity" not in body or not model.free,
            f"The model '{model.name}' does not support the 'input_fidelity' parameter.", "input_fidelity",
            "invalid_input_fidelity_model")
    image_size(model, body)
    return body


def edit_form(parts, model):
    """The fields and the files of an edit."""
    files = [(n, v) for n, v in parts if n in ("image", "image[]", "mask")]
    body = {}
    for name, value in parts:
        if (name, value) not in files:
            require(name not in body, f"Duplicate parameter: '{name}'.", name, "duplicate_parameter")
            require(isinstance(value, str), f"Invalid type for '{name}'.", name, "invalid_type")
            body[name] = value
    body = image_body(numbers_of_form(body, "n", "output_compression", "partial_images"), model, EDIT_FIELDS)
    images = [v for n, v in files if n != "mask"]
    require(images, "Missing required parameter: 'image'.", "image", "missing_required_parameter")
    require(len(images) <= 16, "Too many images.", "image", "array_above_max_length")
    require(len(images) == 1 or all(n == "image[]" for n, _ in files if n != "mask"),
            "Duplicate parameter: 'image'. You provided multiple values for this parameter, whereas only one "
            "is allowed. If you are trying to provide a list of values, use the array syntax instead.",
            "image", "duplicate_parameter")
    for f in images:
        image_file(f, "image")
    return body, images


# ---- videos ----

VIDEO_SIZES = {"sora-2": ("720x1280", "1280x720"),
               "sora-2-pro": ("720x1280", "1280x720", "1024x1792", "1792x1024", "1080x1920", "1920x1080")}


def video_form(parts):
    names = [n for n, _ in parts]
    require(len(names) == len(set(names)), "Duplicate parameter.", None, "duplicate_parameter")
    body = dict(parts)
    picture = body.pop("input_reference", None)
    body = fields(body, {"model": str, "prompt": str, "seconds": str, "size": str}, ("prompt",))
    require(body.get("model", "sora-2") in VIDEO_SIZES, "Unknown model.", "model", "model_not_found")
    body.setdefault("model", "sora-2")
    body.setdefault("seconds", "4")
    body.setdefault("size", "720x1280")
    one_of(body, "seconds", ("4", "8", "12", "16", "20"))
    one_of(body, "size", VIDEO_SIZES[body["model"]])
    if picture is not None:
        size = "%dx%d" % image_file(picture, "input_reference")
        require(size == body["size"], "Inpaint image must match the requested width and height", "input_reference")
    return body, picture


# ---- texts ----

def strict_schema(schema, path=()):
    def bad(text):
        raise Bad(f"Invalid schema for response_format: In context={path}, {text}", "text.format.schema",
                  "invalid_json_schema")
    for word in ("allOf", "oneOf", "not"):
        if word in schema:
            bad(f"'{word}' is not permitted.")
    if schema.get("type") == "object" or "properties" in schema:
        if schema.get("additionalProperties") is not False:
            bad("'additionalProperties' is required to be supplied and to be false.")
        if sorted(schema.get("required", [])) != sorted(schema.get("properties", {})):
            bad("'required' is required to be supplied and to be an array including every key in properties.")
    for name, inner in schema.get("properties", {}).items():
        strict_schema(inner, path + (name,))
    if "items" in schema:
        strict_schema(schema["items"], path + ("items",))


def text_format(f, name_at, local):
    """The schema that is asked for: None, {} (any JSON) or a schema."""
    if f is None or f.get("type") == "text":
        return None
    if f.get("type") == "json_object":
        fields(f, {"type": str})
        return {}
    require(f.get("type") == "json_schema", "Invalid format type.", name_at)
    inner = f if "schema" in f else f.get("json_schema", {})
    known = {"name": str, "strict": bool, "schema": dict, "description": str}
    fields(inner, {**known, "type": str} if inner is f else known, ("name", "schema"))
    require(re.fullmatch(r"[A-Za-z0-9_-]{1,64}", inner["name"]), "Invalid name.", name_at)
    schema = inner["schema"]
    require(local or schema.get("type") == "object", "schema must be a JSON Schema of 'type: \"object\"'", name_at,
            "invalid_json_schema")
    if inner.get("strict") and not local:
        strict_schema(schema)
    return schema


def data_url(url, param):
    require(isinstance(url, str), "Invalid image URL.", param, "invalid_type")
    m = re.fullmatch(r"data:(image/(?:png|jpeg|webp|gif));base64,([A-Za-z0-9+/]+=*)", url)
    require(m or url.startswith("https://"), "Invalid 'image_url'. Expected a base64-encoded data URL with an image MIME type.",
            param, "invalid_image_url")


RESPONSE_FIELDS = {"model": str, "input": (str, list), "instructions": str, "max_output_tokens": int,
                   "reasoning": dict, "text": dict, "temperature": float, "top_p": float, "store": bool,
                   "stream": bool, "metadata": dict, "previous_response_id": str, "background": bool,
                   "service_tier": str, "tools": list}


def response_body(body, reasons, local):
    """(body, schema, all texts that the model reads)"""
    body = fields(body, RESPONSE_FIELDS, ("model", "input"))
    require("temperature" not in body or not reasons, "Unsupported parameter: 'temperature' is not supported with this "
            "model.", "temperature", "unsupported_parameter")
    require(body.get("max_output_tokens", 16) >= 16, "Invalid 'max_output_tokens': integer below minimum value.",
            "max_output_tokens", "integer_below_min_value")
    text = fields(body.get("text", {}), {"format": dict, "verbosity": str})
    schema = text_format(text.get("format"), "text.format", local)
    read = [body.get("instructions", "")]
    if isinstance(body["input"], str):
        read.append(body["input"])
    for item in body["input"] if isinstance(body["input"], list) else []:
        fields(item, {"role": str, "content": (str, list), "type": str}, ("role", "content"))
        one_of(item, "role", ("user", "assistant", "system", "developer"))
        read += response_parts(item["content"])
    require(schema != {} or "json" in " ".join(read).lower(), "Response input messages must contain the word 'json' in some "
            "form to use 'text.format' of type 'json_object'.", "input", None)
    return body, schema, read


def response_parts(content):
    read = [content] if isinstance(content, str) else []
    for part in content if isinstance(content, list) else []:
        one_of(part, "type", ("input_text", "input_image"))
        if part.get("type") == "input_text":
            read.append(fields(part, {"type": str, "text": str}, ("text",))["text"])
        else:
            fields(part, {"type": str, "image_url": str, "file_id": str, "detail": str})
            data_url(part.get("image_url"), "input")
    return read


CHAT_FIELDS = {"model": str, "messages": list, "max_completion_tokens": int, "max_tokens": int, "temperature": float,
               "top_p": float, "reasoning_effort": str, "response_format": dict, "stream": bool, "seed": int,
               "stop": (str, list), "user": str, "store": bool, "metadata": dict}


def chat_body(body, reasons, local):
    body = fields(body, CHAT_FIELDS, ("model", "messages"))
    for name in ("max_tokens", "temperature"):
        require(name not in body or not reasons, f"Unsupported parameter: '{name}' is not supported with this model.",
                name, "unsupported_parameter")
    schema = text_format(body.get("response_format"), "response_format", local)
    read = []
    require(body["messages"], "Invalid 'messages': empty array.", "messages", "empty_array")
    for message in body["messages"]:
        fields(message, {"role": str, "content": (str, list), "name": str}, ("role", "content"))
        one_of(message, "role", ("system", "developer", "user", "assistant"))
        read += chat_parts(message["content"])
    require(schema != {} or "json" in " ".join(read).lower(), "'messages' must contain the word 'json' in some form, to "
            "use 'response_format' of type 'json_object'.", "messages", None)
    return body, schema, read


def chat_parts(content):
    read = [content] if isinstance(content, str) else []
    for part in content if isinstance(content, list) else []:
        one_of(part, "type", ("text", "image_url"))
        if part.get("type") == "text":
            read.append(fields(part, {"type": str, "text": str}, ("text",))["text"])
        else:
            inner = fields(fields(part, {"type": str, "image_url": dict}, ("image_url",))["image_url"],
                           {"url": str, "detail": str}, ("url",))
            data_url(inner["url"], "messages")
    return read
