"""Archives, and the host's side of a served store."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile

from stook.core.deployment import Action, App
from stook.engine.hosted_code import HostedCode
from stook.wiring.webhooks import sealer_of

__all__ = ["DEPLOYMENTS", "Host", "tarred", "zipped"]

DEPLOYMENTS = "/api/v1/deployments"
CODE = {"main.py": "print('hello')\n", "lib/part.py": "x = 1\n"}


def zipped(files=None):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in (CODE if files is None else files).items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return made.getvalue()


def tarred(files=None):
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, content in (CODE if files is None else files).items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content.encode())
            archive.addfile(entry, io.BytesIO(content.encode()))
    return gzip.compress(made.getvalue(), mtime=0)


class Host:
    """Of a server under test: its calls run on the server's loop."""

    def __init__(self, served):
        session = served.session
        seal = sealer_of(session.settings, session.store)
        self.code = HostedCode(session.store, session.engine.blobs, seal)
        self._call = served.call

    def take(self):
        return self._call(self.code.take_build("h"))

    def say(self, deployment_id, *lines, **options):
        self._call(self.code.write_log(deployment_id, lines, **options))

    def publish(self, order, app="shop", *actions):
        apps = [App(app, tuple(Action(one, {"type": "object"}) for one in actions or ("pay",)))]
        return self._call(self.code.publish(order.token, apps))

    def fail(self, order, reason):
        return self._call(self.code.fail_build(order.token, reason))

    def copy(self, order, to):
        self._call(self.code.copy_archive(order.deployment, to))
        return to.read_bytes()
