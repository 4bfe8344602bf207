from vellum.workflows import BaseWorkflow
from vellum.workflows.constants import AuthorizationType
from vellum.workflows.inputs import BaseInputs
from vellum.workflows.nodes import APINode, CodeExecutionNode, InlinePromptNode, RetryNode
from vellum.workflows.references import VellumSecretReference
from vellum.workflows.state import BaseState


class Ask(InlinePromptNode):
    ml_model = "gpt-4o"
    blocks = []


class Fetch(APINode):
    url = "https://example.com"
    authorization_type = AuthorizationType.BEARER_TOKEN
    bearer_token_value = VellumSecretReference("KEY")


@RetryNode.wrap(max_attempts=2)
class Compute(CodeExecutionNode[BaseState, str]):
    code = "def main(): return 1"
    runtime = "PYTHON_3_12"


class Fine(CodeExecutionNode[BaseState, str]):
    code = "def main(): return 'x'"


class AskingWorkflow(BaseWorkflow[BaseInputs, BaseState]):
    graph = Ask >> Fetch >> Compute >> Fine
