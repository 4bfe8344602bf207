from vellum.workflows import BaseWorkflow
from vellum.workflows.nodes import BaseNode, FinalOutputNode
from vellum.workflows.state import BaseState

from .inputs import Inputs


class Greet(BaseNode):
    name = Inputs.name
    times = Inputs.times
    chat = Inputs.chat

    class Outputs(BaseNode.Outputs):
        text: str

    def run(self) -> Outputs:
        if self.name == "nobody":
            raise ValueError("nobody is there")
        last = f" ({self.chat[-1].text})" if self.chat else ""
        print("greeting", self.name)
        return self.Outputs(text=" ".join([f"Hello, {self.name}!{last}"] * self.times))


class Final(FinalOutputNode[BaseState, str]):
    class Outputs(FinalOutputNode.Outputs):
        value = Greet.Outputs.text


class HelloWorkflow(BaseWorkflow[Inputs, BaseState]):
    graph = Greet >> Final

    class Outputs(BaseWorkflow.Outputs):
        greeting = Final.Outputs.value
