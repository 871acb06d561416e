"""Says no to an input that a model would not take: fields by name, each with a check.

A check takes the value and the service (which knows the files that were uploaded to it) and returns None or
(type, words, context) of what is wrong, as such services put it.
"""
import base64
import binascii

from pictures import is_picture


def text(most=None, least=1):
    def check(v, service):
        if not isinstance(v, str):
            return "string_type", "Input should be a valid string", {}
        if len(v) < least:
            return "string_too_short", f"String should have at least {least} characters", {"min_length": least}
        if most and len(v) > most:
            return "string_too_long", f"String should have at most {most} characters", {"max_length": most}
        return None
    return check


def number(low=None, high=None, whole=False):
    def check(v, service):
        if isinstance(v, bool) or not isinstance(v, (int, float)) or (whole and v != int(v)):
            return ("int_type", "Input should be a valid integer", {}) if whole else \
                   ("float_type", "Input should be a valid number", {})
        if low is not None and v < low:
            return "greater_than_equal", f"Input should be greater than or equal to {low}", {"ge": low}
        if high is not None and v > high:
            return "less_than_equal", f"Input should be less than or equal to {high}", {"le": high}
        return None
    return check


def integer(low=None, high=None):
    return number(low, high, whole=True)


def flag(v, service):
    return None if isinstance(v, bool) else ("bool_type", "Input should be a valid boolean", {})


def one_of(*values):
    def check(v, service):
        if type(v) in (type(x) for x in values) and v in values:
            return None
        listed = " or ".join(repr(x) for x in values)
        return "literal_error", f"Input should be {listed}", {"expected": listed}
    return check


def image(data_uri=True, mimes=("image/png", "image/jpeg", "image/webp"), most=10 << 20):
    """An address of an image: of an upload to this service, or anywhere on https, or the bytes in a data URI."""
    def picture(data, mime):
        if not is_picture(data) or mime not in mimes:
            return "image_load_error", "Could not load the image", {}
        return ("file_too_large", "The file is too large", {"max_size": most}) if len(data) > most else None

    def check(v, service):
        if not isinstance(v, str):
            return "string_type", "Input should be a valid string", {}
        if v.startswith("data:"):
            head, _, rest = v.partition(",")
            if not data_uri or not head.endswith(";base64"):
                return "url_scheme", "URL scheme should be 'http' or 'https'", {}
            try:
                return picture(base64.b64decode(rest, validate=True), head[5:-7])
            except (ValueError, binascii.Error):
                return "image_load_error", "Could not decode the image", {}
        if v in service.uploads:
            return picture(*service.uploads[v])
        return None if v.startswith("https://") else ("file_download_error", "Failed to download the file", {})
    return check


def list_of(check_one, most, least=1):
    def check(v, service):
        if not isinstance(v, list):
            return "list_type", "Input should be a valid list", {}
        if not least <= len(v) <= most:
            return "too_long", f"List should have {least} to {most} items", {"max_length": most}
        return next((bad for bad in (check_one(x, service) for x in v) if bad), None)
    return check


def anything(v, service):
    return None


def problems(fields, required, body, service):
    """[(name, type, words, context)] of everything that is wrong with the body."""
    out = [(name, "missing", "Field required", {}) for name in required if name not in body]
    for name, value in body.items():
        bad = fields[name](value, service) if name in fields else \
            ("extra_forbidden", "Extra inputs are not permitted", {})
        if bad:
            out.append((name, *bad))
    return out
