"""Policies: what decides what to do next, one file per backend.

`scripted` plays what was written, `openai` asks a server, `transformers` and `vllm` run a model in
this process, `chat_model` is any of them as a LangChain chat model. All render a conversation the
same way (`render`). `playhead.models.strings.find_policy` makes one from a string.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from playhead._lazy import lazy

if TYPE_CHECKING:
    from playhead.models.policies.chat_model import VideoChatModel
    from playhead.models.policies.openai import OpenAIPolicy
    from playhead.models.policies.scripted import Asked, ScriptedPolicy
    from playhead.models.policies.transformers import TransformersPolicy
    from playhead.models.policies.vllm import VLLMPolicy

__all__ = [
    "Asked",
    "OpenAIPolicy",
    "ScriptedPolicy",
    "TransformersPolicy",
    "VLLMPolicy",
    "VideoChatModel",
]

__getattr__ = lazy(
    __name__,
    {
        "Asked": "playhead.models.policies.scripted",
        "OpenAIPolicy": "playhead.models.policies.openai",
        "ScriptedPolicy": "playhead.models.policies.scripted",
        "TransformersPolicy": "playhead.models.policies.transformers",
        "VLLMPolicy": "playhead.models.policies.vllm",
        "VideoChatModel": "playhead.models.policies.chat_model",
    },
)
