"""Requests and answers as recorded: what differs from run to run stands there as a `<name>`.

`<time>`, `<hex>`, `<number>`, `<text>`, `<list>`: any such. `<some name>`: the first value seen, from then on that one.
"""

from __future__ import annotations

import re

__all__ = ["Known"]

_PLACE = re.compile(r"<([\w ]+?)>")
_ANY = {
    "time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z",
    "hex": "[0-9a-f]{64}",
    "text": "(?s:.+)",
}


class Known:
    def __init__(self, **names):
        self.names = names

    def into(self, sent):
        """What is asked: a text, or texts in JSON."""
        if isinstance(sent, str):
            return _PLACE.sub(lambda found: self.names[found[1]], sent)
        if isinstance(sent, dict):
            return {name: self.into(one) for name, one in sent.items()}
        return [self.into(one) for one in sent] if isinstance(sent, list) else sent

    def check(self, wanted, found, where):
        if isinstance(wanted, dict):
            assert isinstance(found, dict), where
            assert set(found) == set(wanted), where
            for name, one in wanted.items():
                self.check(one, found[name], f"{where}.{name}")
        elif isinstance(wanted, list):
            assert len(found) == len(wanted), where
            for place, one in enumerate(wanted):
                self.check(one, found[place], f"{where}[{place}]")
        elif wanted == "<list>":
            assert isinstance(found, list), where
            assert found, where
        elif wanted == "<number>":
            assert type(found) in (int, float), where
        elif isinstance(wanted, str) and _PLACE.search(wanted):
            self._check_text(wanted, found, where)
        else:
            assert found == wanted, where

    def _check_text(self, wanted, found, where):
        assert isinstance(found, str), where
        new, parts, at = [], [], 0
        for place in _PLACE.finditer(wanted):
            parts.append(re.escape(wanted[at : place.start()]))
            at, name = place.end(), place[1]
            if name in _ANY:
                parts.append(_ANY[name])
            elif name in self.names:
                parts.append(re.escape(self.names[name]))
            else:
                new.append(name)
                parts.append("(.+)")
        match = re.fullmatch("".join(parts) + re.escape(wanted[at:]), found)
        assert match, (where, wanted, found)
        self.names |= zip(new, match.groups(), strict=True)
