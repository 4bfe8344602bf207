"""What Prometheus would read."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

__all__ = ["Scraped"]


class Scraped:
    def __init__(self, text):
        self.families = {family.name: family for family in text_string_to_metric_families(text)}
        self._samples = [sample for family in self.families.values() for sample in family.samples]

    def __call__(self, name, **labels):
        """The sum of all samples of this name that have these labels; None if there is none."""
        found = [
            sample.value for sample in self._samples if sample.name == name and labels.items() <= sample.labels.items()
        ]
        return sum(found) if found else None

    def labels(self, name, label):
        return {sample.labels[label] for sample in self._samples if sample.name == name}
