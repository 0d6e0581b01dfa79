"""Pictures that come from no video, shown by a tool: by reference, and there again later."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from playhead import Library, Session
from playhead.agent.checkpoints import open_checkpoints
from playhead.agent.store import SessionStore
from playhead.core import PicturePart, tool
from playhead.core.budget import Cost
from playhead.core.tools import Observation
from playhead.memory.recipe import MemoryRecipe
from playhead.tools.context import ToolContext
from playhead.tools.toolset import default_tools
from tests.agent.policies import Planner, answering, call, calling

PLAN = np.zeros((40, 60, 3), np.uint8)
PLAN[10:20, 10:30] = (200, 40, 40)


@tool
def plan(ctx: ToolContext) -> Observation:
    """Shows the plan of the building."""
    part = PicturePart(frame=ctx.give(PLAN))
    return Observation(call_id="", parts=(part,), cost=Cost(frames=1))


TOOLS = [*default_tools(), plan]


def library_with(film: Path, folder: Path) -> Library:
    library = Library(folder, recipe=MemoryRecipe(late_eyes=()))
    library.add(film)
    library.wait()
    return library


def test_a_picture_of_a_tool_is_kept_by_reference_and_shown_again(
    film_files: dict[str, Path], tmp_path: Path
):
    with library_with(film_files["demo"], tmp_path / "library") as library:
        policy = Planner(calling(call("plan")), answering("a plan"))
        with Session(library, model=policy, tools=TOOLS, strategy="seek") as session:
            session.ask("What is on the plan?")
            (question,) = session.questions()
            name = session.id
        assert question.trajectory is not None
        (frame,) = (m.frames[0] for m in question.trajectory.messages() if m.frames)
        assert frame.video_id.startswith("image:")
        assert len(question.trajectory.to_json()) < 20_000

        # another program goes on from the step that has shown it
        later = Planner(answering("a plan again"))
        with Session(library, model=later, tools=TOOLS, id=name) as session:
            *_, last = session.fork(1, 1)
            assert last.answer is not None
            store = session.store
            assert store.picture(frame.video_id)
        shown = [m.frames for m in later.messages[0] if m.frames]
        assert shown == [(frame,)]
        receipts = list((library.folder / "receipts").glob("*.json"))
        assert len(receipts) == 2
        assert all(frame.video_id in receipt.read_text() for receipt in receipts)


def test_forgetting_one_session_keeps_the_pictures_of_another(
    film_files: dict[str, Path], tmp_path: Path
):
    with library_with(film_files["demo"], tmp_path / "library") as library:
        names: list[str] = []
        for turns in ((calling(call("plan")), answering("a plan")), (answering("nothing"),)):
            policy = Planner(*turns)
            with Session(library, model=policy, tools=TOOLS, strategy="seek") as session:
                session.ask("What is on the plan?")
                names.append(session.id)
        store = SessionStore(library.folder / "sessions.sqlite")
        (question,) = store.questions(names[0])
        assert question.trajectory is not None
        (id_,) = {m.frames[0].video_id for m in question.trajectory.messages() if m.frames}
        store.delete(names[1])
        assert store.picture(id_)
        with open_checkpoints(store.path) as checkpoints:
            checkpoints.setup()
            state = {"id": "1", "channel_values": {"steps": [question.trajectory.to_json()]}}
            where = {"configurable": {"thread_id": f"{names[0]}-2", "checkpoint_ns": ""}}
            checkpoints.put(where, state, {}, {})  # type: ignore[arg-type]
        store._run("UPDATE questions SET trajectory = NULL WHERE session = ?", (names[0],))
        store.delete("another")
        assert store.picture(id_), "a question that is not answered yet has shown it"
        store._run("DELETE FROM checkpoints WHERE thread_id = ?", (f"{names[0]}-2",))
        store.delete(names[0])
        assert store.picture(id_) is None
        store.close()
