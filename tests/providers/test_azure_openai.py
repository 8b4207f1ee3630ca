"""Azure's form of OpenAI's wire: addresses, the key's header, and what its refusals mean."""

import json
from typing import Any

import pytest

from grip.providers.clients import MessagesWire
from grip.providers.json_object import JsonObject
from grip.providers.openai import AzureAdapter
from grip.providers.openai.azure import address
from grip.providers.port import ChannelFault, Report, RequestRefused, Target, UpstreamCall

ADAPTER = AzureAdapter({"/messages": MessagesWire()})
DATED = "https://x.openai.azure.com?api-version=2024-10-21"
DEPLOYED = "https://x.openai.azure.com/openai/deployments/gpt%204%2Fo"


def _call(
    path: str = "/chat/completions", body: bytes = b'{"model":"m"}', model: str = "gpt 4/o"
) -> UpstreamCall:
    return UpstreamCall(
        path=path, body=JsonObject(body), model=model, stream=False, ask_usage=False
    )


@pytest.mark.parametrize(
    ("base_url", "path", "url"),
    [
        (
            DATED,
            "/chat/completions",
            f"{DEPLOYED}/chat/completions?api-version=2024-10-21",
        ),
        (
            "https://x.openai.azure.com/openai/?api-version=2024-10-21",
            "/embeddings",
            f"{DEPLOYED}/embeddings?api-version=2024-10-21",
        ),
        (
            "https://proxy/team/a?api-version=2025-04-01-preview",
            "/responses",
            "https://proxy/team/a/openai/responses?api-version=2025-04-01-preview",
        ),
        (
            "https://x.openai.azure.com/openai/v1",
            "/chat/completions",
            "https://x.openai.azure.com/openai/v1/chat/completions",
        ),
        (
            "https://x.services.ai.azure.com/openai/v1/?api-version=preview",
            "/responses",
            "https://x.services.ai.azure.com/openai/v1/responses?api-version=preview",
        ),
    ],
)
def test_the_base_url_says_which_form_is_spoken(base_url: str, path: str, url: str):
    """The dated one has the deployment in its path, the new one in its body."""
    request = ADAPTER.request(_call(path), Target(base_url=base_url, secret="s"))

    assert request.url == url
    assert json.loads(request.body)["model"] == "gpt 4/o"


def test_the_key_has_a_header_of_its_own():
    """And none where the channel has no secret."""
    headers = dict(ADAPTER.request(_call(), Target(base_url=DATED, secret="s")).headers)
    silent = dict(ADAPTER.request(_call(), Target(base_url=DATED, secret=None)).headers)

    assert headers["api-key"] == "s"
    assert "authorization" not in headers
    assert "api-key" not in silent


@pytest.mark.parametrize(
    "base_url",
    [
        "https://x.openai.azure.com",
        "https://x.openai.azure.com?api-version=",
        "https://x.openai.azure.com/openai/deployments/d?api-version=2024-10-21",
    ],
)
def test_an_address_of_no_clear_form_is_the_operators_to_mend(base_url: str):
    """It says how."""
    with pytest.raises(ValueError, match="address"):
        address(base_url)
    with pytest.raises(ChannelFault, match="misconfigured"):
        ADAPTER.request(_call(), Target(base_url=base_url, secret="s"))


def test_only_what_azure_has_is_served():
    """It has neither moderations nor rerank."""
    assert ADAPTER.paths == {
        "/chat/completions",
        "/completions",
        "/embeddings",
        "/responses",
        "/messages",
        "/images/generations",
        "/images/edits",
        "/audio/speech",
        "/audio/transcriptions",
    }


def test_anthropics_clients_are_served_by_a_deployment():
    """At chat's address, in OpenAI's own dialect."""
    body = b'{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"Hi"}]}'
    request = ADAPTER.request(_call("/messages", body, "d"), Target(base_url=DATED, secret="s"))

    assert "/deployments/d/chat/completions?" in request.url
    assert json.loads(request.body) == {
        "model": "d",
        "messages": [{"role": "user", "content": "Hi"}],
        "max_completion_tokens": 5,
    }


def _error(**members: Any) -> bytes:
    return json.dumps({"error": {"type": None, "param": None, **members}}).encode()


# Microsoft Learn, "Content filtering", "Error codes".
FILTERED = _error(
    message=(
        "The response was filtered due to the prompt triggering Azure OpenAI's content "
        "management policy. Please modify your prompt and retry. To learn more about our content "
        "filtering policies please read our documentation: "
        "https://go.microsoft.com/fwlink/?linkid=2198766"
    ),
    param="prompt",
    code="content_filter",
    status=400,
    innererror={
        "code": "ResponsibleAIPolicyViolation",
        "content_filter_result": {"hate": {"filtered": True, "severity": "high"}},
    },
)


def test_a_filtered_prompt_is_the_clients_to_mend():
    """It gets Azure's own error, with what the filter found."""
    refusal = ADAPTER.refusal(400, {}, FILTERED)

    assert isinstance(refusal, RequestRefused)
    assert refusal.error == json.loads(FILTERED)["error"]


def test_a_filtered_prompt_without_a_parameter_is_the_clients_too():
    """Some versions name none."""
    body = json.loads(FILTERED)
    body["error"]["param"] = None

    assert isinstance(ADAPTER.refusal(400, {}, json.dumps(body).encode()), RequestRefused)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, _error(code="401", message="Access denied due to invalid subscription key.")),
        (404, _error(code="DeploymentNotFound", message="The API deployment does not exist.")),
        (404, _error(code="404", message="Resource not found")),
        (429, _error(code="429", message="Requests have exceeded the call rate limit.")),
        (400, _error(code="BadRequest", message="API version not supported")),
        (
            400,
            _error(
                code="OperationNotSupported",
                message="The chatCompletion operation does not work with the specified model, x.",
            ),
        ),
    ],
)
def test_what_only_the_operator_can_mend_is_the_channels_fault(status: int, body: bytes):
    """Another channel may serve the call."""
    fault = ADAPTER.refusal(status, {"retry-after": "7"}, body)

    assert isinstance(fault, ChannelFault)
    assert fault.reason == f"status_{status}"


@pytest.mark.parametrize(
    "body",
    [
        _error(code="context_length_exceeded", message="too long", param="messages"),
        _error(code="BadRequest", message="Unsupported data type"),
        _error(code="OperationNotSupported", message="no", param="tools"),
    ],
)
def test_other_mistakes_in_a_request_reach_the_client(body: bytes):
    """With Azure's own words."""
    assert isinstance(ADAPTER.refusal(400, {}, body), RequestRefused)


# Microsoft Learn, "Content streaming": what the filter says of the prompt comes first.
PROMPT = {
    "id": "",
    "object": "",
    "created": 0,
    "model": "",
    "prompt_filter_results": [
        {"prompt_index": 0, "content_filter_results": {"hate": {"filtered": False}}}
    ],
    "choices": [],
    "usage": None,
}
WORDS = {
    "id": "chatcmpl-1",
    "choices": [
        {
            "index": 0,
            "delta": {"content": "Hi"},
            "content_filter_results": {},
            "finish_reason": None,
        }
    ],
    "usage": None,
}
OFFSETS = {
    "id": "",
    "choices": [
        {
            "index": 0,
            "finish_reason": None,
            "content_filter_results": {"hate": {"filtered": False, "severity": "safe"}},
            "content_filter_offsets": {"check_offset": 44, "start_offset": 44, "end_offset": 198},
        }
    ],
}
FINISH = {"id": "chatcmpl-1", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
COUNTED = {
    "id": "chatcmpl-1",
    "choices": [],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
}


def test_what_the_filter_says_of_the_prompt_is_not_the_usage():
    """Though it has no choices either."""
    chunks = [PROMPT, WORDS, OFFSETS, FINISH, COUNTED]
    whole = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
    reader = ADAPTER.stream(_call())
    events = reader.feed(whole.encode()) + reader.close()

    assert b"".join(event.data for event in events) == whole.encode()
    assert [event.is_usage for event in events if not event.unread].count(True) == 1
    (usage,) = [event for event in events if event.is_usage]
    assert usage.report == Report(input_tokens=3, output_tokens=1)
    assert events[0].report is None
    assert events[-1].is_end


def test_a_filtered_answer_is_an_answer():
    """What was generated up to there is charged."""
    body = {"choices": [{"message": {"content": ""}, "finish_reason": "content_filter"}]}
    answer = ADAPTER.answer(_call(), json.dumps(body | {"usage": COUNTED["usage"]}).encode())

    assert answer.report == Report(input_tokens=3, output_tokens=1)
