"""Well-known vendors that speak OpenAI's API: what an operator need not type.

Pure data: a preset fills in a channel's kind, base URL and types, and nothing else; whatever the
operator says counts more. How a vendor differs on the wire is read off its address
(`grip.providers.openai.dialects`), so a channel without a preset is served no worse. Refuses to
know models and prices: they change by the week.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

_CHAT: Final = ("chat",)
_TEXT: Final = ("chat", "embedding")
_SEARCH: Final = ("chat", "embedding", "rerank")


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A vendor: the kind of channel, where it leads, and what it serves untold.

    `secret` is the reference that vendors' own documents would have, None for servers that run
    without a key. `source` is the page that says so.
    """

    base_url: str
    types: tuple[str, ...]
    source: str
    kind: str = "openai"
    secret: str | None = None

    @property
    def needs_secret(self) -> bool:
        """Whether calls without a key are refused."""
        return self.secret is not None


def preset(name: str) -> Preset:
    """Return the preset of this name; raises KeyError where there is none."""
    return PRESETS[name]


def _local(base_url: str, source: str, types: tuple[str, ...] = _TEXT) -> Preset:
    return Preset(base_url=base_url, types=types, source=source)


def _vendor(base_url: str, variable: str, source: str, types: tuple[str, ...] = _CHAT) -> Preset:
    return Preset(base_url=base_url, types=types, source=source, secret=f"env:{variable}")


PRESETS: Final[Mapping[str, Preset]] = MappingProxyType(
    {
        "openai": _vendor(
            "https://api.openai.com/v1",
            "OPENAI_API_KEY",
            "platform.openai.com/docs/api-reference",
            ("chat", "embedding", "image", "audio", "moderation"),
        ),
        "deepseek": _vendor(
            "https://api.deepseek.com", "DEEPSEEK_API_KEY", "api-docs.deepseek.com"
        ),
        "groq": _vendor(
            "https://api.groq.com/openai/v1",
            "GROQ_API_KEY",
            "console.groq.com/docs/openai",
            ("chat", "audio"),
        ),
        "mistral": _vendor(
            "https://api.mistral.ai/v1",
            "MISTRAL_API_KEY",
            "docs.mistral.ai/resources/migration-guides",
            ("chat", "embedding", "moderation"),
        ),
        "openrouter": _vendor(
            "https://openrouter.ai/api/v1",
            "OPENROUTER_API_KEY",
            "openrouter.ai/docs/guides/evaluate-and-optimize/rag",
            _SEARCH,
        ),
        # The rerank endpoint is Together's own, in Cohere's words.
        "together": _vendor(
            "https://api.together.ai/v1",
            "TOGETHER_API_KEY",
            "docs.together.ai/docs/inference/openai-compatibility",
            _SEARCH,
        ),
        "fireworks": _vendor(
            "https://api.fireworks.ai/inference/v1",
            "FIREWORKS_API_KEY",
            "docs.fireworks.ai/guides/querying-embeddings-models",
            _SEARCH,
        ),
        "xai": _vendor("https://api.x.ai/v1", "XAI_API_KEY", "docs.x.ai/docs/api-reference"),
        "moonshot": _vendor(
            "https://api.moonshot.ai/v1", "MOONSHOT_API_KEY", "platform.kimi.ai/docs/api/overview"
        ),
        "moonshot-cn": _vendor(
            "https://api.moonshot.cn/v1", "MOONSHOT_API_KEY", "platform.moonshot.cn/docs/overview"
        ),
        # Workspaces have addresses of their own as well; these go on working for all.
        "dashscope": _vendor(
            "https://dashscope.aliyuncs.com/compatible-mode/v1",
            "DASHSCOPE_API_KEY",
            "help.aliyun.com/zh/model-studio/compatibility-of-openai-with-dashscope",
            _TEXT,
        ),
        "dashscope-intl": _vendor(
            "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
            "DASHSCOPE_API_KEY",
            "alibabacloud.com/help/en/model-studio/compatibility-of-openai-with-dashscope",
            _TEXT,
        ),
        "dashscope-us": _vendor(
            "https://dashscope-us.aliyuncs.com/compatible-mode/v1",
            "DASHSCOPE_API_KEY",
            "alibabacloud.com/help/en/model-studio/compatibility-of-openai-with-dashscope",
            _TEXT,
        ),
        "siliconflow": _vendor(
            "https://api.siliconflow.com/v1",
            "SILICONFLOW_API_KEY",
            "siliconflow.com/blog/openai-sdk-siliconflow-compatibility-checks",
            _SEARCH,
        ),
        "siliconflow-cn": _vendor(
            "https://api.siliconflow.cn/v1",
            "SILICONFLOW_API_KEY",
            "docs.siliconflow.cn/cn/userguide/capabilities/text-generation",
            _SEARCH,
        ),
        "zai": _vendor(
            "https://api.z.ai/api/paas/v4",
            "ZAI_API_KEY",
            "docs.z.ai/guides/capabilities/thinking-mode",
        ),
        "zhipu": _vendor(
            "https://open.bigmodel.cn/api/paas/v4",
            "ZHIPU_API_KEY",
            "docs.bigmodel.cn/cn/guide/capabilities/thinking-mode",
            _TEXT,
        ),
        "cerebras": _vendor(
            "https://api.cerebras.ai/v1",
            "CEREBRAS_API_KEY",
            "inference-docs.cerebras.ai/resources/openai",
        ),
        "nvidia": _vendor(
            "https://integrate.api.nvidia.com/v1",
            "NVIDIA_API_KEY",
            "docs.api.nvidia.com/nim/reference/llm-apis",
            _TEXT,
        ),
        "jina": _vendor(
            "https://api.jina.ai/v1",
            "JINA_API_KEY",
            "docs.litellm.ai/docs/providers/jina_ai",
            ("embedding", "rerank"),
        ),
        "ollama": _local("http://localhost:11434/v1", "docs.ollama.com/api/openai-compatibility"),
        "vllm": _local(
            "http://localhost:8000/v1",
            "docs.vllm.ai/en/stable/serving/online_serving.html",
            _SEARCH,
        ),
        "lmstudio": _local("http://localhost:1234/v1", "lmstudio.ai/docs/api/endpoints/openai"),
        "llamacpp": _local(
            "http://localhost:8080/v1",
            "github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md",
            _SEARCH,
        ),
    }
)
"""By name. A vendor with addresses for several regions has a preset for each."""
