"""The life of one question: what is carried out, what is told, what is kept."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from playhead.agent.answers import chosen
from playhead.agent.attempt import attempt, config, first_state, prepare
from playhead.agent.record import trajectory
from playhead.agent.router import route
from playhead.agent.strategies import compiled
from playhead.core import Blamed, Budget, Origin, Reply, Role, Stop, Task, ToolCall, tool
from playhead.core.policy import Author
from playhead.core.tools import Tool
from playhead.tools.context import ToolContext
from playhead.tools.toolset import default_tools
from tests.agent.conftest import Films
from tests.agent.policies import Planner, RandomPolicy, answering, calling, ids_in
from tests.agent.policies import call as wish

SEARCH = wish("search", text="miller key bridge")


def look(start_s: float, end_s: float, **more: object) -> ToolCall:
    return wish("look", start_s=start_s, end_s=end_s, **more)


def said(record, step: int, number: int = 0) -> str:
    return record.steps[step].observations[number].text


# The life of a question


def test_search_then_look_then_an_answer_that_cites_what_was_found(films: Films):
    policy = Planner(
        calling(SEARCH),
        calling(look(6, 12, num=4)),
        lambda messages: answering("under the old bridge", ids_in(messages)[0], confidence=0.9),
    )
    record = films.ask(policy, films.demo, question="Where is the key?", strategy="seek")
    assert record.stop is Stop.ANSWERED
    answer = record.answer
    assert answer is not None
    assert (answer.text, answer.confidence) == ("under the old bridge", 0.9)
    (cited,) = answer.evidence
    assert "miller" in cited.text
    assert 6 <= cited.span.start < cited.span.end <= 12
    assert record.cost.frames == 4
    assert record.cost.turns == 3
    assert answer.coverage == 1.0


def test_plain_words_are_an_answer_and_their_citations_are_taken_out(films: Films):
    policy = Planner(
        calling(SEARCH),
        lambda messages: Reply(text=f"Under the bridge [{ids_in(messages)[0]}]."),
    )
    answer = films.ask(policy, films.demo, strategy="seek").answer
    assert answer is not None
    assert answer.text == "Under the bridge ."
    assert len(answer.evidence) == 1


def test_only_evidence_that_was_really_found_can_be_cited(films: Films):
    invented = "e0123456789abcdef"
    policy = Planner(answering("a boat", invented), Reply(text=f"a boat [{invented}]"))
    record = films.ask(policy, films.demo, strategy="seek")
    refused = record.steps[0].observations[0].failure
    assert refused is not None
    assert (refused.origin, refused.code) == (Origin.MODEL, "no_such_evidence")
    assert record.answer is not None
    assert record.answer.evidence == ()


def test_brackets_around_an_id_do_not_lose_the_citation(films: Films):
    policy = Planner(
        calling(SEARCH), lambda messages: answering("a key", f"[{ids_in(messages)[0]}]")
    )
    answer = films.ask(policy, films.demo, strategy="seek").answer
    assert answer is not None
    assert len(answer.evidence) == 1


def test_unknown_tools_and_bad_arguments_are_told_with_what_there_is(films: Films):
    unread = ToolCall.read("x", "look", "{start: 1")
    policy = Planner(calling(wish("zoom"), wish("look", start_s="soon"), unread, look(50, 60)))
    record = films.ask(policy, films.demo, strategy="seek")
    codes = [o.failure.code for o in record.steps[0].observations if o.failure]
    assert codes == ["no_such_tool", "bad_arguments", "unreadable_arguments", "impossible"]
    assert "search" in said(record, 0, 0)
    assert "start_s" in said(record, 0, 1)
    assert "not JSON" in said(record, 0, 2)
    assert "0.0 to 27.0" in said(record, 0, 3)
    assert record.cost.frames == 0


def test_the_same_call_again_gives_a_pointer_and_costs_nothing(films: Films):
    again = look(1, 3, num=2)
    policy = Planner(calling(again, again), calling(again), calling(again))
    record = films.ask(policy, films.demo, strategy="seek")
    for step, number in ((0, 1), (1, 0), (2, 0)):
        assert "same call as c1.1" in said(record, step, number)
    assert record.cost.frames == 2


def test_a_call_that_failed_may_be_tried_again(films: Films):
    tries: list[int] = []

    @tool
    def flaky(ctx: ToolContext) -> str:
        """Works the second time."""
        tries.append(1)
        if len(tries) == 1:
            raise OSError("not yet")
        return "there"

    policy = Planner(calling(wish("flaky")), calling(wish("flaky")))
    record = films.ask(policy, strategy="seek", tools=[flaky])
    failure = record.steps[0].observations[0].failure
    assert failure is not None
    assert failure.origin is Origin.TOOL
    assert "not yet" not in said(record, 0)
    assert said(record, 1) == "there"


def test_what_is_written_down_between_can_be_read_again(films: Films):
    recall = wish("recall", query="")
    policy = Planner(
        calling(recall), calling(wish("note", text="the boat has number 42")), calling(recall)
    )
    record = films.ask(policy, films.demo, strategy="seek")
    assert "number 42" in said(record, 2)


def test_more_calls_at_once_than_can_be_meant_are_refused(films: Films):
    policy = Planner(calling(*[wish("search", text=f"word {i}") for i in range(40)]))
    record = films.ask(policy, films.demo, strategy="seek")
    failures = [o.failure.code for o in record.steps[0].observations if o.failure]
    assert failures == ["too_many_calls"] * 8


# At the same time, or in turn


def test_what_was_written_down_in_the_same_turn_can_be_read_again_in_it(films: Films):
    recall = wish("recall", query="")
    note = wish("note", text="the windmill has four sails")
    record = films.ask(Planner(calling(recall, note, recall)), films.demo, strategy="seek")
    assert "four sails" in said(record, 0, 2)


def test_calls_of_one_turn_that_only_read_run_at_the_same_time(films: Films):
    both = threading.Barrier(2, timeout=120)

    @tool
    def meet(ctx: ToolContext, who: str) -> str:
        """Wait until the other one is there, too.

        Args:
            who: You.
        """
        both.wait()
        return f"{who} was there"

    record = films.ask(
        Planner(calling(wish("meet", who="ann"), wish("meet", who="bob"))),
        strategy="seek",
        tools=[meet],
    )
    assert [o.text for o in record.steps[0].observations] == ["ann was there", "bob was there"]


def test_calls_that_write_run_in_their_order_and_alone(films: Films):
    log: list[str] = []

    @tool(reads_only=False)
    def write(ctx: ToolContext, word: str) -> str:
        """Write a word.

        Args:
            word: It.
        """
        log.append(f"begin {word}")
        log.append(f"end {word}")
        return "written"

    @tool
    def read(ctx: ToolContext, nr: int) -> str:
        """Read all words.

        Args:
            nr: Of this reading.
        """
        return ",".join(entry for entry in log if entry.startswith("end"))

    calls = (
        wish("read", nr=1), wish("write", word="a"), wish("read", nr=2), wish("write", word="b"),
        wish("read", nr=3),
    )  # fmt: skip
    record = films.ask(Planner(calling(*calls)), strategy="seek", tools=[write, read])
    assert log == ["begin a", "end a", "begin b", "end b"]
    assert [said(record, 0, i) for i in (0, 2, 4)] == ["", "end a", "end a,end b"]


# Options and abstention


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("B", "a dog"),
        ("b", "a dog"),
        ("(B)", "a dog"),
        ("B. a dog", "a dog"),
        ("B) it barks", "a dog"),
        ("Answer: (B)", "a dog"),
        ("The answer is C.", "a dog house"),
        ("A DOG", "a dog"),
        ("It is a dog.", "a dog"),
        ("I see a dog house.", "a dog house"),
        ("A bird", None),
        ("I do not know", None),
        ("a cat or a dog", None),
        ("E", None),
        ("", None),
    ],
)
def test_an_option_is_chosen_by_its_letter_or_by_its_words(text: str, right: str | None):
    assert chosen(text, ("a cat", "a dog", "a dog house", "12")) == right


def test_an_article_is_not_the_letter_of_an_option():
    assert chosen("A dog runs.", ("cat", "dog")) == "dog"
    assert chosen("I saw 12 birds", ("2", "12")) == "12"


def test_the_answer_tool_and_plain_words_choose_the_same_option(films: Films):
    task = {"options": ("a cat", "a dog")}
    for turn in (answering("b"), answering("B."), Reply(text="(b)"), Reply(text="A dog.")):
        answer = films.ask(Planner(turn), strategy="seek", task=task).answer
        assert answer is not None
        assert (answer.choice, answer.abstained, answer.warnings) == ("a dog", False, ())


@pytest.mark.parametrize(
    ("text", "abstained"),
    [
        ("not in the video", True),
        ("It is not told.", True),
        ("I cannot tell", True),
        ("Unknown.", True),
        ("An unknown man opens the door", False),
        ("There is no answer on the phone", False),
        ("a boat", False),
    ],
)
def test_an_honest_i_do_not_know_is_an_abstention(films: Films, text: str, abstained: bool):
    answer = films.ask(Planner(Reply(text=text)), strategy="seek").answer
    assert answer is not None
    assert answer.abstained is abstained


# When it has to end


def test_three_turns_without_anything_new_end_with_one_announced_last_turn(films: Films):
    policy = Planner(*[calling(SEARCH)] * 4, Reply(text="under the bridge"))
    record = films.ask(policy, films.demo, strategy="seek")
    assert record.stop is Stop.REPEATED
    assert "Now give your answer" in said(record, 3)
    assert "Now give your answer" not in said(record, 2)
    assert policy.samplings[-1].tool_choice == "answer"
    assert record.answer is not None
    assert record.answer.text == "under the bridge"
    assert record.answer.warnings


def test_the_last_turn_of_the_budget_is_announced_and_only_the_answer_tool_works_in_it(
    films: Films,
):
    policy = Planner(calling(look(1, 2, num=1)), calling(look(3, 4, num=1)))
    record = films.ask(policy, films.demo, strategy="seek", budget=Budget(turns=2))
    assert record.stop is Stop.BUDGET
    assert "Now give your answer" in said(record, 0)
    assert record.steps[1].observations[0].failure is not None
    assert record.steps[1].observations[0].failure.code == "not_now"
    assert record.cost.frames == 1
    assert record.answer is not None
    assert record.answer.abstained


def test_whoever_has_one_turn_is_told_so_at_once(films: Films):
    policy = Planner(Reply(text="a ball"))
    record = films.ask(policy, films.demo, strategy="seek", budget=Budget(turns=1))
    assert "Now give your answer" in policy.messages[0][1].text
    assert record.answer is not None
    assert record.answer.text == "a ball"


def test_a_wrong_citation_in_the_last_turn_gets_a_second_chance_if_a_turn_is_left(films: Films):
    turns = [calling(SEARCH)] * 4
    policy = Planner(*turns, answering("key", "e0123456789abcdef"), answering("key"))
    record = films.ask(policy, films.demo, strategy="seek")
    assert record.answer is not None
    assert (record.stop, record.answer.text) == (Stop.REPEATED, "key")


# Whose fault it was


@pytest.mark.parametrize(
    ("error", "origin"),
    [
        (Blamed(Origin.WORLD, "the server is gone"), Origin.WORLD),
        (KeyError("a bug"), Origin.TOOL),
        (TimeoutError("the server was slow"), Origin.WORLD),
        (asyncio.CancelledError(), Origin.TOOL),
        (RecursionError(), Origin.TOOL),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else str(value),
)
def test_what_a_policy_raises_is_in_the_record_with_whose_fault_it_was(
    films: Films, error: BaseException, origin: Origin
):
    record = films.ask(Planner(calling(SEARCH), error), films.demo, strategy="seek")
    assert record.stop is Stop.FAILED
    assert record.blame is origin
    assert record.answer is None
    assert len(record.steps) == 1


def test_what_is_no_reply_is_not_the_models_fault(films: Films):
    record = films.ask(Planner(lambda _: "just words"), strategy="seek")
    assert record.failure is not None
    assert (record.blame, "Reply" in record.failure.message) == (Origin.TOOL, True)


def test_a_policy_that_hangs_is_left_when_the_time_is_over(films: Films):
    policy = Planner(calling(SEARCH), lambda _: asyncio.sleep(3600))
    record = films.ask(policy, films.demo, strategy="seek", budget=Budget(seconds=1.5))
    assert record.stop is Stop.BUDGET
    assert record.answer is not None
    assert "bridge" in record.answer.text  # the nearest moment that was found
    assert record.answer.abstained


@pytest.mark.parametrize("writes", [False, True])
def test_tools_that_hang_are_left_when_the_time_is_over(films: Films, writes: bool):
    over = threading.Event()

    def hang(ctx: ToolContext, nr: int) -> str:
        """Hang.

        Args:
            nr: Of this call.
        """
        over.wait(60)
        return "at last"

    slow = tool(reads_only=not writes)(hang)
    calls = [wish("hang", nr=i) for i in range(4)]
    try:
        record = films.ask(
            Planner(calling(*calls)), strategy="seek", tools=[slow], budget=Budget(seconds=1.5)
        )
    finally:
        over.set()
    codes = [o.failure.code for o in record.steps[0].observations if o.failure]
    assert codes == ["out_of_time"] * 4
    assert record.stop is Stop.BUDGET


def test_a_cancelled_attempt_ends_and_takes_the_policy_with_it(films: Films):
    gone: list[str] = []

    async def thinking(_: object) -> Reply:
        try:
            await asyncio.sleep(3600)
        finally:
            gone.append("policy")
        raise AssertionError("unreachable")

    async def run(ctx: ToolContext) -> None:
        task = Task(id="t", question="?", video_ids=(films.clock,))
        work = asyncio.ensure_future(attempt(task, Planner(thinking), default_tools(), ctx))
        await asyncio.sleep(0.3)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        await asyncio.sleep(0)

    with films.context() as ctx:
        films.loop.run_until_complete(run(ctx))
    assert gone == ["policy"]


# Verifying


def test_verifying_shows_the_evidence_alone_and_says_whether_it_suffices(films: Films):
    for again, verified in (("Under the OLD bridge.", True), ("in the mill", False)):
        policy = Planner(
            calling(SEARCH),
            lambda messages: answering("under the old bridge", ids_in(messages)[0]),
            Reply(text=again),
        )
        record = films.ask(policy, films.demo, strategy="seek", verify=True)
        assert record.answer is not None
        assert record.answer.verified is verified
        assert bool(record.answer.warnings) is not verified
        assert record.cost.turns == 3
        system, question, _, told = policy.messages[-1]
        assert (system.role, question.role, told.role) == (Role.SYSTEM, Role.USER, Role.TOOL)
        assert "bridge" in told.text
        assert "bridge" not in question.text


def test_an_answer_that_cites_nothing_was_not_checked_and_says_so(films: Films):
    record = films.ask(Planner(answering("a boat")), strategy="seek", verify=True)
    assert record.answer is not None
    assert record.answer.verified is None
    assert "cites no evidence" in record.answer.warnings[0]
    assert record.cost.turns == 1


def test_an_abstention_is_not_checked(films: Films):
    record = films.ask(Planner(answering("not in the video")), strategy="seek", verify=True)
    assert record.answer is not None
    assert (record.answer.abstained, record.answer.verified) == (True, None)
    assert record.answer.warnings == ()


def test_a_policy_that_breaks_while_it_verifies_does_not_lose_the_answer(films: Films):
    policy = Planner(
        calling(SEARCH), lambda m: answering("a key", ids_in(m)[0]), ZeroDivisionError()
    )
    record = films.ask(policy, films.demo, strategy="seek", verify=True)
    assert record.answer is not None
    assert (record.answer.text, record.answer.verified) == ("a key", None)
    assert record.answer.warnings


def test_nothing_is_verified_that_cannot_be_paid(films: Films):
    policy = Planner(calling(look(0, 20, num=8)), lambda m: answering("a ball", ids_in(m)[0]))
    record = films.ask(
        policy, films.demo, strategy="seek", verify=True, budget=Budget(turns=9, frames=10)
    )
    assert record.answer is not None
    assert (record.answer.verified, record.cost.frames) == (None, 8)


# The record is what happened


def shown_is_recorded(record, policy: Planner, *, only_asked: bool = True) -> None:
    """`messages(before=i)` is what the policy was shown when it took step i."""
    own = [i for i, step in enumerate(record.steps) if step.reply.author is not Author.SCRIPT]
    assert len(own) == len(policy.messages)
    for i, messages in zip(own, policy.messages, strict=True):
        assert record.messages(before=i) == messages
    for tools in policy.tools:
        assert tuple(tools) == record.tools


def test_the_record_tells_exactly_what_the_policy_was_shown(films: Films):
    policy = Planner(
        calling(SEARCH, wish("nope")),
        Reply(text=""),
        calling(look(6, 8, num=2), text="now look"),
        lambda m: answering("under the bridge", ids_in(m)[0]),
    )
    record = films.ask(policy, films.demo, strategy="seek")
    shown_is_recorded(record, policy)
    assert all(step.shown is None for step in record.steps)
    for before, after in zip(policy.messages, policy.messages[1:], strict=False):
        assert after[: len(before)] == before


def test_a_small_window_hides_old_steps_and_says_which(films: Films):
    looks = [calling(look(i, i + 1, num=2)) for i in range(5)]
    policy = Planner(*looks, calling(look(0, 1, num=2)), last="done")
    with films.context(films.demo) as ctx:
        task = Task(id="t", question="What?", video_ids=(films.demo,))
        run = prepare(task, policy, default_tools(), ctx, strategy="seek")
        run.window_tokens = 1000
        asked = compiled("seek").ainvoke(first_state(run), context=run, config=config(run))
        record = trajectory(run, films.loop.run_until_complete(asked), "t")
    shown_is_recorded(record, policy)
    assert record.steps[5].shown is not None
    assert 0 not in record.steps[5].shown
    assert {3, 4} <= set(record.steps[5].shown)
    assert record.cost.frames == 12  # what was hidden is shown again when it is asked for


@pytest.mark.parametrize("seed", range(12))
def test_whatever_a_policy_does_the_record_tells_it(films: Films, seed: int):
    fuzz = RandomPolicy(seed)
    policy = Planner(*[lambda m: fuzz.reply(m, (), None) for _ in range(20)])  # type: ignore[arg-type]
    record = films.ask(policy, films.demo, strategy="seek", budget=Budget(turns=7, frames=30))
    shown_is_recorded(record, policy)


# Strategies


def test_direct_looks_once_and_asks_once_without_tools(films: Films):
    policy = Planner(Reply(text="a ball"))
    record = films.ask(policy, films.demo, strategy="direct")
    shown_is_recorded(record, policy)
    assert record.stop is Stop.ANSWERED
    assert record.steps[0].reply.author is Author.SCRIPT
    assert policy.tools == [()]
    assert len(policy.messages[0][-1].frames) == record.cost.frames == 32
    assert record.cost.turns == 1


def test_direct_shows_several_videos(films: Films):
    policy = Planner(Reply(text="a ball"))
    record = films.ask(policy, films.demo, films.clock, strategy="direct")
    seen = {frame.video_id for message in policy.messages[0] for frame in message.frames}
    assert seen == {films.demo, films.clock}
    assert record.cost.frames == 32


def test_sparse_to_dense_looks_more_closely_while_its_votes_differ(films: Films):
    votes = [Reply(text=text) for text in ("a", "b", "c", "a boat", "a boat", "a ball")]
    policy = Planner(*votes)
    record = films.ask(policy, films.demo, strategy="sparse_to_dense")
    shown_is_recorded(record, policy)
    assert record.cost.frames == 8 + 16
    assert record.answer is not None
    assert record.answer.text == "a boat"
    assert record.answer.confidence == pytest.approx(2 / 3)
    for messages in policy.messages:
        assert not [m for m in messages if m.role is Role.ASSISTANT and m.text]


def test_votes_with_calls_are_kept_and_paid_but_do_not_count(films: Films):
    policy = Planner(calling(look(1, 2)), Reply(text="a boat"), Reply(text="a boat"))
    record = films.ask(policy, films.demo, strategy="sparse_to_dense")
    shown_is_recorded(record, policy)
    assert (record.cost.turns, record.cost.frames) == (3, 8)
    assert record.answer is not None
    assert record.answer.text == "a boat"


def test_a_vote_that_breaks_keeps_the_votes_before_it(films: Films):
    policy = Planner(Reply(text="a"), Blamed(Origin.WORLD, "gone"))
    record = films.ask(policy, films.demo, strategy="sparse_to_dense")
    assert (record.stop, record.blame) == (Stop.FAILED, Origin.WORLD)
    assert len(record.steps) == 2


def test_short_videos_are_looked_at_as_a_whole_unless_the_policy_needs_tools(films: Films):
    policy = Planner()
    with films.context(films.demo) as short, films.context(films.clock) as long:
        tools = default_tools()
        assert route(short, policy, tools) == route(short, policy, tools[:3]) == "direct"
        assert route(long, policy, tools) == "seek"
        policy.needs_tools = True  # type: ignore[attr-defined]
        assert route(short, policy, tools) == "seek"


@tool
def count(ctx: ToolContext) -> str:
    """Count."""
    return "3"


def test_tools_of_the_callers_own_are_offered_on_short_videos_too(films: Films):
    policy = Planner(calling(wish("count")), Reply(text="three"))
    record = films.ask(policy, films.demo, tools=[*default_tools(), count])
    assert [spec.name for spec in policy.tools[0]][-1] == "count"
    assert said(record, 0) == "3"
    assert record.answer is not None
    assert record.answer.text == "three"


def test_looking_at_once_looks_whatever_tools_the_caller_gave(films: Films):
    record = films.ask(Planner(Reply(text="a ball")), films.demo, tools=[count], strategy="direct")
    assert record.cost.frames == 32


def test_an_attempt_leaves_no_file_behind(films: Films):
    def files() -> set[Path]:
        return {path for path in films.library.folder.rglob("*") if "0000" not in str(path)}

    before = files()
    films.ask(Planner(calling(SEARCH)), films.demo, strategy="seek")
    assert files() == before


def test_every_tool_is_offered_by_name(films: Films):
    policy = Planner()
    films.ask(policy, strategy="seek")
    names: list[str] = [spec.name for spec in policy.tools[0]]
    everything: tuple[Tool, ...] = default_tools()
    assert names == [each.name for each in everything]
