"""Any policy as a LangChain chat model, with pictures by reference in and out.

    model = VideoChatModel(policy=policy).bind_tools(tools)

Pictures are references (`langchain_messages`): the policy decodes them when it sends them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from langchain_core.callbacks import (
    AsyncCallbackManagerForLLMRun,
    CallbackManagerForLLMRun,
)
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import Field

from playhead.core.message import Message
from playhead.core.policy import Reply, Sampling
from playhead.core.tools import ToolSpec
from playhead.models.policies.langchain_messages import (
    from_langchain,
    spoken_fields,
)

Block = dict[str, Any]


class VideoChatModel(BaseChatModel):
    """A LangChain chat model over a policy."""

    policy: Any
    """Any `playhead.core.policy.Policy`."""
    sampling: Sampling = Field(default_factory=Sampling)
    """How replies are drawn, unless a call says otherwise."""

    @property
    def _llm_type(self) -> str:
        return "playhead"

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | dict[str, Any] | bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """The model with tools that it may call.

        Args:
            tools: Whatever LangChain takes for a tool.
            tool_choice: `auto`, `none`, `any` or `required`, or the name of a tool.
            kwargs: More that is bound to each call, such as `temperature`.
        """
        kwargs.pop("strict", None)  # how strictly is the policy's own choice
        kwargs.pop("ls_structured_output_format", None)
        offered = [convert_to_openai_tool(tool) for tool in tools]
        return self.bind(tools=offered, tool_choice=_choice(tool_choice), **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        """The next message. In a thread of its own, so that it works inside a running loop."""
        with ThreadPoolExecutor(1, thread_name_prefix="playhead-chat") as thread:
            work = self._agenerate(messages, stop, None, **kwargs)
            return thread.submit(asyncio.run, work).result()

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        reply = await self.policy.reply(*self._asked(messages, stop, kwargs))
        return ChatResult(generations=[ChatGeneration(message=_said(reply))])

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        """Words as they come, then a last chunk with calls, usage and how it ended."""
        asked = self._asked(messages, stop, kwargs)
        told = ""
        if hasattr(self.policy, "stream"):
            async for piece in self.policy.stream(*asked):
                if isinstance(piece, Reply):
                    yield _last_chunk(piece, told)
                    return
                told += piece
                chunk = ChatGenerationChunk(message=AIMessageChunk(content=piece))
                if run_manager is not None:
                    await run_manager.on_llm_new_token(piece, chunk=chunk)
                yield chunk
        yield _last_chunk(await self.policy.reply(*asked), told)

    def _asked(
        self, messages: list[BaseMessage], stop: list[str] | None, how: dict[str, Any]
    ) -> tuple[list[Message], list[ToolSpec], Sampling]:
        known = {name: how[name] for name in Sampling.model_fields if how.get(name) is not None}
        if stop:
            known["stop"] = tuple(stop)
        tools = [_spec(tool) for tool in how.get("tools") or []]
        return from_langchain(messages), tools, self.sampling.replace(**known)


def _said(reply: Reply) -> AIMessage:
    """A reply as LangChain's message."""
    return AIMessage(
        content=reply.text,
        usage_metadata=_usage(reply),
        response_metadata=_how_it_ended(reply),
        **spoken_fields(reply.thinking, reply.calls),
    )


def _last_chunk(reply: Reply, told: str) -> ChatGenerationChunk:
    """What a stream has not told yet. Without the usage here, LangChain would lose it."""
    rest = reply.text if not told else ""
    message = AIMessageChunk(
        content=rest,
        usage_metadata=_usage(reply),
        response_metadata=_how_it_ended(reply),
        chunk_position="last",
        **spoken_fields(reply.thinking, reply.calls),
    )
    return ChatGenerationChunk(message=message)


def _usage(reply: Reply) -> UsageMetadata:
    used = reply.usage
    return UsageMetadata(
        input_tokens=used.input_tokens,
        output_tokens=used.output_tokens,
        total_tokens=used.input_tokens + used.output_tokens,
        input_token_details={"cache_read": used.cached_tokens},
    )


def _how_it_ended(reply: Reply) -> dict[str, Any]:
    """How a reply ended, what its pictures took and, where they are known, its tokens."""
    ended: dict[str, Any] = {
        "finish_reason": reply.finish.value,
        "visual_tokens": reply.usage.visual_tokens,
    }
    if reply.tokens is not None:
        ended["tokens"] = reply.tokens.model_dump(mode="json")
    return ended


def _spec(tool: Block) -> ToolSpec:
    function = tool["function"]
    return ToolSpec(
        name=function["name"],
        description=function.get("description") or "",
        arguments=function.get("parameters") or {"type": "object", "properties": {}},
    )


def _choice(wanted: str | Block | bool | None) -> str:
    if isinstance(wanted, dict):
        return wanted["function"]["name"]
    if isinstance(wanted, bool) or wanted is None:
        return "required" if wanted else "auto"
    return "required" if wanted == "any" else wanted
