from vellum.workflows.inputs import BaseInputs


class Inputs(BaseInputs):
    number: float
    journal: str
