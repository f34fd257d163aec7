"""The config.json that a GGUF stands for."""

from __future__ import annotations

from qz_import.config import Config
from qz_import.decoder import Decoder
from qz_import.errors import ImportFailure
from qz_import.families import Family, families, family_of
from qz_import.files import parse_json_object
from qz_import.gguf_architecture import Architecture, Described, Values, size_keys
from qz_import.gguf_rope import read_rope_keys

# The model's own config.json, where keys do not say all of it.
CONFIG = "qzc.config"


def readers() -> dict[str, Family]:
    """The family that a file of an architecture is read as."""
    return {f.gguf.name: f for f in families() if f.gguf and f.reads_gguf}


def config_by_keys(file: Described, family: Family, architecture: Architecture) -> Values:
    """config.json by the architecture's keys and the tensors that are there."""
    keys = family.keys
    if "token_embd.weight" not in file.shapes or len(file.shapes["token_embd.weight"]) != 2:
        raise ImportFailure(
            f"{file.meta.where}: missing tensor 'token_embd.weight' with a row a token"
        )
    config: Values = {
        "model_type": family.model_type,
        "vocab_size": file.shapes["token_embd.weight"][0],
        "tie_word_embeddings": "output.weight" not in file.shapes,
        keys.context: file.meta.integer(file.key("context_length")),
    }
    for key in (*size_keys(keys), *architecture.keys):
        value = key.read(file, config)
        if key.config and config.setdefault(key.config, value) != value:
            raise file.fail(key.name, f"{value} is not {key.config} {config[key.config]}")
    config |= architecture.given
    config |= {flag: name in file.shapes for flag, name in architecture.present.items()}
    if architecture.is_rotary:
        heads = max(config[keys.heads], 1)
        head_dim = config.get(keys.head_dim) or config[keys.hidden] // heads
        config |= read_rope_keys(file, head_dim, architecture.is_partial)
    return config | architecture.read(file, config)


def _own_config(file: Described) -> Values:
    text = file.meta.text(CONFIG)
    config = parse_json_object(text.encode(), f"{file.meta.where}: {CONFIG}")
    return config | {"tie_word_embeddings": "output.weight" not in file.shapes}


def read_config(file: Described) -> tuple[Values, Decoder, Architecture | None]:
    """config.json, the model that it stands for, and whose names and order of rows the file has:
    None for those of no architecture of llama.cpp's."""
    name, where = file.architecture, file.meta.where
    known = readers()
    if file.meta.has(CONFIG):
        config = _own_config(file)
        family = family_of(Config(config, f"{where}: {CONFIG}"))
        architecture = family.gguf if family.gguf and family.gguf.name == name else None
    elif name in known:
        family = known[name]
        architecture = family.gguf
        config = config_by_keys(file, family, architecture)
    else:
        raise ImportFailure(
            f"{where}: general.architecture is {name!r}, which is unknown (known: "
            f"{', '.join(sorted(known))})"
        )
    decoder = family.decoder(Config(config, where, family.known))
    return config, decoder, architecture
