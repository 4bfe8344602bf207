"""Fingerprints."""
import hashlib
def fingerprint(type_name: str, message: str, frame: str | None) -> str:
    return hashlib.sha256(f"{type_name}|{message}|{frame}".encode()).hexdigest()[:16]
