"""Names of layers, such as "dense_3", which Keras counts in a process."""

from __future__ import annotations

import re
from typing import Any

HOLD_NAMES = ("name", "keras_history", "input_layers", "output_layers")


def with_names_of_its_own(config: Any) -> Any:
    """A model's configuration, with such names counted from the first one in this model."""
    return _renamed(config, _new_names(config))


def _new_names(config: Any) -> dict[str, str]:
    counts: dict[str, int] = {}
    names: dict[str, str] = {}

    def visit(config: Any) -> None:
        if isinstance(config, (list, tuple)):
            for one in config:
                visit(one)
        elif isinstance(config, dict):
            settings = config.get("config")
            name = settings.get("name") if isinstance(settings, dict) else None
            name = name or config.get("name")  # of layers whose configuration has none
            base = _snake(str(config.get("class_name")))
            if isinstance(name, str) and re.sub(r"_\d+$", "", name) == base:
                counts[base] = counts.get(base, -1) + 1
                names[name] = f"{base}_{counts[base]}" if counts[base] else base
            for one in config.values():
                visit(one)

    visit(config)
    return names


def _snake(name: str) -> str:
    """A class's name as Keras makes the names of layers from it."""
    name = re.sub("(.)([A-Z][a-z0-9]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def _renamed(config: Any, names: dict[str, str], *, is_name: bool = False) -> Any:
    if isinstance(config, dict):
        return {
            key: _renamed(value, names, is_name=is_name or key in HOLD_NAMES)
            for key, value in config.items()
        }
    if isinstance(config, (list, tuple)):
        return [_renamed(one, names, is_name=is_name) for one in config]
    return names.get(config, config) if is_name and isinstance(config, str) else config
