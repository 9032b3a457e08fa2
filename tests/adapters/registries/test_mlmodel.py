"""Signatures out of MLmodel files as MLflow writes them, and out of what is none."""

from __future__ import annotations

import pytest

from rollout_adapters.registries.mlmodel import signature
from rolloutd.ports import Field

FOLDED = """flavors:
  python_function:
    env: conda.yaml
model_id: m-1
signature:
  inputs: '[{"type": "double", "name": "age", "required": true}, {"type": "string",
    "name": "it''s", "required": false}, {"type": "tensor", "tensor-spec": {"dtype":
    "float32", "shape": [-1, 3]}}]'
  outputs: '[{"type": "long", "required": true}]'
  params: null
type_hint_from_example: false
"""


def test_a_folded_signature_is_read_whole() -> None:
    """Names, types with their shapes, what may be left out; a nameless one is its number."""
    found = signature(FOLDED)
    assert found is not None
    assert found.inputs["age"] == Field("double")
    assert found.inputs["it's"] == Field("string", required=False)
    assert found.inputs["2"].type == 'tensor {"tensor-spec": {"dtype": "float32", "shape": [-1, 3]}}'
    assert found.outputs == {"0": Field("long")}


@pytest.mark.parametrize(
    "text",
    ["", "signature:\n", "\nsignature:\n  inputs: null\n", "\nsignature:\n  inputs: '[{'\n",
     "\nsignature:\n  inputs: '{}'\n", "\nsignature:\n  inputs: '[1]'\n", "\nsignature:\n  inputs: [a]\n",
     "x" * 100_000],
)  # fmt: skip
def test_what_is_none_is_none(text: str) -> None:
    """I3: nothing is made up."""
    assert signature(text) is None
