"""A trained model as bytes: what is refused. That every model's parts survive is among the common checks."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.taste import TrainedModel
from eachwise.recommend import decode_trained, encode_trained


def model(array: object, weight: float = 1.0) -> TrainedModel:
    return TrainedModel(
        version=1,
        item_ids=("a", "b"),
        row_of={"a": 0, "b": 1},
        parts={"trend": {"shares": np.asarray(array)}},
        blend={"trend.popular": weight},
        report={"repeats": False},
    )


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=np.float32).reshape(2, 3),
        np.arange(3, dtype=">i4"),
        np.array(2.5),
        np.zeros((0, 4), np.int64),
        np.array([True, False]),
        np.array([1.5], np.float16),
    ],
)
def test_arrays_of_numbers_come_back(array: np.ndarray) -> None:
    found = decode_trained(encode_trained(model(array))).parts["trend"]["shares"]
    assert found.shape == array.shape
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("array", [np.array(["text"]), np.array([object()])])
def test_anything_but_numbers_is_not_written(array: np.ndarray) -> None:
    with pytest.raises(InvalidInput, match=r"trend\.shares has dtype"):
        encode_trained(model(array))


def test_other_bytes_are_refused() -> None:
    body = encode_trained(model([1.0, 2.0]))
    for broken in (b"", b"nothing", body[:-3]):
        with pytest.raises(InvalidInput, match="trained model"):
            decode_trained(broken)


@pytest.mark.parametrize(
    ("place", "changed", "words"),
    [
        (0, 99, "format 99"),
        (3, {"trend": {"shares": ["<f8", [3], b"\0" * 16]}}, "16 bytes, not"),
        (3, {"trend": {"shares": ["<f8", [-2], b"\0" * 16]}}, "bytes, not"),
        (3, {"trend": {"shares": ["|O", [1], b"\0" * 8]}}, "dtype '|O'"),
        (3, {"trend": {"shares": ["nonsense", [1], b"\0" * 8]}}, "dtype 'nonsense'"),
        (4, {"trend.popular": float("nan")}, "not finite"),
    ],
)
def test_a_body_that_lies_is_refused(place: int, changed: object, words: str) -> None:
    wire = msgspec.msgpack.decode(encode_trained(model([1.0, 2.0])))
    wire[place] = changed
    with pytest.raises(InvalidInput) as refused:
        decode_trained(msgspec.msgpack.encode(wire))
    assert words in str(refused.value)
