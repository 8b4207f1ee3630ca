"""What both of LangChain's classes have in common here: grip behind them, and files at hand."""

import base64
from dataclasses import dataclass
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.integration_tests import chat_models as theirs

from tests.compat.rows import PAPER, PIXEL
from tests.e2e.house import Customer, House


@dataclass(frozen=True, slots=True)
class _File:
    """What a download would have brought."""

    content: bytes


class Standard(ChatModelIntegrationTests):
    """LangChain's standard tests, with a model on one `kind` of channel."""

    kind: str

    @pytest.fixture(autouse=True)
    def gateway(self, house: House, customer: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
        """Say where grip is; the pictures and papers of the tests come from here."""
        self.url, self.key = house.gateway.url, customer.secret
        monkeypatch.setattr(theirs.httpx, "get", self._fetched)

    def _fetched(self, url: str, **_: Any) -> _File:
        return _File(base64.b64decode(PAPER if url.endswith(".pdf") else PIXEL))

    @property
    def has_tool_choice(self) -> bool:
        return True

    @property
    def supports_image_inputs(self) -> bool:
        return True

    @property
    def supports_image_urls(self) -> bool:
        return True

    @property
    def supports_image_tool_message(self) -> bool:
        return True

    @property
    def supports_pdf_inputs(self) -> bool:
        return True

    @property
    def supports_anthropic_inputs(self) -> bool:
        return True

    @property
    def model_override_value(self) -> str:
        return "azure-chat"

    @property
    def supported_usage_metadata_details(self) -> Any:
        return {"invoke": ["cache_read_input"], "stream": ["cache_read_input"]}

    def invoke_with_cache_read_input(self, *, stream: bool = False) -> AIMessage:
        """Return an answer to a prompt that was cached in part."""
        model = self.chat_model_class(**self.chat_model_params)
        if not stream:
            return model.invoke("[cached] Say hello")
        first, *rest = model.stream("[cached] Say hello")
        for chunk in rest:
            first += chunk
        return first
