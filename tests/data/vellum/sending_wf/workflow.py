from vellum.workflows import BaseWorkflow
from vellum.workflows.constants import APIRequestMethod
from vellum.workflows.inputs import BaseInputs
from vellum.workflows.nodes import APINode
from vellum.workflows.state import BaseState


class Inputs(BaseInputs):
    url: str


class Send(APINode):
    url = Inputs.url
    method = APIRequestMethod.POST
    json = {"hello": "there"}


class SendingWorkflow(BaseWorkflow[Inputs, BaseState]):
    graph = Send

    class Outputs(BaseWorkflow.Outputs):
        status = Send.Outputs.status_code
