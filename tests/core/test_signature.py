"""A challenger may ask for less and answer more; whatever a request of today lacks, or a reader would miss, is told."""

from __future__ import annotations

import pytest

from rolloutd.core.signature import Field, Signature, fits

OLD = Signature({"user": Field("long"), "age": Field("double", required=False)}, {"score": Field("double")})


@pytest.mark.parametrize(
    "new",
    [
        OLD,
        Signature({"user": Field("long")}, {"score": Field("double"), "why": Field("string")}),
        Signature({**OLD.inputs, "device": Field("string", required=False)}, OLD.outputs),
        Signature({"user": Field("long", required=False)}, OLD.outputs),
    ],
)
def test_less_asked_and_more_answered_fits(new: Signature) -> None:
    """Each serves every request of today, and every reader."""
    assert fits(OLD, new).passed


@pytest.mark.parametrize(
    ("new", "why"),
    [
        (Signature({**OLD.inputs, "device": Field("string")}, OLD.outputs), "needs input device (string), which no"),
        (Signature({"user": Field("string")}, OLD.outputs), "input user is string, and was long"),
        (Signature({"age": Field("double")}, OLD.outputs), "needs input age, which a request may leave out"),
        (Signature(OLD.inputs, {}), "output score (double) is gone"),
        (Signature(OLD.inputs, {"score": Field("long")}), "output score is long, and was double"),
        (Signature(OLD.inputs, {"score": Field("double", required=False)}), "output score may be missing"),
        (None, "no signature of the challenger"),
        (Signature({}, OLD.outputs), "no signature of the challenger"),
    ],
)
def test_what_does_not_fit_is_told(new: Signature | None, why: str) -> None:
    """I3: no signature is no pass."""
    found = fits(OLD, new)
    assert (found.answered, found.passed) == (True, False)
    assert why in found.detail
    assert not fits(None, OLD).passed
