"""A file of keys beside an embedded store, readable to its owner alone."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from typing import TYPE_CHECKING, Final

from stook.core.errors import ConfigError, NoEncryptionKey, SecretUnreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

__all__ = ["KeyFile"]

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_MOST_BYTES: Final = 4096


class KeyFile:
    """Keys stand one a line, or with commas between; the first one seals."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __str__(self) -> str:
        return str(self._path)

    def read(self) -> Sequence[str]:
        """`SecretUnreadable` if it is not there, `ConfigError` if others can read it or it holds nothing."""
        try:
            with self._path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                text = file.read(_MOST_BYTES)
        except FileNotFoundError:
            raise SecretUnreadable(
                f"the key file {self} is gone", hint="bring it back from a backup, or rotate the endpoints' secrets"
            ) from None
        except OSError as error:
            raise ConfigError(f"the key file {self} cannot be read: {error.strerror}") from None
        if os.name == "posix" and mode & _OTHERS:
            raise ConfigError(
                f"the key file {self} is open to others (mode {stat.S_IMODE(mode):03o})", hint=f"chmod 600 {self}"
            )
        keys = text.decode(errors="replace").replace(",", "\n").split()
        if not keys:
            raise ConfigError(f"the key file {self} is empty", hint="bring it back from a backup, or remove it")
        return keys

    def read_or_make(self, new_key: Callable[[], str]) -> Sequence[str]:
        """Of several that make it at once one wins, and all read that one's."""
        with contextlib.suppress(SecretUnreadable):
            return self.read()
        self._make(new_key())
        return self.read()

    def _make(self, key: str) -> None:
        """It appears whole: linked into place once its bytes are on the disk."""
        draft = self._path.with_name(f"{self._path.name}.{secrets.token_hex(8)}")
        try:
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                with os.fdopen(handle, "w") as file:
                    file.write(f"{key}\n")
                    file.flush()
                    os.fsync(file.fileno())
                with contextlib.suppress(FileExistsError):
                    os.link(draft, self._path)
            finally:
                draft.unlink(missing_ok=True)
            _sync(self._path.parent)
        except OSError as error:
            raise NoEncryptionKey(
                f"the key file {self} cannot be made: {error.strerror}", hint="or set STOOK_ENCRYPTION_KEY"
            ) from None


def _sync(folder: Path) -> None:
    """A name that is lost in a power cut would take every secret along."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
