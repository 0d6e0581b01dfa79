"""The words of the pocket model: a tokenizer made of our own texts, and how it shows a chat.

    tokenizer = words(tools)                 # for a model that is offered these tools

What never changes is one token: the system prompts, each tool's schema, the marks of a call, the
phrases of observations. So the prompt of two tools, 4,000 characters, is a few tokens. A whole
number before a point (`127.5`) is one token, so that copying a time is copying one thing. An
evidence id is `e` and eight pairs of characters. Letters of codes, and all other digits, stand
alone. Everything else is byte-level BPE, so any text comes back as it was.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

from playhead.agent import prompts
from playhead.core.tools import ToolSpec
from playhead.models.policies import render
from playhead.worlds import script
from playhead.worlds.families import NAMES, family
from playhead.worlds.families.base import HINTS
from playhead.worlds.families.phrases import natural
from playhead.worlds.verify import NOT_IN_VIDEO

SPECIAL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
MOST_WHOLE = 299
"""Whole numbers up to this are one token before a point: seconds of films of up to five minutes."""

_HEX = "0123456789abcdef"

OFFER = (
    "# Tools\n\nYou may call one or more functions. "
    "Their signatures, inside <tools></tools>:\n<tools>"
)
OFFERED = (
    "\n</tools>\n\nFor each call, return a JSON object inside <tool_call></tool_call>:\n"
    '<tool_call>\n{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call>'
)

TEMPLATE = (
    "{%- set offer -%}\n"
    + OFFER
    + r"""
{%- for tool in tools or [] -%}
{{ '\n' }}{{ tool | tojson }}
{%- endfor -%}
"""
    + "{{ "
    + json.dumps(OFFERED)
    + " }}\n"
    + r"""{%- endset -%}
{%- if tools and messages[0].role != 'system' -%}
{{ '<|im_start|>system\n' + offer + '<|im_end|>\n' }}
{%- endif -%}
{%- for message in messages -%}
{%- set is_tool = message.role == 'tool' -%}
{%- set goes_on = is_tool and not loop.first and messages[loop.index0 - 1].role == 'tool' -%}
{%- if not goes_on -%}
{{ '<|im_start|>' + ('user' if is_tool else message.role) + '\n' }}
{%- endif -%}
{%- if is_tool -%}{{ ('\n' if goes_on else '') + '<tool_response>\n' }}{%- endif -%}
{%- if message.reasoning_content -%}
{{ '<think>\n' + message.reasoning_content + '\n</think>\n\n' }}
{%- endif -%}
{%- if message.content is string -%}
{{ message.content }}
{%- else -%}
{%- for part in message.content -%}
{%- if part.type == 'image' or part.type == 'image_url' or 'image' in part -%}
<|vision_start|><|image_pad|><|vision_end|>
{%- elif 'text' in part -%}
{{ part.text }}
{%- endif -%}
{%- endfor -%}
{%- endif -%}
{%- for call in message.tool_calls or [] -%}
{{ ('\n' if message.content or not loop.first else '') + '<tool_call>\n{"name": "' }}
{%- set said = call.function.arguments -%}
{{- call.function.name + '", "arguments": ' -}}
{{- (said if said is string else said | tojson) + '}\n</tool_call>' -}}
{%- endfor -%}
{%- if tools and loop.first and message.role == 'system' -%}{{ '\n\n' + offer }}{%- endif -%}
{%- if is_tool -%}{{ '\n</tool_response>' }}{%- endif -%}
{%- if not is_tool or loop.last or messages[loop.index0 + 1].role != 'tool' -%}
{{ '<|im_end|>\n' }}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\n' }}{%- endif -%}
"""
)
"""Qwen3-VL's way of writing a chat, with pictures in every role."""

_PAIRS = 8  # of an evidence id
_ID_ENDS = r"(?![0-9A-Za-z])"
_ID = [rf"e(?=[0-9a-f]{{{2 * _PAIRS}}}{_ID_ENDS})"] + [
    rf"(?<=e[0-9a-f]{{{2 * k}}})[0-9a-f]{{2}}(?=[0-9a-f]{{{2 * (_PAIRS - 1 - k)}}}{_ID_ENDS})"
    for k in range(_PAIRS)
]
_PIECES = (
    "|".join(_ID) + r"| ?[A-Za-z]+"
    r"|\d{1,3}(?=\.\d)"
    r"|\.\d"
    r"|\d"
    r"| ?[^\sA-Za-z\d]+"
    r"|\s+"
)


def constants(tools: Sequence[ToolSpec]) -> list[str]:
    """The texts that are one token each, for a model that is offered these tools."""
    schemas = [json.dumps(tool, ensure_ascii=False) for tool in render.tool_specs(tools)]
    return [
        f"{prompts.SYSTEM}\n\n{OFFER}\n",
        prompts.SYSTEM_WITHOUT_TOOLS,
        *schemas,
        OFFERED,
        "<think>\n", "\n</think>\n\n",
        "<tool_response>\n", "\n</tool_response>",
        "system\n", "user\n", "assistant\n",
        '<tool_call>\n{"name": "look", "arguments": {"start_s": ', ', "end_s": ', ', "num": ',
        ', "quota": "fine", "video": "v1"',
        '<tool_call>\n{"name": "answer", "arguments": {"value": "',
        '", "evidence": ["', '"]', '", "evidence": [', "]",
        "}}\n</tool_call>",
        "Video v1 ('", "') lasts ", " % of it has been looked at before.\n\n",
        "\n\nYou may spend ", " turns, ", " pictures.",
        "s>", "] v1 ", " pictures of 224x180 pixels, ", " s apart.", " s), ",
        "\nThis took ", " visual tokens; left: ", " pictures, ",
        " pictures, None visual tokens.",
        "The same call as ", ": see its result above. Ask for something else, or answer.",
        " pictures are affordable.", " s exist; shown is that part.",
        f"\n{prompts.FORCED}", f"\n{prompts.FORCED_BY_TOOL}",
        "answered: ", NOT_IN_VIDEO,
        *(f"\n{hint}" for hint in HINTS.values()),
    ]  # fmt: skip


def words(tools: Sequence[ToolSpec]) -> Any:
    """The tokenizer: a `PreTrainedTokenizerFast` with its chat template."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, pre_tokenizers, trainers
    from tokenizers.models import BPE
    from transformers import PreTrainedTokenizerFast

    def split() -> Any:
        return pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(_PIECES), "isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )

    learner = Tokenizer(BPE())
    learner.pre_tokenizer = split()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=4000, initial_alphabet=alphabet, show_progress=False, min_frequency=1
    )
    learner.train_from_iterator(sorted(texts()), trainer)
    learnt = json.loads(learner.to_str())["model"]
    vocab, merges = dict(learnt["vocab"]), [tuple(pair) for pair in learnt["merges"]]
    for left, right in _numbers():
        if (left, right) not in merges:
            merges.append((left, right))
            vocab.setdefault(left + right, len(vocab))
    inner = Tokenizer(BPE(vocab, merges))
    inner.pre_tokenizer, inner.decoder = split(), decoders.ByteLevel()
    inner.add_special_tokens([AddedToken(mark, special=True) for mark in SPECIAL])
    inner.add_tokens(
        [AddedToken(text, special=False, normalized=False) for text in constants(tools)]
    )
    tokenizer = PreTrainedTokenizerFast(  # Qwen's own class brings back its way of splitting
        tokenizer_object=inner, eos_token=SPECIAL[2], pad_token=SPECIAL[0], unk_token=None
    )
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def texts() -> Iterator[str]:
    """What the words are learnt from: phrasings that training uses, and the names of things."""
    for name in NAMES:
        for phrase in family(name).phrases:
            if not phrase.held_out:
                yield from _said(phrase.text)
    named = (script.COLORS, script.SHAPES, script.PATTERNS, script.PLACES, script.THINGS)
    for word in (word for each in named for word in each):
        yield from (f" {word}", f", {word}", word)
    for shape, color in product(script.SHAPES, script.COLORS):
        yield f" {color} {shape} without a hat, with a top hat, with a party hat"
    for place in script.PLACES:
        text = natural(f" in the {place}.")
        yield from (text, text[1].upper() + text[2:])
    yield " yes no and"


def _said(phrase: str) -> Iterator[str]:
    """A phrasing with each of its synonyms, without its slots."""
    options = [part.split("|") for part in re.findall(r"\[([^\]]*)\]", phrase)]
    pieces = re.sub(r"\{[^}]*\}", "#", re.sub(r"\[[^\]]*\]", "\0", phrase)).split("\0")
    for chosen in product(*options):
        text = pieces[0] + "".join(a + b for a, b in zip(chosen, pieces[1:], strict=True))
        yield text[0].upper() + text[1:]


def _numbers() -> Iterator[tuple[str, str]]:
    """Merges that make one token of each whole number, each tenth and each pair of an id."""
    yield from ((".", str(digit)) for digit in range(10))
    for number in range(10, MOST_WHOLE + 1):
        digits = str(number)
        yield digits[:-1], digits[-1]
        if len(digits) == 3 and digits[1] != "0":
            yield digits[0], digits[1:]
    yield from ((left, right) for left in _HEX for right in _HEX)
