"""Secrets at rest: keys of the environment, the key file beside a store, and what happens without either."""

from __future__ import annotations

import multiprocessing
import os
import stat

import pytest

from stook.config.settings import read_settings
from stook.core.errors import ConfigError, NoEncryptionKey, SecretUnreadable
from stook.webhooks.sealer import new_encryption_key, sealer_for
from stook.wiring.webhooks import sealer_of

SECRET = b"whsec_of an endpoint"


def test_what_is_sealed_is_opened_and_does_not_show_it():
    sealer = sealer_for(new_encryption_key(), None)
    sealed = sealer.seal(SECRET)
    assert sealer.open(sealed) == SECRET
    assert SECRET not in sealed
    assert sealed != sealer.seal(SECRET)


def test_the_first_key_seals_and_every_one_opens():
    old, new = new_encryption_key(), new_encryption_key()
    sealed = sealer_for(old, None).seal(SECRET)
    both = sealer_for(f"{new}, {old},", None)
    assert both.open(sealed) == SECRET
    assert sealer_for(new, None).open(both.seal(SECRET)) == SECRET
    with pytest.raises(SecretUnreadable, match="no key in STOOK_ENCRYPTION_KEY opens this secret"):
        sealer_for(new, None).open(sealed)


@pytest.mark.parametrize("bad", ["hunter2-hunter2", "a" * 44, new_encryption_key()[:-2]], ids=["word", "a", "short"])
def test_a_key_that_is_none_is_refused_and_not_repeated(bad):
    if bad == "a" * 44:
        bad = "ä" * 44
    with pytest.raises(ConfigError, match="STOOK_ENCRYPTION_KEY holds something that is no encryption key") as caught:
        sealer_for(f"{new_encryption_key()},{bad}", None)
    assert bad not in str(caught.value)
    assert caught.value.__cause__ is None


def test_without_a_key_and_a_file_nothing_is_sealed():
    sealer = sealer_for("", None)
    with pytest.raises(NoEncryptionKey, match="set STOOK_ENCRYPTION_KEY"):
        sealer.seal(SECRET)
    with pytest.raises(SecretUnreadable):
        sealer.open(b"sealed")


# --------------------------------------------------------------------------------------------------------- the file


def test_the_file_is_made_when_something_is_sealed_and_is_its_owners(tmp_path):
    file = tmp_path / "stook.db.key"
    sealer = sealer_for("", file)
    with pytest.raises(SecretUnreadable, match="is gone"):
        sealer.open(b"sealed")
    assert not file.exists()
    sealed = sealer.seal(SECRET)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert sealer_for("", file).open(sealed) == SECRET
    assert [one.name for one in tmp_path.iterdir()] == ["stook.db.key"]


def test_a_key_in_front_seals_from_then_on_and_the_old_one_still_opens(tmp_path):
    file = tmp_path / "stook.db.key"
    sealed = sealer_for("", file).seal(SECRET)
    new = new_encryption_key()
    file.write_text(f"{new}\n{file.read_text()}")
    assert sealer_for("", file).open(sealed) == SECRET
    assert sealer_for(new, None).open(sealer_for("", file).seal(SECRET)) == SECRET


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        (None, 0o644, r"is open to others \(mode 644\) \(chmod 600 "),
        (None, 0o640, r"is open to others \(mode 640\)"),
        (b"", 0o600, "is empty"),
        (b"garbage", 0o600, "holds something that is no encryption key"),
        (b"\xff\x00\xfe", 0o600, "holds something that is no encryption key"),
    ],
    ids=["world", "group", "empty", "garbage", "bytes"],
)
def test_a_file_that_cannot_be_trusted_is_refused(tmp_path, content, mode, said):
    file = tmp_path / "stook.db.key"
    file.write_bytes(new_encryption_key().encode() if content is None else content)
    file.chmod(mode)
    before = file.read_bytes()
    for use in (lambda: sealer_for("", file).seal(SECRET), lambda: sealer_for("", file).open(b"sealed")):
        with pytest.raises(ConfigError, match=said):
            use()
    assert file.read_bytes() == before


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="who may do anything is refused nothing")
def test_a_folder_that_takes_no_file_is_said(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(NoEncryptionKey, match="cannot be made"):
        sealer_for("", tmp_path / "stook.db.key").seal(SECRET)
    tmp_path.chmod(0o700)


def _seal(file, gate, answers):
    gate.wait()
    answers.put(sealer_for("", file).seal(SECRET))


def test_of_several_that_make_it_at_once_one_wins(tmp_path):
    context = multiprocessing.get_context("spawn")
    gate, answers = context.Barrier(4), context.Queue()
    crew = [context.Process(target=_seal, args=(tmp_path / "k", gate, answers)) for _ in range(4)]
    for one in crew:
        one.start()
    sealed = [answers.get(timeout=60) for _ in crew]
    for one in crew:
        one.join()
    assert {sealer_for("", tmp_path / "k").open(one) for one in sealed} == {SECRET}


class Store:
    def __init__(self, url):
        self.url = url


def test_an_embedded_store_has_the_file_beside_it_and_a_server_none(tmp_path):
    sealer_of(read_settings({}), Store(f"sqlite:///{tmp_path}/a.db")).seal(SECRET)
    assert (tmp_path / "a.db.key").exists()
    with pytest.raises(NoEncryptionKey):
        sealer_of(read_settings({}), Store("postgresql://host/db")).seal(SECRET)
    settings = read_settings({"STOOK_ENCRYPTION_KEY": new_encryption_key()})
    assert sealer_of(settings, Store("postgresql://host/db")).seal(SECRET)
    sealer_of(settings, Store(f"sqlite:///{tmp_path}/b.db")).seal(SECRET)
    assert not (tmp_path / "b.db.key").exists()
