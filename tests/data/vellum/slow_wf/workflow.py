import time

from vellum.workflows import BaseWorkflow
from vellum.workflows.inputs import BaseInputs
from vellum.workflows.nodes import BaseNode
from vellum.workflows.state import BaseState


class Inputs(BaseInputs):
    seconds: float


class Wait(BaseNode):
    seconds = Inputs.seconds

    class Outputs(BaseNode.Outputs):
        waited: float

    def run(self) -> Outputs:
        time.sleep(self.seconds)
        return self.Outputs(waited=self.seconds)


class SlowWorkflow(BaseWorkflow[Inputs, BaseState]):
    graph = Wait

    class Outputs(BaseWorkflow.Outputs):
        waited = Wait.Outputs.waited
