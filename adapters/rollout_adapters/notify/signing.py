"""Signs a message by the rules of Standard Webhooks; it sends nothing."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

PREFIX = "whsec_"
KEY_MIN_BYTES = 24


def key_of(secret: str) -> bytes:
    """The signing key: base64 after ``whsec_``, else the text itself. Raises ValueError when it is too short."""
    if secret.startswith(PREFIX):
        try:
            key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
        except binascii.Error:
            raise ValueError(f"what stands after {PREFIX} is not base64") from None
    else:
        key = secret.encode()
    if len(key) < KEY_MIN_BYTES:
        raise ValueError(f"it is shorter than {KEY_MIN_BYTES} bytes")
    return key


def sign(key: bytes, message_id: str, timestamp: str, body: bytes) -> str:
    """The signature header."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return f"v1,{base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()}"
