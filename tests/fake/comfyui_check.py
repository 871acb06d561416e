"""Says no to a workflow where ComfyUI does: classes, links, required inputs, types, limits, choices. Stricter in
one thing: a number that is written as a text is refused, where the server would read it as a number."""
from comfyui_nodes import NODES


class Invalid(Exception):
    def __init__(self, type, message, details="", extra=None, nodes=None):
        super().__init__(message)
        self.body = {"error": {"type": type, "message": message, "details": details, "extra_info": extra or {}},
                     "node_errors": nodes or {}}


def wrong(type, message, name, details=None, **extra):
    return {"type": type, "message": message, "details": details if details is not None else name,
            "extra_info": {"input_name": name, **extra}}


def is_link(v):
    return isinstance(v, list)


class Graph:
    def __init__(self, nodes, inputs):
        self.nodes, self.files = nodes, inputs
        self.found = {}  # node id -> its errors
        self.on_way = set()

    def link(self, name, v, wanted):
        if len(v) != 2 or not isinstance(v[0], str) or isinstance(v[1], bool) or not isinstance(v[1], int):
            return wrong("bad_linked_input", "Bad linked input, must be a length-2 list of [node_id, slot_index]", name,
                         received_value=v)
        source = self.nodes.get(v[0])
        if source is None:
            return wrong("exception_during_validation", "Exception when validating node", name, f"KeyError: '{v[0]}'")
        gives = NODES[source["class_type"]].gives
        if not 0 <= v[1] < len(gives):
            return wrong("exception_during_validation", "Exception when validating inner node", name, "tuple index out of range")
        kind = wanted if isinstance(wanted, str) else "COMBO"
        if gives[v[1]] != kind:
            return wrong("return_type_mismatch", "Return type mismatch between linked nodes", name,
                         f"{name}, received_type({gives[v[1]]}) mismatch input_type({kind})")
        return None

    def number(self, name, v, kind, options):
        right = int if kind == "INT" else (int, float)
        if isinstance(v, bool) or not isinstance(v, right):
            return wrong("invalid_input_type", f"Failed to convert an input value to a {kind} value", name,
                         f"{name}, {v}, invalid literal", received_value=v)
        if v < options.get("min", v):
            return wrong("value_smaller_than_min", f"Value {v} smaller than min of {options['min']}", name, received_value=v)
        if v > options.get("max", v):
            return wrong("value_bigger_than_max", f"Value {v} bigger than max of {options['max']}", name, received_value=v)
        return None

    def value(self, name, v, kind, options):
        if isinstance(kind, list):
            if v in kind:
                return None
            return wrong("value_not_in_list", "Value not in list", name, f"{name}: '{v}' not in {kind}", received_value=v)
        if kind in ("INT", "FLOAT"):
            return self.number(name, v, kind, options)
        if kind == "INPUT_FILE":
            return None if v in self.files else wrong("custom_validation_failed", "Custom validation failed for node", name,
                                                      f"{name} - Invalid image file: {v}")
        if kind == "STRING":
            return None if isinstance(v, str) else wrong("invalid_input_type", "Failed to convert an input value to a STRING value",
                                                         name, f"{name}, {v}, not a text")
        return wrong("bad_linked_input", "Bad linked input, must be a length-2 list of [node_id, slot_index]", name)

    def node(self, id):
        """Errors of a node and of all that it needs."""
        if id in self.found or id in self.on_way:
            return bool(self.found.get(id))
        self.on_way.add(id)
        node, errors, below = self.nodes[id], [], False
        cls = NODES[node["class_type"]]
        for name, (kind, options) in {**cls.required, **cls.optional}.items():
            if name not in node["inputs"]:
                if name in cls.required:
                    errors.append(wrong("required_input_missing", "Required input is missing", name))
                continue
            v = node["inputs"][name]
            e = self.link(name, v, kind) if is_link(v) else self.value(name, v, kind, options)
            if e:
                errors.append(e)
            elif is_link(v):
                below |= self.node(v[0])
        self.on_way.discard(id)
        self.found[id] = errors
        return bool(errors) or below


def check(nodes, inputs):
    """Which output nodes are good, and {node id: errors} of the others. Raises Invalid."""
    if not isinstance(nodes, dict):
        raise Invalid("no_prompt", "No prompt provided", "No prompt provided")
    outputs = []
    for id, node in nodes.items():
        cls = node.get("class_type") if isinstance(node, dict) else None
        if not isinstance(cls, str):
            raise Invalid("missing_node_type", "Cannot execute because a node is missing the class_type property.",
                          f"Node ID '#{id}'")
        if cls not in NODES:
            raise Invalid("missing_node_type", f"Node '{node.get('_meta', {}).get('title', cls)}' not found. The custom node may "
                          "not be installed.", f"Node ID '#{id}'", {"node_id": id, "class_type": cls, "node_title": cls})
        if not isinstance(node.get("inputs"), dict):
            raise Invalid("invalid_prompt", "inputs must be a dict", f"Node ID '#{id}'")
        if NODES[cls].output:
            outputs.append(id)
    if not outputs:
        raise Invalid("prompt_no_outputs", "Prompt has no outputs")
    graph = Graph(nodes, inputs)
    good = [id for id in outputs if not graph.node(id)]
    bad = {id: {"errors": e, "dependent_outputs": [o for o in outputs if o not in good],
                "class_type": nodes[id]["class_type"]} for id, e in graph.found.items() if e}
    if not good:
        raise Invalid("prompt_outputs_failed_validation", "Prompt outputs failed validation", "", nodes=bad)
    return good, bad
