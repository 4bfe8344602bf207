"""Which writes may travel together, and what they are then."""

from __future__ import annotations

import pytest

from stook.store.postgres.texts import apart, merged, texts


def test_what_a_statement_touches_is_read_off_its_text():
    known = texts()
    assert (known["update_state"].target, known["update_state"].tables) == ("state", {"state"})
    assert (known["insert_outcome"].target, known["insert_outcome"].tables) == ("outcome", {"outcome"})
    assert (known["lock_lease"].target, known["lock_lease"].tables) == (None, {"lease", "state"})
    assert known["claim_heads"].tables == {"segment", "batch"}
    assert (known["delete_dedupe"].target, known["signal_batch_leases"].target) == ("dedupe", "lease")
    assert known["lock_batch"].clocked
    assert not known["read_batch"].clocked


def test_only_plain_inserts_may_go_by_copy():
    assert texts()["insert_state"].columns == ("batch_id", "first", "states")
    assert {name for name, text in texts().items() if text.columns} == {
        "insert_action",
        "insert_batch",
        "insert_chunk",
        "insert_chunk_tag",
        "insert_consumed_block",
        "insert_errand",
        "insert_event",
        "insert_failure",
        "insert_hosted_app",
        "insert_hosted_batch",
        "insert_hosted_deployment",
        "insert_hosted_log",
        "insert_hosted_log_end",
        "insert_item_change",
        "insert_key",
        "insert_lease",
        "insert_loss",
        "insert_outcome",
        "insert_row_change",
        "insert_schedule_run",
        "insert_segment",
        "insert_state",
        "insert_subscription",
        "insert_suspension",
        "insert_wait",
        "insert_webhook_attempt",
        "insert_webhook_backlog",
        "insert_webhook_endpoint",
        "insert_webhook_event",
    }


@pytest.mark.parametrize(
    ("one", "other", "free"),
    [
        ("update_state", "insert_outcome", True),
        ("update_state", "lock_states", False),
        ("update_state", "lock_lease", False),
        ("delete_segment", "insert_segment", False),
        ("delete_segment", "read_chunk", True),
        ("update_batch", "claim_heads", False),
        ("read_batch", "lock_batch", True),
    ],
)
def test_order_matters_only_between_those_that_touch_what_the_other_changes(one, other, free):
    assert apart(texts()[one], texts()[other]) is free
    assert apart(texts()[other], texts()[one]) is free


def test_a_merged_statement_counts_its_parameters_on():
    names = ("delete_lease", "update_state", "signal_lease")
    writes = tuple((texts()[name].sql, texts()[name].params) for name in names)
    sql = merged(writes, receipt=True)
    assert "delete from lease where token = any($1::bigint[])" in sql
    assert "unnest($2::bytea[], $3::integer[], $4::bytea[])" in sql
    assert "token = any($5::bigint[])" in sql
    assert "into receipt (slot, mark) values ($6, $7)" in sql
    assert "receipt" not in merged(writes, receipt=False)


def test_every_statement_for_many_rows_has_a_form_for_one():
    many = {name: text for name, text in texts().items() if "[]" in text.sql}
    assert len(many) > 40
    assert not [name for name, text in many.items() if text.for_one is None]
    assert texts()["lock_batch"].for_one.endswith("where id = $1::bytea order by id for update\n) b")
    assert "(values ($1::bytea, $2::integer)) as k (batch_id, first)" in texts()["read_state"].for_one
    assert texts()["quotas"].for_one is None
