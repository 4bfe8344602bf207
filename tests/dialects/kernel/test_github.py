"""Deployments of repositories, fetched from a server that speaks as GitHub's API does."""

from __future__ import annotations

import asyncio
import hashlib
import http.server
import io
import threading
import zipfile

import pytest

from stook.hosting.github_source import GithubSources, SourceNotFetched, repository_of

API = "https://api.github.com"


@pytest.fixture(scope="module")
def github():
    """Serves one repository, `acme/shop`, whose ref `secret` takes a token, `moved` leads elsewhere."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("acme-shop-1234/", "")
        made.writestr("acme-shop-1234/README.md", "hello")
        made.writestr("acme-shop-1234/src/main.py", "x = 1")
        made.writestr("acme-shop-1234/src/deep/more.py", "y = 2")
    content = archive.getvalue()
    asked = []

    class Api(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            bearer = self.headers.get("authorization")
            asked.append((self.path, bearer))
            ref = self.path.removeprefix("/repos/acme/shop/zipball/")
            if ref == "secret" and bearer != "Bearer t0ken":
                self.send_error(404)
            elif ref == "moved":
                self.send_response(302)
                self.send_header("location", f"http://localhost:{self.server.server_port}/repos/acme/shop/zipball/main")
                self.send_header("content-length", "0")
                self.end_headers()
            elif ref in ("main", "secret", "feat%2Fx"):
                self.send_response(200)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
            else:
                self.send_error(404)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        server.url, server.content, server.asked = f"http://127.0.0.1:{server.server_port}", content, asked
        yield server
        server.shutdown()


def fetched(github, folder, *, ref="main", path="", token=None, most=10**6, url="https://github.com/acme/shop"):
    to = folder / "a.zip"
    checksum = asyncio.run(GithubSources(github.url, most).fetch(url, ref, path, token, to))
    assert sorted(one.name for one in folder.iterdir()) == ["a.zip"]
    with zipfile.ZipFile(to) as archive:
        return checksum, {one: archive.read(one).decode() for one in archive.namelist() if not one.endswith("/")}


def test_a_repository_is_packed_from_the_folder_that_is_asked_for(github, tmp_path):
    checksum, files = fetched(github, tmp_path)
    assert checksum == hashlib.sha256(github.content).hexdigest()
    assert files == {"README.md": "hello", "src/main.py": "x = 1", "src/deep/more.py": "y = 2"}
    for path in ("src", "/src/", "./src"):
        (tmp_path / "a.zip").unlink()
        assert fetched(github, tmp_path, path=path, ref="feat/x")[1] == {"main.py": "x = 1", "deep/more.py": "y = 2"}


def test_a_token_goes_to_the_api_and_no_further(github, tmp_path):
    fetched(github, tmp_path, ref="secret", token="t0ken")
    del github.asked[:]
    (tmp_path / "a.zip").unlink()
    fetched(github, tmp_path, ref="moved", token="t0ken")
    assert [token for _, token in github.asked] == ["Bearer t0ken", None]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"ref": "nothing"}, "no such repository or ref"),
        ({"ref": "secret", "token": "wrong"}, "no such repository or ref"),
        ({"ref": "../x"}, "no branch, tag or commit"),
        ({"path": "nowhere"}, "nothing in the folder"),
        ({"path": "../.."}, "leads out"),
        ({"most": 50}, "more than 50 bytes"),
        ({"url": "https://example.com/acme/shop"}, "no repository like"),
    ],
)
def test_what_cannot_be_fetched_is_said_without_the_token(github, tmp_path, given, words):
    with pytest.raises(SourceNotFetched) as refused:
        fetched(github, tmp_path, **given)
    assert words in refused.value.message
    assert "wrong" not in refused.value.message


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://github.com/a/b", ("a", "b")),
        ("https://github.com/a/b.git", ("a", "b")),
        ("https://api.github.com/a/b/", ("a", "b")),
        ("https://github.com/a", None),
        ("https://github.com/a/b/tree/main", None),
        ("ftp://github.com/a/b", None),
        ("https://evil.com/a/b", None),
        ("https://github.com/a/b?x=1@evil", ("a", "b")),
        ("https://github.com/a b/c", None),
        ("nothing", None),
    ],
)
def test_addresses_of_repositories(url, found):
    assert repository_of(url, API) == found


@pytest.fixture
def sources(kernel, github):
    services = kernel.services
    services.sources = GithubSources(github.url, 10**6)
    yield services
    services.sources = None


def deploy(kernel, **source):
    given = {"type": "github", "url": "https://github.com/acme/shop", "ref": "main", "entrypoint": "main.py"} | source
    form = {f"source[{name}]": value for name, value in given.items()}
    # A part that is no file, so that this is sent as multipart/form-data.
    return kernel.client.post("/deployments", data=form, files={"version": (None, "v1")})


def test_a_repository_is_deployed(kernel, github, sources):
    answer = deploy(kernel, path="src", **{"auth][method": "github_token", "auth][token": "t0ken"})
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert "t0ken" not in answer.text
    assert {name: made[name] for name in made if name.startswith(("source", "entry", "status"))} == {
        "status": "queued",
        "entrypoint_rel_path": "main.py",
        "source_type": "github",
        "source_url": "https://github.com/acme/shop",
        "source_ref": "main",
        "source_path": "src",
        "source_checksum": hashlib.sha256(github.content).hexdigest(),
    }
    kernel.fail("enough")


def test_a_repository_that_cannot_be_fetched_is_a_failed_deployment(kernel, sources):
    made = deploy(kernel, ref="nothing").json()
    assert made["status"] == "failed"
    assert "no such repository or ref" in made["status_reason"]
    assert [one["event"] for one in kernel.events(f"/deployments/{made['id']}/events")] == ["deployment_state"]
    assert deploy(kernel, entrypoint="other.py", path="src").status_code == 400


def test_an_operator_may_switch_repositories_off(kernel):
    kernel.services.sources = None
    answer = deploy(kernel)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
    assert kernel.client.get("/deployments").json() == []
