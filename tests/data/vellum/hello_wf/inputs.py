from typing import List, Optional

from vellum import ChatMessage
from vellum.workflows.inputs import BaseInputs


class Inputs(BaseInputs):
    name: str
    times: int = 1
    chat: Optional[List[ChatMessage]] = None
