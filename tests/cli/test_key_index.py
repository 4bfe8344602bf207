"""Items with the same key, found without holding the keys."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stook.cli.checked_input import check_input
from stook.cli.key_index import KeyIndex
from stook.core.errors import ConfigError, DuplicateKeys

KEYS = st.lists(st.text(alphabet="abé", max_size=2), max_size=60)


def indexed(keys, cuts=(7, 20)):
    index = KeyIndex()
    at = 0
    for cut in (*cuts, len(keys)):
        index.add(keys[at:cut])
        at = max(at, cut)
    return index


@given(KEYS)
def test_pairs_are_those_a_search_finds(keys):
    expected = [(at, keys.index(key)) for at, key in enumerate(keys) if keys.index(key) < at]
    with indexed(keys) as index:
        assert index.pairs(10) == expected[:10]


@given(KEYS)
def test_one_item_of_each_key_is_kept(keys):
    for keep, wanted in (("first", list(dict.fromkeys(keys))), ("last", list(dict.fromkeys(reversed(keys))))):
        with indexed(keys) as index:
            left = index.left_out(keep)
        kept = [at for at in range(len(keys)) if at not in left]
        assert [keys[at] for at in (kept if keep == "first" else reversed(kept))] == wanted
        assert left.count == len(keys) - len(kept)
        for at in kept:
            same = [other for other, key in enumerate(keys) if key == keys[at]]
            assert at == (min(same) if keep == "first" else max(same))


def test_what_does_not_fit_into_memory_goes_to_files(monkeypatch):
    monkeypatch.setattr("stook.cli.key_index._IN_MEMORY", 100)
    keys = [str(number % 4000) for number in range(5000)]
    with indexed(keys, cuts=range(500, 5000, 500)) as index:
        assert all(bucket._rolled for bucket in index._buckets)
        assert index.pairs(2) == [(4000, 0), (4001, 1)]
        assert index.left_out("first").count == 1000


def checked(source, **how):
    how = {"format_": None, "key": None, "duplicates": "reject", "limit": 2**20, "tell": lambda _: None} | how
    return check_input(str(source), **how)


@pytest.fixture
def rows(tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(f'{{"k": {number % 700}, "n": {number}}}\n' for number in range(2500)))
    return file


def submitted(checked_input):
    blocks = list(checked_input.blocks())
    return [payload for block in blocks for payload in block.payloads], [
        key for block in blocks for key in block.keys or ()
    ]


@pytest.mark.parametrize(("keep", "first"), [("first", 0), ("last", 2500 - 700)])
def test_what_is_left_out_is_left_out_of_the_blocks(rows, keep, first):
    found = checked(rows, key="k", duplicates=keep)
    payloads, keys = submitted(found)
    assert (found.items, found.left_out) == (700, 1800)
    assert payloads == [b'{"k": %d, "n": %d}' % (number % 700, number) for number in range(first, first + 700)]
    assert keys == [str(number % 700) for number in range(first, first + 700)]


def test_duplicates_name_the_lines_and_the_first_hundred(rows):
    with pytest.raises(DuplicateKeys) as caught:
        checked(rows, key="k")
    assert caught.value.where == f"{rows}:701 and {rows}:1"
    assert caught.value.pairs[0] == ("0", 700, 0)
    assert len(caught.value.pairs) == 100


def test_an_identity_is_that_of_the_items(rows, tmp_path):
    other = tmp_path / "elsewhere.jsonl"
    other.write_bytes(rows.read_bytes())
    plain = checked(rows).identity()
    assert plain == checked(other).identity()
    changed = {
        checked(rows, key="n").identity(),
        checked(rows, key="k", duplicates="first").identity(),
        checked(rows, key="k", duplicates="last").identity(),
    }
    assert len(changed | {plain}) == 4
    other.write_bytes(rows.read_bytes() + b"{}\n")
    assert checked(other).identity() != plain


def test_a_folder_stays_as_it_was_looked_at(tmp_path):
    for name in ("a", "b", "own/x"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    found = checked(tmp_path, apart=[tmp_path / "own", tmp_path / "b"])
    before = found.identity()
    (tmp_path / "c").write_text("later")
    payloads, _ = submitted(found)
    assert [payload.rpartition(b"/")[2].split(b'"')[0] for payload in payloads] == [b"a"]
    assert checked(tmp_path, apart=[tmp_path / "own", tmp_path / "b", tmp_path / "c"]).identity() == before
    assert checked(tmp_path, apart=[tmp_path / "own", tmp_path / "b"]).identity() != before


def test_merging_needs_keys(rows):
    with pytest.raises(ConfigError, match="--key FIELD"):
        checked(rows, duplicates="first")
