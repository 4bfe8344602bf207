"""What an app needs is read, looked for, installed once, and shared."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import msgspec
import pytest

from stook.core.deployment import Deployment
from stook.hosting.building import READY, Building, EnvironmentFailed, install_env, made_once
from stook.hosting.dialects import command_for
from stook.hosting.launch import bootstrap_file
from stook.hosting.python_environment import python_for
from stook.hosting.python_needs import read_python_needs
from stook.hosting.requirements_met import are_met, python_fits
from stook.hosting.tidy import KEPT, tidy
from tests.hosting.code import write

PROJECT = '[project]\nname = "x"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["{}"]\n'

DEPLOYMENT = {
    **dict.fromkeys(("id", "project", "label", "entrypoint", "checksum"), ""),
    "dialect": "stook",
    "runtime": "python",
    "state": "queued",
    "reason": None,
    "force": False,
    "source": {},
    "archive_bytes": 0,
    "env_names": [],
    "facts": {},
    "created_at": 0,
    "updated_at": 0,
    "running_at": None,
    "deleted": False,
}


def wheel(folder, name, version, *requires):
    """A real one, made by hand."""
    folder.mkdir(exist_ok=True)
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {one}\n" for one in requires)
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{name}.py", f"version = {version!r}\n")
        archive.writestr(f"{info}/METADATA", metadata)
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return folder


def python_of(tmp_path, root, *, default=(), **how):
    said = []
    building = Building(tmp_path / "made", **{"no_index": True} | how)
    made = asyncio.run(python_for(root, default=default, building=building, say=said.append, unique="unique"))
    return made, said


def ask(python, code):
    return subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True).stdout.strip()


# ---------------------------------------------------------------------------------------------------- what is asked for


def test_what_is_asked_for_is_read_from_the_files_there_are(tmp_path):
    def read(name, default=("kernel",), **files):
        return read_python_needs(write(tmp_path / name, **files), default)

    project = '[project]\nname = "x"\nrequires-python = ">=3.11"\ndependencies = ["a>=1", "b"]\n'
    lock = 'version = 1\n[[package]]\nname = "a"\nversion = "1.5"\nsource = { registry = "https://x" }\n'
    nothing = read("nothing", x_dot_py="")
    plain = read("plain", pyproject_dot_toml=project)
    locked = read("locked", pyproject_dot_toml=project, uv_dot_lock=lock)
    listed = read("listed", requirements_dot_txt="-r more.txt\na # comment\n\n--pre\n", more_dot_txt="b==2\n")
    assert nothing.requirements == ("kernel",)
    assert (plain.requirements, plain.python, plain.has_lock) == (("a>=1", "b"), ">=3.11", False)
    assert (locked.locked, locked.has_lock) == ({"a": "1.5"}, True)
    assert (listed.requirements, listed.file) == (("b==2", "a"), "requirements.txt")
    assert len({one.digest for one in (nothing, plain, locked, listed)}) == 4
    assert read("again", pyproject_dot_toml=project).digest == plain.digest
    assert read("more", requirements_dot_txt="-r more.txt\na # comment\n\n--pre\n", more_dot_txt="b==3\n") != listed
    assert read("local", requirements_dot_txt="./beside\n").local
    assert not listed.local


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"pyproject_dot_toml": "[project"}, r"pyproject\.toml is no TOML"),
        ({"pyproject_dot_toml": "[project]\ndependencies = 1"}, "no list of texts"),
        ({"requirements_dot_txt": "-r nowhere.txt"}, r"nowhere\.txt cannot be read"),
        ({"requirements_dot_txt": "-r ../../../etc/passwd"}, "outside the archive"),
    ],
)
def test_files_that_cannot_be_read_say_so(tmp_path, files, message):
    with pytest.raises(EnvironmentFailed, match=message):
        read_python_needs(write(tmp_path, **files), ())


def test_what_is_installed_here_is_enough_or_not():
    assert are_met(["msgspec>=0.1", "pytest>=1,<1000", "nowhere; python_version < '3'"])
    assert not are_met(["msgspec<0.1"])
    assert not are_met(["nowhere"])
    assert not are_met(["msgspec @ https://example.com/x.whl"])
    assert not are_met(["not a requirement"])
    assert are_met(["msgspec"], {"msgspec": msgspec.__version__})
    assert not are_met(["msgspec"], {"msgspec": "0.0.1"})
    assert python_fits(">=3.11", "3.11.2")
    assert not python_fits(">=3.99", "3.11.2")


# ------------------------------------------------------------------------------------------------- what is made of it


def test_the_hosts_own_environment_is_used_where_it_has_it_all(tmp_path):
    root = write(tmp_path / "app", requirements_dot_txt="msgspec\n")
    assert python_of(tmp_path, root)[0] == Path(sys.executable)
    assert not (tmp_path / "made").exists()


def test_what_is_missing_is_installed_once_from_wheels_alone(tmp_path):
    wheels = wheel(wheel(tmp_path / "wheels", "needed", "1.5", "inner"), "inner", "2.0")
    wheel(wheels, "needed", "1.6", "inner")
    lock = 'version = 1\n[[package]]\nname = "needed"\nversion = "1.5"\nsource = { registry = "https://x" }\n'
    project = '[project]\nname = "x"\nversion = "1"\ndependencies = ["needed>=1"]\n'
    root = write(tmp_path / "app", pyproject_dot_toml=project, main_dot_py="")
    python, said = python_of(tmp_path, root, wheels=wheels)
    assert ask(python, "import needed, inner; print(needed.version, inner.version)") == "1.6 2.0"
    assert any("needed" in line for line in said)
    again, said = python_of(tmp_path, write(tmp_path / "other", pyproject_dot_toml=project), wheels=wheels)
    assert (again, said) == (python, [])
    if shutil.which("uv") is None:  # which would not take our own idea of an index
        locked = write(tmp_path / "locked", pyproject_dot_toml=project, uv_dot_lock=lock)
        python, _ = python_of(tmp_path, locked, wheels=wheels)
        assert ask(python, "import needed; print(needed.version)") == "1.5"


@pytest.mark.timeout(300)
def test_a_lock_of_uv_is_taken_at_its_word(tmp_path, hosting_folder, monkeypatch):
    """Also where the project would allow something newer by now."""

    def needs(what):
        return write(tmp_path / "app", pyproject_dot_toml=PROJECT.format(what))

    building = Building(hosting_folder)
    tool = python_for(write(tmp_path / "x", x=""), default=("uv",), building=building, say=print, unique="x")
    monkeypatch.setenv("PATH", f"{asyncio.run(tool).parent}:{os.environ['PATH']}")
    subprocess.run(["uv", "lock", "--quiet"], cwd=needs("idna==3.10"), check=True)
    made, said = python_of(tmp_path, needs("idna"), no_index=False)
    assert ask(made, "import idna; print(idna.__version__)") == "3.10"
    assert any("idna==3.10" in line for line in said)
    listed = write(tmp_path / "listed", requirements_dot_txt="idna==3.9\n")
    assert ask(python_of(tmp_path, listed, no_index=False)[0], "import idna; print(idna.__version__)") == "3.9"


def test_what_cannot_be_installed_says_what_the_installer_said_and_leaves_nothing(tmp_path):
    root = write(tmp_path / "app", requirements_dot_txt="no-such-package-anywhere==1.0\n")
    with pytest.raises(EnvironmentFailed) as caught:
        python_of(tmp_path, root)
    assert "exited with status 1" in str(caught.value)
    assert "no-such-package-anywhere" in str(caught.value)
    assert [one.suffix for one in (tmp_path / "made" / "environments").iterdir()] == [".lock"]


def test_an_installer_that_takes_too_long_is_stopped(tmp_path):
    root = write(
        tmp_path / "app",
        requirements_dot_txt="./slow\n",
        slow__setup_dot_py="import time; time.sleep(1000)",
        slow__pyproject_dot_toml='[build-system]\nrequires = []\nbuild-backend = "b"\nbackend-path = ["."]\n',
        slow__b_dot_py="import time; time.sleep(1000)",
    )
    with pytest.raises(EnvironmentFailed, match=r"took longer than 5 s"):
        python_of(tmp_path, root, seconds=5.0)


def test_a_python_that_is_not_here_is_asked_for(tmp_path):
    root = write(tmp_path / "app", pyproject_dot_toml='[project]\nrequires-python = ">=3.99"\ndependencies = []\n')
    with pytest.raises(EnvironmentFailed, match=r"requires Python >=3\.99"):
        python_of(tmp_path, root)


def test_installers_know_nothing_of_the_hosts_secrets(monkeypatch, tmp_path):
    for name in ("STOOK_KEY", "STOOK_ENCRYPTION_KEY", "AWS_SECRET_ACCESS_KEY", "PIP_INDEX_URL", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "x")
    known = install_env(tmp_path)
    assert {"PIP_INDEX_URL", "HTTPS_PROXY", "PATH"} <= set(known)
    assert not {"STOOK_KEY", "STOOK_ENCRYPTION_KEY", "AWS_SECRET_ACCESS_KEY"} & set(known)
    assert known["HOME"] == str(tmp_path)


# ------------------------------------------------------------------------------------------------------- made once


def test_a_folder_is_made_by_one_and_awaited_by_the_others(tmp_path):
    async def main():
        made = []

        async def make(place):
            made.append(place)
            await asyncio.sleep(0)
            (place / "whole").touch()

        place = tmp_path / "a" / "b"
        await asyncio.gather(*(made_once(place, make) for _ in range(5)))
        assert made == [place]
        assert (place / "whole").exists()

    asyncio.run(main())


def test_what_was_left_half_made_is_made_anew(tmp_path):
    async def main():
        async def fails(place):
            (place / "half").touch()
            raise EnvironmentFailed("no")

        async def make(place):
            (place / "whole").touch()

        place = tmp_path / "b"
        with pytest.raises(EnvironmentFailed):
            await made_once(place, fails)
        assert not place.exists()
        place.mkdir()
        (place / "half").touch()  # by a process that was killed
        await made_once(place, make)
        assert not (place / "half").exists()
        assert (place / "whole").exists()

    asyncio.run(main())


def test_what_nobody_has_used_for_long_is_removed(tmp_path):
    async def main():
        async def make(place):
            (place / "whole").touch()

        places = {name: tmp_path / "environments" / name for name in ("used", "old", "new")}
        for place in (*places.values(), tmp_path / "deployments" / "old"):
            await made_once(place, make)
        half = tmp_path / "environments" / "half"
        half.mkdir()
        long_ago = time.time() - KEPT - 60
        for place in (places["used"] / READY, places["old"] / READY, tmp_path / "deployments" / "old" / READY, half):
            os.utime(place, (long_ago, long_ago))
        gone = tidy(tmp_path, [places["used"]])
        assert sorted(place.name for place in gone) == ["half", "old", "old"]
        assert tidy(tmp_path, []) == []
        assert sorted(one.name for one in (tmp_path / "environments").iterdir() if one.is_dir()) == ["new", "used"]

    asyncio.run(main())


def test_a_program_goes_by_its_content_so_that_hosts_of_several_versions_may_share_a_folder(hosting_folder, tmp_path):
    deployment = msgspec.convert(DEPLOYMENT, Deployment)
    building = Building(hosting_folder)
    made = asyncio.run(command_for(deployment, tmp_path, building=building, say=print, programs=tmp_path))
    program = Path(made.argv[-1])
    assert program.read_bytes() == bootstrap_file("stook_python.py").read_bytes()
    assert hashlib.sha256(program.read_bytes()).hexdigest()[:16] in program.parent.name


@pytest.mark.parametrize(("kills", "made"), [(2, True), (3, False)])
def test_an_installer_that_somebody_kills_begins_again_but_not_for_ever(tmp_path, kills, made):
    begun = []

    async def make(place):
        assert list(place.iterdir()) == []
        (place / "half").touch()
        begun.append("import os; os.kill(os.getpid(), 9)" if len(begun) < kills else "")
        await Building(tmp_path).run([sys.executable, "-c", begun[-1]], cwd=place, say=print)

    async def main():
        await made_once(tmp_path / "place", make)

    if made:
        asyncio.run(main())
        assert (tmp_path / "place" / READY).exists()
    else:
        with pytest.raises(EnvironmentFailed, match="was killed by signal SIGKILL"):
            asyncio.run(main())
        assert not (tmp_path / "place").exists()
    assert len(begun) == 3
