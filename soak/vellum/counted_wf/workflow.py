"""Writes down when each of its runs begins and ends, as one who looks on from outside cannot know."""

import os
import time

from vellum.workflows import BaseWorkflow
from vellum.workflows.nodes import BaseNode, FinalOutputNode
from vellum.workflows.state import BaseState

from .inputs import Inputs  # noqa: TID252 -- the module's name is chosen where it is pushed

PAUSE = 0.5
"""Long enough for runs to meet."""


class Count(BaseNode):
    number = Inputs.number
    journal = Inputs.journal

    class Outputs(BaseNode.Outputs):
        square: float

    def run(self) -> Outputs:
        journal = os.open(self.journal, os.O_WRONLY | os.O_APPEND)
        try:
            os.write(journal, b"%d 1\n" % time.monotonic_ns())
            time.sleep(PAUSE)
            if self.number % 10 == 0:
                raise ValueError("divisible by ten")
            return self.Outputs(square=self.number**2)
        finally:
            os.write(journal, b"%d -1\n" % time.monotonic_ns())
            os.close(journal)


class Squared(FinalOutputNode[BaseState, float]):
    class Outputs(FinalOutputNode.Outputs):
        value = Count.Outputs.square


class CountedWorkflow(BaseWorkflow[Inputs, BaseState]):
    graph = Count >> Squared

    class Outputs(BaseWorkflow.Outputs):
        square = Squared.Outputs.value
