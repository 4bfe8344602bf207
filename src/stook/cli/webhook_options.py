"""Options that commands about webhooks share."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter

__all__ = [
    "Batches",
    "Bearer",
    "DeliveryStateWord",
    "EndpointArgument",
    "Events",
    "Header",
    "MaxConcurrency",
    "OwnSecret",
    "Schemes",
    "Tasks",
]

DeliveryStateWord = Literal["pending", "delivering", "delivered", "failed", "dead"]
EndpointArgument = Annotated[str, Parameter(help="The endpoint's id, whe_….")]
Events = Annotated[tuple[str, ...], Parameter(name="--event", help="An event to send; may be given again.")]
Tasks = Annotated[tuple[str, ...], Parameter(name="--task", help="Of batches of this task; may be given again.")]
Batches = Annotated[
    Literal["all", "named"] | None, Parameter(help="Of all batches, or only of those submitted with its id.")
]
Header = Annotated[
    str | None, Parameter(help="A header each request has, by its name; its value is read from standard input.")
]
Bearer = Annotated[
    bool, Parameter(help="Each request has Authorization: Bearer …; the token is read from standard input.")
]
Schemes = Annotated[
    tuple[str, ...], Parameter(name="--scheme", help="What signs, else all: standard, vellum; may be given again.")
]
MaxConcurrency = Annotated[int | None, Parameter(help="Requests to it at once.")]
OwnSecret = Annotated[
    bool, Parameter(help="A secret of your own, read from standard input, in place of one made for you.")
]
