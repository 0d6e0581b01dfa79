"""A model in this process by transformers: Qwen2.5-VL, Qwen3-VL and their kin.

    policy = TransformersPolicy("models/qwen3-vl-2b", resolve=ctx.resolve)

Calls that wait at the same time are answered in one batch, each by its own rules (`decoding`): the
model works in a thread of its own and takes whatever waits whenever it is free. For many users at
once a server is faster still; this needs none, and knows every token id and log-probability.

Nothing is downloaded, no code of the folder is run, and weights are read from safetensors only.
"""

from __future__ import annotations

import asyncio
import copy
import os
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from playhead.core.errors import Blamed, Origin, border
from playhead.core.message import Message
from playhead.core.policy import Reply, Sampling, Tokens
from playhead.core.tools import ToolSpec
from playhead.models.eyes._local import local_folder, require
from playhead.models.pictures import Resolve
from playhead.models.policies.decoding import Choose, Paths, Row, Stop
from playhead.models.policies.local import (
    Prompt,
    Speech,
    Template,
    forced_beginnings,
    pixels,
    up_to,
)


@dataclass
class _Job:
    """One call that waits for its reply."""

    prompt: Prompt
    tools: tuple[ToolSpec, ...]
    sampling: Sampling
    beginnings: tuple[str, ...]
    """How it has to begin. Empty: as it likes."""
    resolve: Resolve
    done: Future[Reply] = field(default_factory=Future[Reply])


class TransformersPolicy:
    """A model and its processor on this machine. Safe to ask from many tasks, threads and loops."""

    def __init__(
        self,
        model: str | os.PathLike[str] | tuple[Any, Any],
        *,
        resolve: Resolve,
        device: str | None = None,
        dtype: str = "auto",
        max_batch: int = 8,
        dialect: Speech | None = None,
        clock: Any = None,
        strict_tools: bool = False,
        think_back: bool = False,
        template: dict[str, Any] | None = None,
    ) -> None:
        """Load the model.

        Args:
            model: A folder as `save_pretrained` leaves it, or a loaded model and its processor.
            resolve: From references in messages to pixels.
            device: As torch names it, or `auto`: spread over all there are. None: a GPU if there
                is one. Only for a folder.
            dtype: What to calculate in, as torch names it. `auto`: what the folder says. Only for
                a folder.
            max_batch: How many calls are answered at once.
            dialect: How the model writes its calls. None: the hermes way.
            clock: What the dialect needs to read; it is told how many calls came before.
            strict_tools: Tell the model of tools as a strict server does.
            think_back: Show it what it thought in earlier turns.
            template: What else its chat template understands, such as `enable_thinking`.

        Raises:
            ValueError: No such folder, or it lacks a file.
            MissingExtra: A library is not installed.
        """
        if max_batch < 1:
            raise ValueError(f"a batch has 1 call or more: got {max_batch}")
        loaded = model if isinstance(model, tuple) else load_model(model, device, dtype)
        self._model, self._processor = loaded[0].eval(), loaded[1]
        self._template = Template(
            self._processor,
            strict_tools=strict_tools,
            think_back=think_back,
            options=template,
            dialect=dialect,
            clock=clock,
        )
        self._resolve, self._max_batch = resolve, max_batch
        self._ends = _ends(self._model, self._processor)
        text_config = getattr(self._model.config, "text_config", self._model.config)
        self._context = int(getattr(text_config, "max_position_embeddings", 2**31))
        self._waiting: deque[_Job] = deque()
        self._guard = threading.Lock()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="playhead-model")
        self.num_batches = 0
        """How many times the model has been run."""

    def __repr__(self) -> str:
        return f"TransformersPolicy({type(self._model).__name__})"

    def seeing(self, resolve: Resolve) -> TransformersPolicy:
        """The same model for another attempt, whose references are resolved in another way. Both
        share the weights, the thread and the batches; closing one closes both."""
        other = copy.copy(self)
        other._resolve = resolve
        return other

    def close(self) -> None:
        """Let go of the thread, once it has answered what waits."""
        self._worker.shutdown()

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        """The next turn after `messages`.

        Raises:
            Blamed: A picture cannot be had, the prompt is too long, or the model failed.
            ValueError: The tool that must be called is not among the tools.
        """
        prompt = self._template.prompt(messages, tools)
        beginnings: tuple[str, ...] = ()
        if tools and self._template.dialect is None:
            beginnings = tuple(forced_beginnings(tools, sampling.tool_choice))
        job = _Job(prompt, tuple(tools), sampling, beginnings, self._resolve)
        with self._guard:
            self._waiting.append(job)
        self._worker.submit(self._answer_waiting)
        return await asyncio.wrap_future(job.done)

    def _answer_waiting(self) -> None:
        """Answer as many calls as fit in one batch, in the model's thread."""
        with self._guard:
            num = min(self._max_batch, len(self._waiting))
            jobs = [self._waiting.popleft() for _ in range(num)]
        jobs = [job for job in jobs if not job.done.cancelled()]
        answers = self._try(jobs) if jobs else []
        if len(jobs) > 1 and any(isinstance(answer, Blamed) for answer in answers):
            answers = [self._try([job])[0] for job in jobs]  # one is at fault, not its neighbours
        for job, answer in zip(jobs, answers, strict=True):
            _settle(job, answer)

    def _try(self, jobs: Sequence[_Job]) -> Sequence[Reply | Blamed]:
        try:
            with border(Origin.WORLD, "the model in this process failed"):
                return self._answer(jobs)
        except Blamed as error:
            return [error] * len(jobs)

    def _answer(self, jobs: Sequence[_Job]) -> list[Reply]:
        import torch
        from transformers import GenerationConfig

        inputs = self._inputs(jobs)
        rows = [self._row(job) for job in jobs]
        with torch.inference_mode():
            self._model.generate(
                **inputs.to(self._model.device),
                generation_config=GenerationConfig(
                    do_sample=False,
                    repetition_penalty=1.0,
                    max_new_tokens=max(job.sampling.max_tokens for job in jobs),
                    eos_token_id=sorted(self._ends),
                    pad_token_id=self._processor.tokenizer.pad_token_id,
                ),
                logits_processor=[Choose(rows, self._template.banned)],
                stopping_criteria=[Stop(rows, self._ends, self._processor.tokenizer.decode)],
                synced_gpus=False,  # in step with other processes (ZeRO 3) it would wait for them
            )
        self.num_batches += 1
        prompts = [
            ids[mask.bool()].tolist()
            for ids, mask in zip(inputs["input_ids"], inputs["attention_mask"], strict=True)
        ]
        return [self._read(*one) for one in zip(jobs, rows, prompts, strict=True)]

    def _inputs(self, jobs: Sequence[_Job]) -> Any:
        """What the model is given, every row as long as the longest."""
        from PIL import Image

        images = [
            Image.fromarray(picture)
            for job in jobs
            for picture in pixels(job.resolve, job.prompt.frames)
        ]
        inputs = self._processor(
            text=[job.prompt.text for job in jobs],
            images=images or None,
            padding=True,
            padding_side="left",
            return_tensors="pt",
        )
        num = inputs["input_ids"].shape[1]
        if num >= self._context:
            what = f"the prompt has {num} tokens and the model takes {self._context}; show it less"
            raise Blamed(Origin.WORLD, what, "too_long")
        return inputs

    def _row(self, job: _Job) -> Row:
        sampling, encode = job.sampling, self._processor.tokenizer.encode
        paths: Paths | None = None
        if sampling.choices:
            words = [encode(choice, add_special_tokens=False) for choice in sampling.choices]
            paths = Paths(words, end=min(self._ends))
        elif job.beginnings:
            words = [encode(text, add_special_tokens=False) for text in job.beginnings]
            paths = Paths(words, end=None)
        stop = self._template.stop(sampling)
        return Row(sampling, paths, stop=stop, is_given_up=job.done.cancelled)

    def _read(self, job: _Job, row: Row, prompt_ids: list[int]) -> Reply:
        is_over = row.ids[-1] in self._ends
        spoken = row.ids[:-1] if is_over else row.ids
        text = self._processor.tokenizer.decode(spoken, skip_special_tokens=True)
        before_stop = up_to(text, row.stop)
        tokens = Tokens(
            prompt_ids=tuple(prompt_ids),
            ids=tuple(row.ids),
            logprobs=tuple(row.logprobs) if job.sampling.logprobs else None,
        )
        return self._template.read(
            before_stop,
            tokens,
            job.prompt,
            tools=job.tools,
            sampling=job.sampling,
            is_cut=not is_over and before_stop == text,
        )


def load_model(model: str | os.PathLike[str], device: str | None, dtype: str) -> tuple[Any, Any]:
    """A model and its processor from a folder."""
    libraries = ("torch", "torchvision", "transformers")
    require(*libraries, extra="lmm", what="a model in this process")
    home = local_folder(model, "config.json", what="a model")
    if not any(home.glob("*.safetensors")):
        raise ValueError(f"a model has its weights as safetensors: none in {str(model)!r}")
    import torch
    from transformers import AutoModelForImageTextToText, AutoProcessor

    processor = AutoProcessor.from_pretrained(home, local_files_only=True)
    spread = {"device_map": "auto"} if device == "auto" else {}
    loaded: Any = AutoModelForImageTextToText.from_pretrained(
        home, local_files_only=True, use_safetensors=True, dtype=dtype, **spread
    )
    if device != "auto":
        loaded = loaded.to(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    return loaded, processor


def _ends(model: Any, processor: Any) -> frozenset[int]:
    """Tokens that end a turn: what the model says, and what its tokenizer says."""
    own = model.generation_config.eos_token_id
    own = own if isinstance(own, list) else [own]
    return frozenset(i for i in (*own, processor.tokenizer.eos_token_id) if isinstance(i, int))


def _settle(job: _Job, answer: Reply | Blamed) -> None:
    if not job.done.set_running_or_notify_cancel():  # from here on nobody can give it up
        return
    if isinstance(answer, Blamed):
        job.done.set_exception(answer)
    else:
        job.done.set_result(answer)
