"""What the books say to the log."""

from typing import Any, cast

from grip.money.entries import Answer, Release, Settle
from grip.store.books.port import shown


def test_an_entry_is_logged_without_the_answer_that_is_kept_with_it():
    """It is what somebody was told by a model."""
    kept = Answer(content_type="application/json", body=b"said-in-confidence")
    facts: Any = cast("Any", None)
    settle = Settle(
        request_id="req_1", cost_nano=1, proven=True, tokens=1, facts=facts, answer=kept
    )

    assert "confidence" not in shown(settle)
    assert "req_1" in shown(settle)
    assert shown(Release(request_id="req_2")) == repr(Release(request_id="req_2"))
