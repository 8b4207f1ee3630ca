"""LangChain's standard tests of chat models for `ChatAnthropic`, over each kind of channel."""

from typing import Any

import pytest
from langchain_anthropic import ChatAnthropic

from tests.clients.python.standard import Standard

pytestmark = pytest.mark.parametrize("house", ["sqlite"], indirect=True)

ONLY_TEXT = "the results of tools are text in OpenAI's chat; grip refuses files by name"


class Anthropic(Standard):
    """`ChatAnthropic` with grip's address and key."""

    @property
    def chat_model_class(self) -> Any:
        return ChatAnthropic

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {
            "model": f"{self.kind}-chat",
            "base_url": self.url,
            "api_key": self.key,
            "max_retries": 0,
            "max_tokens": 1000,
        }

    @property
    def supports_pdf_tool_message(self) -> bool:
        return True


class TestOnAnthropic(Anthropic):
    kind = "anthropic"


class TestOnOpenAI(Anthropic):
    kind = "openai"

    @pytest.mark.xfail(reason=ONLY_TEXT)
    def test_image_tool_message(self, model: Any) -> None:
        super().test_image_tool_message(model)

    @pytest.mark.xfail(reason=ONLY_TEXT)
    def test_pdf_tool_message(self, model: Any) -> None:
        super().test_pdf_tool_message(model)


class TestOnGemini(Anthropic):
    kind = "gemini"
