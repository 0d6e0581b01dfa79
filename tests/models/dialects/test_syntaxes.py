r"""What models of each dialect write is understood: hand-written examples, as published.

Where the syntaxes come from (repository, file):

- hermes, long_vt: EvolvingLMMs-Lab/LongVT `examples/eval/single_inference.py`,
  `data/launch/imcott_generate.py`; Qwen's chat templates.
- tool_code: EvolvingLMMs-Lab/ParaVT `paravt/eval/driver.py` (`parse_tool_calls`),
  `paravt/rl/rewards/utils.py`.
- eva: wangruohui/EfficientVideoAgent `eval-eva.py`.
- video_o3: ZZQ987/Video-o3-Qwen3VL `Eval/vlmeval/vlm/video_o3/model.py`,
  `Eval/vlmeval/utils/function_tools_video.py`.
- dynframe: zhangguanghao523/DynFrame `README.md`, `data/DM-CoT-74k/actnet_fps.json`,
  `src/llmtuner/model/qwen3vl_enhanced.py`.
- frame_thinker: lcqysl/FrameThinker-RL `examples/agent/infer.py`,
  `verl/workers/agent/envs/visual_agent/think_with_video.py`.
- video_mtr: Xyuan13/Video-MTR `vagen/env/video/prompt.py`, `vagen/env/video/env.py`.
- long_video_agent: longvideoagent/LongVideoAgent `src/evaluation/lvagent/evaluate_api_unified.py`,
  `README.md`.
- ego_r1: egolife-ai/Ego-R1 `Ego-R1-Agent/utils/constants.py`, `Ego-R1-Agent/utils/process.py`.
- m3: ByteDance-Seed/m3-agent `m3_agent/control.py`.
- video_zoomer: zsgvivo/VideoZoomer `scripts/video_eval/tool_call_infer.py`,
  `scripts/video_eval/reflection.py`; its other forms from ParaVT's `parse_video_zoom_calls`.
- video_mind: yeliudev/VideoMind `videomind/constants.py`, `videomind/eval/infer_auto.py`,
  `videomind/dataset/wrappers/grounding.py`.
- video_thinker: the paper's format; the same blocks with `<thinking>` as in OmniVideo-R1.
- openai: the chat-completions API.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from playhead.core.errors import NoSuchPlugin
from playhead.core.policy import Finish
from playhead.core.span import Span
from playhead.models.dialects import Clock, dialect_names, find_dialect, intrinsic_spans

CLOCK = Clock(duration_s=600.0, fps=25, question="Who wins?")


def look(start: float, end: float, **more: Any) -> tuple[str, dict[str, Any]]:
    return "look", {"start_s": start, "end_s": end, **more}


def answer(value: str) -> tuple[str, dict[str, Any]]:
    return "answer", {"value": value, "evidence": []}


def crop(start: Any, end: Any) -> str:
    arguments = {"video_path": "/data/a.mp4", "start_time": start, "end_time": end}
    return json.dumps({"name": "crop_video", "arguments": arguments})


WIRE = {"id": "x", "type": "function", "function": {"name": "look", "arguments": '{"start_s": 3}'}}
RAG = (
    '{"name": "rag", "arguments": {"level": "day", "keywords": ["screwdriver", "applause"], '
    '"start_time": "DAY1_11210217", "query_time": "DAY1_11220217"}}'
)
VIDEO_LLM = (
    '{"name": "video_llm", "arguments": {"question": "Who?", '
    '"range": "DAY1_00010000-DAY1_00020010"}}'
)
VLM = "{'name': 'vlm', 'arguments': {'question': 'Who?', 'timestamp': 'DAY1_00010010'}}"
CODE = "<think>a</think><tool_code>%s</tool_code>"
SELECT = (
    '{"tool":"frame_select","arguments":{"start_time":2,"end_time":5,"nframes":4,"resize":1.0}}'
)
SELECT_2 = '{"tool": "frame_select", "parameters": {"start_time": 7, "end_time": 9, "nframes": 6}}'
PLAN = '[{"type": "grounder", "value": "the goal"}, {"type": "verifier"}, {"type": "answerer"}]'
DANCE = (
    "<think>The dance begins. <span>0.83 - 19.86</span><fps>2</fps><video>\n Looking at the images"
    "</think><answer>0.83 - 19.86</answer>"
)

EXAMPLES = [
    ("hermes", '<tool_call>\n{"name": "search", "arguments": {"text": "a dog"}}\n</tool_call>',
     [("search", {"text": "a dog"})]),
    ("hermes", '<tool_call>{"name": "recall", "arguments": "{\\"query\\": \\"dog\\"}"}</tool_call>'
     '\n<tool_call>{"name": "overview"}</tool_call>',
     [("recall", {"query": "dog"}), ("overview", {})]),
    ("hermes", f"<think>a</think>\n<tool_call>\n{crop(80, 92)}\n</tool_call>",
     [look(80.0, 92.0, fps=1.0)]),
    ("hermes", '<tool_call>{"name": "answer", "arguments": {"value": "B", "evidence": ["e1"]}}',
     [("answer", {"value": "B", "evidence": ["e1"]})]),
    ("long_vt", f"<think>a</think> <tool_call>{crop(80.5, '1:32')}</tool_call>",
     [look(80.5, 92.0, fps=1.0)]),
    ("long_vt", f"<think>a</think><tool_call>{crop(1, 9)}</tool_call><answer>B</answer>",
     [look(1.0, 9.0, fps=1.0)]),
    ("long_vt", "<think>a</think>\n<answer>B</answer>", [answer("B")]),
    ("tool_code", CODE % 'crop_video(video_path="a.mp4", start_time=3, end_time=9.5)',
     [look(3.0, 9.5, fps=1.0)]),
    ("tool_code", CODE % "crop_video(3, 9.5)\nprint(crop_video('a.mp4', 20, 30))",
     [look(3.0, 9.5, fps=1.0), look(20.0, 30.0, fps=1.0)]),
    ("tool_code", f"<tool_call>{crop(1, 9)}</tool_call><tool_call>{crop(20, 29)}</tool_call>",
     [look(1.0, 9.0, fps=1.0), look(20.0, 29.0, fps=1.0)]),
    ("tool_code", CODE % "search(text='a dog', k=3)", [("search", {"text": "a dog", "k": 3})]),
    ("eva", f"Plan.\n<tool_call>{SELECT}</tool_call>", [look(2.0, 5.0, num=4, quota="fine")]),
    ("eva", f"<tool_call>{SELECT}{SELECT_2}</tool_call>",
     [look(2.0, 5.0, num=4, quota="fine"), look(7.0, 9.0, num=6)]),
    ("eva", f"<tool_call>{SELECT}</tool_call> <answer> C </answer>", [answer("C")]),
    ("eva", f"<tool_call>{SELECT.replace('1.0', '0.4')}", [look(2.0, 5.0, num=4, quota="medium")]),
    ("video_o3", '<think>a</think>\n<grounding>{"temporal_segment": [80, 92], '
     '"sampling_strategy": "medium"}</grounding>\n', [look(80.0, 92.0, quota="medium")]),
    ("video_o3", "<think>a</think>\n<grounding>{'temporal_segment': [1.5, 9], "
     "'sampling_strategy': 'fine'}", [look(1.5, 9.0, quota="fine")]),
    ("video_o3", '<grounding>{"temporal_segment": [80, 92], "sampling_strategy": "fine"}'
     "</grounding><answer>D</answer>", [answer("D")]),
    ("dynframe", DANCE, [look(0.83, 19.86, fps=2.0)]),
    ("dynframe", "<think>Hm. <span>6.50 \u2013 10.50</span><fps>1.5", [look(6.5, 10.5, fps=1.5)]),
    ("dynframe", "<think>a</think><answer>0.83 - 19.86</answer>", [answer("0.83 - 19.86")]),
    ("frame_thinker", "<think>a</think><action>choose frames between 100 and 200</action>",
     [look(4.0, 8.0, num=12)]),
    ("frame_thinker", "<think>a</think>\n<action>get frame number at time 62:30</action>",
     [("frame_number", {"time_s": 3750.0})]),
    ("frame_thinker", "<think>a</think><action>output answer: C</action>", [answer("C")]),
    ("video_mtr", "<think>a</think><retrieve>5,10</retrieve>", [look(0.2, 0.44, num=6)]),
    ("video_mtr", "<think>a</think><retrive> 0, 99 </retrive>", [look(0.0, 4.0, num=8)]),
    ("video_mtr", "<think>a</think><answer>B</answer>", [answer("B")]),
    ("long_video_agent", "<reasoning>a</reasoning>\n<search>the man at the door</search>",
     [("search", {"text": "the man at the door"})]),
    ("long_video_agent", "<request_grounding></request_grounding>",
     [("ground", {"query": "Who wins?"})]),
    ("long_video_agent", "<reasoning>a</reasoning><answer>a3</answer>", [answer("a3")]),
    ("long_video_agent", "<visual_query>his hat</visual_query><answer>a1</answer>",
     [("search", {"text": "his hat"})]),
    ("ego_r1", f"<think>a</think>\n<tool>\n{RAG}\n</tool>",
     [("search", {"text": "screwdriver, applause", "until_s": 40922.85})]),
    ("ego_r1", f"<tool>{VIDEO_LLM}</tool>",
     [("caption", {"start_s": 60.0, "end_s": 120.5, "focus": "Who?"})]),
    ("ego_r1", f"<tool>{VLM}</tool>",
     [("caption", {"start_s": 60.5, "end_s": 60.55, "focus": "Who?"})]),
    ("ego_r1", f"<tool>{RAG}</tool><answer>\nA.\n</answer>", [answer("A.")]),
    ("m3", "<think>\nHm.\n</think>\n\nAction: [Search]\nContent: What is the character id of Ava",
     [("search", {"text": "What is the character id of Ava"})]),
    ("m3", "I know.</think>Action: [Answer] Content: In the\nblue box.",
     [answer("In the\nblue box.")]),
    ("m3", "Action: [Search]\nContent: ", [("search", None)]),
    ("video_zoomer", '<think>a</think><video_zoom> {"segment": [4.0, 6.0], "fps": 2} </video_zoom>',
     [look(4.0, 6.0, fps=2.0)]),
    ("video_zoomer", "<think>a</think>\n<answer>\n\\boxed{B}\n</answer>", [answer("B")]),
    ("video_zoomer", '<video_zoom>{"start_time": 10, "end_time": 20}</video_zoom>',
     [look(10.0, 20.0)]),
    ("video_zoomer", "<video_zoom>start=10.0 end=20.0</video_zoom>", [look(10.0, 20.0)]),
    ("video_mind", PLAN, [("ground", {"query": "the goal"})]),
    ("video_mind", '[{"type": "answerer"}]', [look(0.0, 600.0)]),
    ("video_mind", "The relevant moment happens in <|reg|>[0.5, 0.25, 0.98].",
     [look(150.0, 300.0)]),
    ("video_thinker", "<time>1.0-2.5</time><caption>a</caption><think>b</think><answer>B</answer>",
     []),
    ("video_thinker", "<answer>B</answer>", []),
    ("video_thinker", "It is B.", []),
    ("openai", json.dumps({"content": "", "tool_calls": [WIRE]}), [("look", {"start_s": 3})]),
    ("openai", json.dumps({"content": None, "tool_calls": [WIRE, WIRE]}),
     [("look", {"start_s": 3}), ("look", {"start_s": 3})]),
    ("openai", '{"a": 1}', []),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text", "calls"), EXAMPLES)
def test_what_a_model_of_a_dialect_writes_is_understood(
    name: str, text: str, calls: list[tuple[str, dict[str, Any] | None]]
):
    reply = find_dialect(name).read(text, CLOCK)
    read = [(c.name, None if c.problem else c.arguments) for c in reply.calls]
    assert read == calls
    assert reply.finish is (Finish.CALLS if calls else Finish.STOP)


def test_every_dialect_has_at_least_three_examples():
    assert min(sum(name == n for name, _, _ in EXAMPLES) for n in dialect_names()) >= 3


def test_thoughts_and_words_are_kept_apart_from_calls():
    text = f"<think>\nFirst.\n</think>\n\nLet me look.\n<tool_call>\n{crop(1, 2)}\n</tool_call>"
    reply = find_dialect("hermes").read(text, CLOCK)
    assert (reply.thinking, reply.text) == ("First.", "Let me look.")


def test_a_thought_that_the_prompt_opened_is_a_thought():
    reply = find_dialect("hermes").read("First.\n</think>\n\nIt is B.", CLOCK)
    assert (reply.thinking, reply.text) == ("First.", "It is B.")


def test_a_call_inside_a_thought_is_only_a_thought():
    reply = find_dialect("hermes").read(
        f"<think><tool_call>{crop(1, 2)}</tool_call></think>", CLOCK
    )
    assert reply.calls == ()


def test_a_thought_left_open_ends_where_a_call_begins():
    reply = find_dialect("hermes").read(f"<think>Hm.<tool_call>{crop(1, 2)}</tool_call>", CLOCK)
    assert (reply.thinking, len(reply.calls)) == ("Hm.", 1)


def test_what_follows_a_result_that_the_model_dreamt_is_not_read():
    text = "<search>a</search><information>It is B.</information><answer>B</answer>"
    reply = find_dialect("long_video_agent").read(text, CLOCK)
    assert [call.name for call in reply.calls] == ["search"]


@pytest.mark.parametrize(
    "arguments",
    [
        {"video_path": "x"},
        {"path": "x"},
        {"video": "/etc/passwd"},
        {"video": "https://example.com/a"},
        {"videos": ["a.mp4"]},
        {"image": "C:\\a.png"},
    ],
)
def test_no_argument_names_a_file_or_an_address(arguments: dict[str, Any]):
    call = json.dumps({"name": "look", "arguments": {"start_s": 1, **arguments}})
    reply = find_dialect("hermes").read(f"<tool_call>{call}</tool_call>", CLOCK)
    assert reply.calls[0].arguments == {"start_s": 1}


def test_a_search_may_be_for_words_that_look_like_an_address():
    call = json.dumps({"name": "search", "arguments": {"text": "https://example.com"}})
    reply = find_dialect("hermes").read(f"<tool_call>{call}</tool_call>", CLOCK)
    assert reply.calls[0].arguments == {"text": "https://example.com"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("hermes", '<tool_call>{"name": "look", "argum'),
        ("hermes", "<tool_call></tool_call>"),
        ("hermes", '<tool_call>{"name": "look", "arguments": [1]}</tool_call>'),
        ("hermes", '<tool_call>{"name": "crop_video", "arguments": {}}</tool_call>'),
        ("tool_code", CODE % "crop_video(start_time=open('a'), end_time=3)"),
        ("tool_code", CODE % "for"),
        ("eva", '<tool_call>{"tool": "frame_select", "arguments": {"start_time": 1}}</tool_call>'),
        ("video_o3", '<grounding>{"temporal_segment": [1]}</grounding>'),
        ("dynframe", "<think>a <span>later</span><fps>2</fps>"),
        ("frame_thinker", "<action>zoom out</action>"),
        ("video_mtr", "<retrieve>10, 5</retrieve>"),
        ("long_video_agent", "<search> </search>"),
        ("ego_r1", '<tool>{"name": "vlm", "arguments": {"timestamp": "noon"}}</tool>'),
        ("video_zoomer", "<video_zoom>the end</video_zoom>"),
        ("video_mind", "The relevant moment happens in <|reg|>."),
    ],
)
def test_a_call_that_cannot_be_read_says_why_and_keeps_what_was_written(name: str, text: str):
    (call,) = find_dialect(name).read(text, CLOCK).calls
    assert call.problem
    assert call.raw is not None
    assert call.raw in text or json.loads(call.raw) is not None


def test_code_is_read_and_never_run():
    text = CODE % "crop_video(start_time=__import__('os').getpid(), end_time=3)"
    (call,) = find_dialect("tool_code").read(text, CLOCK).calls
    assert call.problem


def test_a_turn_of_a_thousand_calls_says_that_it_was_cut():
    reply = find_dialect("hermes").read(f"<tool_call>{crop(1, 2)}</tool_call>" * 1000, CLOCK)
    assert "at most" in (reply.calls[-1].problem or "")
    assert all(call.problem is None for call in reply.calls[:-1])


def test_call_ids_go_on_from_earlier_turns():
    text = f"<tool_call>{crop(1, 2)}</tool_call>" * 2
    reply = find_dialect("hermes").read(text, CLOCK.after(3))
    assert [call.id for call in reply.calls] == ["call_3", "call_4"]


def test_a_thinker_names_spans_and_what_is_there():
    text = (
        "<time>1.0-2.5</time><caption>A brush.</caption><think>So.</think>"
        "<time>1:05-1:10</time><think>No caption.</think>"
        "<time>9-3</time><caption>Backwards.</caption><time>nan-inf</time>"
    )
    assert intrinsic_spans(text) == [
        (Span(start=1.0, end=2.5), "A brush."),
        (Span(start=65.0, end=70.0), ""),
    ]


def test_an_unknown_dialect_is_refused_with_the_names_there_are():
    with pytest.raises(NoSuchPlugin, match="Did you mean 'hermes'"):
        find_dialect("hermess")
