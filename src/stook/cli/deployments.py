"""`stook deployments`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from stook.cli.options import ANYWHERE, Json, Reach
from stook.core.hosted import Dialect

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.cli.reach import Reached
    from stook.core.deployment import AppVersion, Deployment

__all__ = ["deployments"]


def deployments(
    deployment: Annotated[str | None, Parameter(help="This one alone: its id.")] = None,
    /,
    *,
    app: Annotated[str | None, Parameter(help="Those that hold this app.")] = None,
    label: Annotated[str | None, Parameter(help="Those deployed under this label.")] = None,
    dialect: Annotated[Dialect | None, Parameter(help="Those of one kind of code.")] = None,
    limit: Annotated[int, Parameter(help="So many at most.")] = 50,
    apps: Annotated[bool, Parameter(help="Show who has which label now, and the tasks to submit to.")] = False,
    delete: Annotated[bool, Parameter(help="Delete the one that is named; what waits for it is cancelled.")] = False,
    where: Reach = ANYWHERE,
    as_json: Json = False,
) -> int:
    """List deployments, newest first; show or delete one."""
    from stook.cli.reach import in_reach

    _check(deployment, limit, narrowed=any((app, label, dialect)), apps=apps, delete=delete)
    filters = {"app": app, "label": label, "dialect": dialect}

    async def found(session: Reached) -> Sequence[Deployment | AppVersion]:
        from stook.cli.deployment_reach import deployments_of

        inner = deployments_of(session)
        if delete and deployment is not None:
            await inner.delete(deployment)
            return []
        if deployment is not None:
            return [await inner.get(deployment)]
        rows: list[Deployment | AppVersion] = []
        async for one in inner.apps(**filters) if apps else inner.list(**filters):  # type: ignore[arg-type]
            if len(rows) == limit:
                break
            rows.append(one)
        return rows

    _show(in_reach(where, found), one=deployment is not None, deleted=delete, as_json=as_json)
    return 0


def _check(deployment: str | None, limit: int, *, narrowed: bool, apps: bool, delete: bool) -> None:
    from stook.core.errors import OptionError

    if limit < 1:
        raise OptionError(f"--limit {limit} is not a whole number ≥ 1")
    if delete and deployment is None:
        raise OptionError("--delete: which one?", hint="name it by its id; `stook deployments` lists those there are")
    if deployment is not None and (narrowed or apps):
        raise OptionError("one deployment is named: nothing is left to choose", hint="leave out the id")


def _show(rows: Sequence[Deployment | AppVersion], *, one: bool, deleted: bool, as_json: bool) -> None:
    from stook.cli.deployment_tables import (
        app_table,
        deployment_document,
        deployment_table,
        draw_deployment,
        version_document,
    )
    from stook.cli.documents import print_document
    from stook.cli.tables import console_for
    from stook.core.deployment import Deployment

    found = [row for row in rows if isinstance(row, Deployment)]
    versions = [row for row in rows if not isinstance(row, Deployment)]
    if as_json:
        for row in found:
            print_document(deployment_document(row))
        for version in versions:
            print_document(version_document(version))
    elif one and found:
        draw_deployment(found[0])
    elif found:
        console_for(sys.stdout).print(deployment_table(found))
    elif versions:
        console_for(sys.stdout).print(app_table(versions))
    else:
        print("deleted" if deleted else "nothing is deployed")
