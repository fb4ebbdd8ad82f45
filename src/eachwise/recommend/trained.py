"""A trained model as bytes."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.taste import Parts, TrainedModel

_FORMAT = 1
# Booleans, integers and floats: nothing that could hold an object.
_KINDS = "biuf"


class _Array(msgspec.Struct, frozen=True, array_like=True):
    """One array: its dtype as numpy writes it ("<f4"), its shape, its bytes in C order."""

    dtype: str
    shape: tuple[int, ...]
    body: bytes


class _Wire(msgspec.Struct, frozen=True, array_like=True):
    """A trained model, little-endian."""

    format: int
    version: int
    item_ids: tuple[str, ...]
    parts: dict[str, dict[str, _Array]]
    blend: dict[str, float]
    report: dict[str, Any]


def encode_trained(model: TrainedModel) -> bytes:
    """The model as msgpack. Raises ``InvalidInput`` where a part holds anything but numbers."""
    wire = _Wire(
        format=_FORMAT,
        version=model.version,
        item_ids=model.item_ids,
        parts={
            name: {part: _packed(f"{name}.{part}", array) for part, array in parts.items()}
            for name, parts in model.parts.items()
        },
        blend=model.blend,
        report=model.report,
    )
    return msgspec.msgpack.encode(wire)


def decode_trained(body: bytes) -> TrainedModel:
    """The model that was encoded, its arrays read-only views of ``body``. Raises ``InvalidInput`` on other bytes."""
    try:
        wire = msgspec.msgpack.decode(body, type=_Wire)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise InvalidInput(f"trained model: {error}", field="model") from None
    if wire.format != _FORMAT:
        raise InvalidInput(f"trained model: format {wire.format}, not {_FORMAT}", field="model")
    parts: dict[str, Parts] = {
        name: {part: _unpacked(f"{name}.{part}", array) for part, array in arrays.items()}
        for name, arrays in wire.parts.items()
    }
    if not all(math.isfinite(weight) for weight in wire.blend.values()):
        raise InvalidInput("trained model: a weight of the blend is not finite", field="model")
    return TrainedModel(
        version=wire.version,
        item_ids=wire.item_ids,
        row_of={item_id: row for row, item_id in enumerate(wire.item_ids)},
        parts=parts,
        blend=wire.blend,
        report=wire.report,
    )


def _packed(name: str, array: NDArray[Any]) -> _Array:
    if array.dtype.kind not in _KINDS:
        raise InvalidInput(f"trained model: {name} has dtype {array.dtype}", field="model")
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return _Array(little.dtype.str, array.shape, little.tobytes())


def _unpacked(name: str, array: _Array) -> NDArray[Any]:
    try:
        dtype = np.dtype(array.dtype)
    except TypeError:
        dtype = np.dtype(object)
    if dtype.kind not in _KINDS:
        raise InvalidInput(f"trained model: {name} has dtype {array.dtype!r}", field="model")
    size = math.prod(array.shape)
    if min(array.shape, default=0) < 0 or size * dtype.itemsize != len(array.body):
        raise InvalidInput(
            f"trained model: {name} has {len(array.body)} bytes, not {array.shape} of {array.dtype}",
            field="model",
        )
    return np.frombuffer(array.body, dtype=dtype).reshape(array.shape)
