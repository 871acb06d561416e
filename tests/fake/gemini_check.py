"""Says no to a GenerateContentRequest exactly where Google's service does."""
import base64
import binascii
import re

from pictures import is_picture

HARM = {"HARM_CATEGORY_" + c for c in ("HARASSMENT", "HATE_SPEECH", "SEXUALLY_EXPLICIT",
                                       "DANGEROUS_CONTENT", "CIVIC_INTEGRITY")}
THRESHOLD = {"BLOCK_LOW_AND_ABOVE", "BLOCK_MEDIUM_AND_ABOVE", "BLOCK_ONLY_HIGH", "BLOCK_NONE", "OFF"}


class Enum:
    def __init__(self, name, values):
        self.name, self.values = name, values


class List:
    def __init__(self, of):
        self.of = of


ANY = "any JSON"
# Field -> type. Types: str, bool, "int32", "float", "bytes", ANY, Enum, List, or a message's name.
# What only Vertex knows (personGeneration, outputMimeType, method ...) is missing, hence refused.
MESSAGES = {
    "GenerateContentRequest": {
        "model": str, "contents": List("Content"), "systemInstruction": "Content",
        "safetySettings": List("SafetySetting"), "generationConfig": "GenerationConfig",
        "tools": List(ANY), "toolConfig": ANY, "cachedContent": str, "continuationToken": str,
        "store": bool, "serviceTier": str},
    "Content": {"role": str, "parts": List("Part")},
    "Part": {"text": str, "inlineData": "Blob", "fileData": "FileData", "functionCall": ANY,
             "functionResponse": ANY, "executableCode": ANY, "codeExecutionResult": ANY,
             "thought": bool, "thoughtSignature": "bytes", "videoMetadata": ANY,
             "mediaResolution": ANY, "partMetadata": ANY},
    "Blob": {"mimeType": str, "data": "bytes"},
    "FileData": {"mimeType": str, "fileUri": str},
    "SafetySetting": {"category": Enum("HarmCategory", HARM),
                      "threshold": Enum("SafetySetting.HarmBlockThreshold", THRESHOLD)},
    "GenerationConfig": {
        "responseModalities": List(Enum("GenerationConfig.Modality", {"TEXT", "IMAGE", "AUDIO"})),
        "imageConfig": "ImageConfig", "seed": "int32", "temperature": "float", "topP": "float",
        "topK": "int32", "maxOutputTokens": "int32", "candidateCount": "int32",
        "stopSequences": List(str), "thinkingConfig": "ThinkingConfig", "responseMimeType": str,
        "responseSchema": ANY, "responseJsonSchema": ANY, "presencePenalty": "float",
        "frequencyPenalty": "float", "responseLogprobs": bool, "logprobs": "int32",
        "speechConfig": ANY, "mediaResolution": str},
    "ImageConfig": {"aspectRatio": str, "imageSize": str},
    "ThinkingConfig": {"includeThoughts": bool, "thinkingBudget": "int32",
                       "thinkingLevel": Enum("ThinkingConfig.ThinkingLevel",
                                             {"MINIMAL", "LOW", "MEDIUM", "HIGH"})},
}
PART_DATA = ("text", "inlineData", "fileData", "functionCall", "functionResponse", "executableCode",
             "codeExecutionResult")
IMAGE_TYPES = {"image/png", "image/jpeg", "image/webp", "image/heic", "image/heif"}
OTHER_TYPES = re.compile(r"(audio|video)/[\w.+-]+|application/(pdf|json)|text/(plain|markdown|csv)")


class Invalid(Exception):
    def __init__(self, message, violations=()):
        super().__init__(message)
        self.message, self.violations = message, list(violations)


def snake(name):
    return re.sub("[A-Z]", lambda m: "_" + m[0].lower(), name)


def camel(name):
    return re.sub("_([a-z])", lambda m: m[1].upper(), name)


# What Vertex takes besides.
VERTEX = {**MESSAGES, "ImageConfig": {**MESSAGES["ImageConfig"], "personGeneration": str, "imageOutputOptions": ANY}}


class Parser:
    """JSON -> the same with camelCase names, as protobuf's JSON mapping takes it."""

    def __init__(self, vertex=False):
        self.violations = []
        self.messages = VERTEX if vertex else MESSAGES

    def bad(self, path, text):
        self.violations.append({"field": path, "description": text})

    def invalid(self, path, kind, value):
        shown = f'"{value}"' if isinstance(value, str) else str(value)
        self.bad(path, f"Invalid value at '{path}' ({kind}), {shown[:200]}")

    def message(self, name, value, path):
        if not isinstance(value, dict):
            return self.invalid(path, f"type.googleapis.com/google.ai.generativelanguage.v1beta.{name}",
                                value)
        out = {}
        for key, v in value.items():
            field = key if key in self.messages[name] else camel(key)
            where = f"{path}.{snake(field)}" if path else snake(field)
            if field not in self.messages[name]:
                at = f" at '{path}'" if path else ""
                self.bad(path, f'Invalid JSON payload received. Unknown name "{key}"{at}: '
                               "Cannot find field.")
            elif v is not None:
                out[field] = self.value(self.messages[name][field], v, where)
        return out

    def value(self, kind, v, path):
        if isinstance(kind, List):
            items = v if isinstance(v, list) else [v]  # a single value stands for a list of one
            return [self.value(kind.of, i, f"{path}[{n}]") for n, i in enumerate(items)]
        if isinstance(kind, Enum):
            if v not in kind.values:
                self.invalid(path, "type.googleapis.com/google.ai.generativelanguage.v1beta."
                             + kind.name, v)
            return v
        if kind in self.messages:
            return self.message(kind, v, path)
        check = {str: self.text, bool: self.boolean, "int32": self.int32, "float": self.real,
                 "bytes": self.binary}.get(kind)
        return check(v, path) if check else v

    def text(self, v, path):
        if not isinstance(v, str):
            self.invalid(path, "TYPE_STRING", v)
        return v

    def boolean(self, v, path):
        if not isinstance(v, bool):
            self.invalid(path, "TYPE_BOOL", v)
        return v

    def real(self, v, path):
        if isinstance(v, bool) or not isinstance(v, (int, float)):
            self.invalid(path, "TYPE_FLOAT", v)
        return v

    def int32(self, v, path):
        n = int(v) if isinstance(v, str) and re.fullmatch(r"-?\d+", v) else v
        whole = not isinstance(n, bool) and isinstance(n, (int, float)) and n == int(n)
        if not whole or not -2**31 <= n < 2**31:
            self.invalid(path, "TYPE_INT32", v)
        return n

    def binary(self, v, path):
        try:
            return base64.b64decode(v, validate=True)
        except (TypeError, ValueError, binascii.Error):
            self.bad(path, f"Invalid value at '{path}' (TYPE_BYTES), Base64 decoding failed for "
                           f'"{str(v)[:60]}"')
            return b""


def parse(body, vertex=False):
    p = Parser(vertex)
    out = p.message("GenerateContentRequest", body, "")
    if p.violations:
        raise Invalid("\n".join(v["description"] for v in p.violations), p.violations)
    return out


def require(good, message):
    if not good:
        raise Invalid(message)


def check_part(part, where):
    given = [f for f in PART_DATA if f in part]
    require(given, f"* GenerateContentRequest.{where}.data: required oneof field 'data' must have one "
                   "initialized field\n")
    require(len(given) == 1, f"Invalid value at '{where}' (oneof), oneof field 'data' is already set. "
                             f"Cannot set '{given[-1]}'")
    if "text" in part:
        require(part["text"], "Unable to submit request because it must have a text parameter.")
    if "inlineData" in part:
        blob = part["inlineData"]
        mime = blob.get("mimeType", "")
        require(mime, f"* GenerateContentRequest.{where}.inline_data.mime_type: mime_type is not "
                      "specified\n")
        require(mime in IMAGE_TYPES or OTHER_TYPES.fullmatch(mime), f"Unsupported MIME type: {mime}")
        require(blob.get("data"), f"* GenerateContentRequest.{where}.inline_data.data: data is empty\n")
        require(mime not in IMAGE_TYPES or is_picture(blob["data"]),
                "Unable to process input image. Please retry or report in "
                "https://developers.generativeai.google/guide/troubleshooting")


def check_contents(contents):
    require(contents, "* GenerateContentRequest.contents: contents is not specified\n")
    for i, c in enumerate(contents):
        require(c.get("role", "user") in ("user", "model"),
                "Please use a valid role: user, model.")
        require(c.get("parts"), f"* GenerateContentRequest.contents[{i}].parts: contents.parts must "
                                "not be empty.\n")
        for k, part in enumerate(c["parts"]):
            check_part(part, f"contents[{i}].parts[{k}]")
    require(contents[-1].get("role", "user") == "user",
            "Please ensure that the last turn is a user turn.")


def check_image(model, request, config):
    image = config.get("imageConfig", {})
    ratio, size = image.get("aspectRatio"), image.get("imageSize")
    where = "* GenerateContentRequest.generation_config.image_config."
    require(ratio is None or ratio in model.ratios,
            f"{where}aspect_ratio: aspect_ratio must be one of "
            + ", ".join(f"'{r}'" for r in model.ratios) + ".\n")
    require(size is None or size in model.sizes,
            f"{where}image_size: image_size must be one of "
            + ", ".join(f"'{s}'" for s in model.sizes) + " for this model.\n")
    require(config.get("candidateCount", 1) == 1, "Multiple candidates is not enabled for this model")
    require("responseMimeType" not in config or config["responseMimeType"] == "text/plain",
            "JSON mode is not enabled for this model")
    references = sum("inlineData" in p or "fileData" in p
                     for c in request["contents"] for p in c["parts"])
    require(references <= model.references,
            f"Please use at most {model.references} images with this model.")


def check_text(model, config):
    require("IMAGE" not in config.get("responseModalities", []),
            "The requested combination of response modalities (IMAGE) is not supported by the model. "
            f"{model.name} accepts the following combination of response modalities:\n* TEXT\n")
    require("imageConfig" not in config, "Image config is not enabled for this model")
    json_mode = config.get("responseMimeType") == "application/json"
    schemas = [f for f in ("responseSchema", "responseJsonSchema") if f in config]
    require(len(schemas) < 2, "Only one of response_schema and response_json_schema may be set.")
    require(json_mode or not schemas,
            "* GenerateContentRequest.generation_config.response_schema: only allowed when "
            "response_mime_type is 'application/json'\n")


def check(model, body, vertex=False):
    """The parsed request, with inlineData.data as bytes. Raises Invalid."""
    request = parse(body, vertex)
    check_contents(request.get("contents"))
    config = request.get("generationConfig", {})
    thinking = config.get("thinkingConfig", {})
    require(not ("thinkingBudget" in thinking and "thinkingLevel" in thinking),
            "You can only set only one of thinking budget and thinking level.")
    require(not (config.get("temperature", 1) > 2 or config.get("temperature", 1) < 0),
            "* GenerateContentRequest.generation_config.temperature: must be from 0 to 2.\n")
    require("AUDIO" not in config.get("responseModalities", []),
            "The requested combination of response modalities (AUDIO) is not supported by the model.")
    if model.makes_images:
        check_image(model, request, config)
    else:
        check_text(model, config)
    return request
