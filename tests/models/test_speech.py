"""Speech: every word once, with the second at which it is said, however the video is cut."""

from __future__ import annotations

import os
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from playhead.core.errors import MissingExtra
from playhead.core.evidence import Evidence
from playhead.core.span import Span
from playhead.models.eyes.base import Transcriber
from playhead.models.eyes.speech import (
    RATE,
    Speech,
    WhisperTranscriber,
    find_transcriber,
    subtitle_evidence,
)
from playhead.video import Frames, Video, open_video
from playhead.video.sound import Sound
from playhead.worlds.edits import add_event
from playhead.worlds.listen import tones_in
from playhead.worlds.script import Beep, World
from playhead.worlds.videos import VirtualVideo, write_world
from tests.worlds.test_script import quiet

BURSTS = [Beep.burst(0, 5_000, 4, "high"), Beep.burst(1, 33_000, 3, "low")]
WORLD: World = add_event(quiet(), *BURSTS)
TONES = [
    (burst.pitch, (burst.start_ms + i * burst.period_ms) / 1000)
    for burst in BURSTS
    for i in range(burst.beeps)
]


class ToneTranscriber:
    """Names the beeps it hears: an engine that needs no weights and is always right."""

    name = "tones"

    def transcribe(self, samples: NDArray[np.float32], rate: int) -> list[tuple[float, float, str]]:
        found = tones_in(Sound(samples, rate))
        return [(tone.start_ms / 1000, tone.end_ms / 1000, tone.pitch) for tone in found]


class LengthTranscriber:
    """Says how much it got, and keeps it."""

    name = "lengths"

    def __init__(self) -> None:
        self.heard: list[NDArray[np.float32]] = []

    def transcribe(self, samples: NDArray[np.float32], rate: int) -> list[tuple[float, float, str]]:
        self.heard.append(samples)
        return [(0.0, len(samples) / rate, f"{len(samples)} samples")]


class Dark(VirtualVideo):
    """A world whose sound is ours."""

    def __init__(self, samples: NDArray[np.float32]) -> None:
        super().__init__(quiet())
        self.samples = samples
        self.info = self.info.replace(duration_s=len(samples) / RATE, has_audio=True)

    def sound(self, span: Span | None = None, *, rate: int = RATE) -> Sound:
        return Sound(self.samples, rate).crop(span or self.info.span)


def hear(video: Video, engine: Transcriber, *borders: float) -> list[Evidence]:
    """What is said in each piece between the borders."""
    unseen = Frames(np.zeros((1, 2, 2, 3), np.uint8), np.zeros(1), video.id)
    edges = [0.0, *borders, video.info.duration_s]
    pieces = [Span(start=a, end=b) for a, b in pairwise(edges)]
    return [said for piece in pieces for said in Speech(engine).see(video, piece, unseen)]


def talk(length_s: float, *talks: tuple[float, float]) -> NDArray[np.float32]:
    """Loud noise where somebody talks, with a breath in every second, in a faint hiss."""
    rng = np.random.default_rng(0)
    samples = rng.normal(0, 0.0005, round(length_s * RATE))
    for start_s, end_s in talks:
        first, last = round(start_s * RATE), round(end_s * RATE)
        dips = np.arange(last - first) % RATE < 0.75 * RATE
        samples[first:last] += rng.normal(0, 0.2, last - first) * np.where(dips, 1.0, 0.01)
    return samples.astype(np.float32)


def test_what_is_heard_is_on_the_clock_of_the_pictures(tmp_path: Path):
    with VirtualVideo(WORLD) as virtual, open_video(write_world(WORLD, tmp_path).path) as file:
        for video in (virtual, file):
            found = hear(video, ToneTranscriber())
            assert [evidence.text for evidence in found] == [pitch for pitch, _ in TONES]
            for evidence, (_, start_s) in zip(found, TONES, strict=True):
                assert evidence.kind == "speech"
                assert evidence.video_id == video.id
                assert evidence.span.start == pytest.approx(start_s, abs=0.02)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0.5, 59.5), max_size=4, unique=True).map(sorted))
def test_a_video_cut_anywhere_says_every_word_once(borders: list[float]):
    with VirtualVideo(WORLD) as video:
        found = hear(video, ToneTranscriber(), *borders)
    assert [evidence.text for evidence in found] == [pitch for pitch, _ in TONES]


def test_no_evidence_lies_outside_its_piece():
    with VirtualVideo(WORLD) as video:
        border_s = TONES[1][1] + 0.05
        found = hear(video, ToneTranscriber(), border_s)
        for said in found:
            assert said.span.end <= border_s or said.span.start >= border_s


def test_only_where_something_is_heard_somebody_listens():
    engine = LengthTranscriber()
    video = Dark(talk(120, (10, 12), (50, 55), (90, 91)))
    found = hear(video, engine)
    assert [said.span.start for said in found] == pytest.approx([10, 50, 90], abs=0.3)
    assert sum(map(len, engine.heard)) < 11 * RATE


def test_what_is_said_without_a_pause_is_heard_in_one_piece():
    engine = LengthTranscriber()
    found = hear(Dark(talk(60, (10, 24), (25, 31))), engine)
    assert [said.span.start for said in found] == pytest.approx([10], abs=0.3)
    assert [said.span.end for said in found] == pytest.approx([31], abs=0.3)
    found = hear(Dark(talk(90, (10, 24), (25, 31), (32, 50))), engine)
    assert [said.span.start for said in found] == pytest.approx([10, 32], abs=0.3)


def test_who_never_pauses_is_cut_where_it_is_quietest():
    engine = LengthTranscriber()
    video = Dark(talk(150, (5, 145)))
    found = hear(video, engine)
    assert all(len(samples) <= 30 * RATE for samples in engine.heard)
    assert sum(map(len, engine.heard)) == pytest.approx(140 * RATE, abs=RATE)
    for said in found[1:]:
        assert 0.75 <= said.span.start % 1 <= 1.0


def test_the_pieces_of_a_long_talk_are_the_same_wherever_it_is_cut():
    video = Dark(talk(150, (5, 145)))
    whole, parts = LengthTranscriber(), LengthTranscriber()
    texts = [said.text for said in hear(video, whole)]
    assert [said.text for said in hear(video, parts, 61.0, 64.0, 100.0)] == texts


def test_a_long_span_is_heard_like_its_parts():
    video = Dark(talk(600, (5, 8), (230, 250), (470, 490), (590, 599)))
    found = hear(video, LengthTranscriber())
    assert [said.span.start for said in found] == pytest.approx([5, 230, 470, 590], abs=0.3)


@pytest.mark.parametrize("times_s", [(-5.0, -1.0), (900.0, 901.0), (3.0, 1.0), (0.0, 1e9)])
def test_times_that_cannot_be_are_put_into_the_piece_that_was_heard(times_s: tuple[float, float]):
    class Odd(LengthTranscriber):
        def transcribe(
            self, samples: NDArray[np.float32], rate: int
        ) -> list[tuple[float, float, str]]:
            return [(*times_s, "words")]

    (said,) = hear(Dark(talk(30, (10, 12))), Odd())
    assert (said.span.start, said.span.end) == pytest.approx((10, 12), abs=0.4)


def test_what_an_engine_says_is_plain_text():
    class Rude(LengthTranscriber):
        def transcribe(
            self, samples: NDArray[np.float32], rate: int
        ) -> list[tuple[float, float, str]]:
            return [(0.0, 1.0, " <b>red\x1b[31m</b> \u202egoal "), (1.0, 1.5, " \u200b ")]

    (said,) = hear(Dark(talk(30, (10, 12))), Rude())
    assert said.text == "red goal"


@pytest.mark.parametrize("modality", ["visual", "subtitle"])
def test_a_video_without_sound_says_nothing(modality: str):
    with VirtualVideo(quiet().replace(knobs=quiet().knobs.replace(modality=modality))) as video:
        assert not video.info.has_audio
        assert hear(video, ToneTranscriber()) == []


def test_a_real_video_without_sound_says_nothing(real_videos: Path):
    with open_video(real_videos / "people.mp4") as video:
        assert hear(video, LengthTranscriber()) == []


def test_the_narrator_of_a_real_video_is_heard_where_the_subtitles_are(real_videos: Path):
    with open_video(real_videos / "webb.mp4") as video:
        (said,) = hear(video, LengthTranscriber())
        subtitles = subtitle_evidence(None, video)
    assert said.span.start == pytest.approx(subtitles[0].span.start, abs=0.6)
    assert said.span.end == pytest.approx(subtitles[2].span.end, abs=0.6)


def test_two_tracks_that_say_the_same_are_kept_once(real_videos: Path):
    with open_video(real_videos / "webb.mp4") as video:
        assert len([track for track in video.info.text_tracks if track.is_text]) == 2
        found = subtitle_evidence(real_videos / "webb.mp4", video)
    assert len(found) == 4
    where = found[2]
    assert (where.span.start, where.span.end) == pytest.approx((8.35, 12.47), abs=0.01)
    assert "Greenbelt, Maryland" in where.text
    assert {said.kind for said in found} == {"speech"}


def test_a_file_beside_a_video_adds_what_the_tracks_inside_do_not_say(
    real_videos: Path, tmp_path: Path
):
    video_path = tmp_path / "webb.mp4"
    shutil.copy(real_videos / "webb.mp4", video_path)
    (tmp_path / "webb.en.srt").write_text(
        "1\n00:00:00,300 --> 00:00:02,000\nThis is the optical\n\n"
        "2\n00:00:02,000 --> 00:00:04,300\nand science segment of the Webb\n\n"
        "3\n00:00:05,000 --> 00:00:07,000\n<i>[machines hum]</i>\n\n"
        "4\n00:00:12,500 --> 00:00:20,000\nNAR: something else\n"
    )
    (tmp_path / "webb.de.vtt").write_text(
        "WEBVTT\n\n00:00.300 --> 00:04.000\n<v Sprecher>Das optische Segment\n"
    )
    with open_video(video_path) as video:
        found = subtitle_evidence(video_path, video)
        inside = subtitle_evidence(None, video)
        assert all(said.span.end <= video.info.duration_s for said in found)
    fresh = [said.text for said in found if said not in inside]
    assert fresh == ["Sprecher: Das optische Segment", "[machines hum]", "NAR: something else"]
    assert [said for said in found if said in inside] == inside
    assert found == sorted(found, key=lambda said: said.span)


def test_the_same_word_at_another_time_is_another_word(tmp_path: Path):
    with VirtualVideo(quiet()) as video:
        (tmp_path / "film.srt").write_text("1\n00:00:01,000 --> 00:00:02,000\nNo.\n")
        (tmp_path / "film.en.srt").write_text(
            "1\n00:00:01,100 --> 00:00:02,000\nNo!\n\n2\n00:00:09,000 --> 00:00:10,000\nNo.\n"
        )
        found = subtitle_evidence(tmp_path / "film.mp4", video)
    assert [(said.text, said.span.start) for said in found] == [("No.", 1.0), ("No.", 9.0)]


def test_without_a_setting_there_is_no_engine():
    assert find_transcriber(None) is None


@pytest.mark.parametrize("spec", ["large-v3", "no/such/folder", "openai/whisper-tiny"])
def test_a_name_that_is_no_folder_is_refused_and_nothing_is_downloaded(spec: str):
    with pytest.raises(ValueError, match="nothing is downloaded"):
        find_transcriber(spec)


def test_a_folder_without_its_tokenizer_is_refused_because_it_would_be_downloaded(tmp_path: Path):
    for name in ("model.bin", "config.json"):
        (tmp_path / name).touch()
    with pytest.raises(ValueError, match=r"lacks tokenizer\.json"):
        WhisperTranscriber(tmp_path)


def test_a_missing_engine_says_which_extra_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name in ("model.bin", "config.json", "tokenizer.json"):
        (tmp_path / name).touch()
    monkeypatch.setattr("playhead.models.eyes._local.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"playhead\[speech\]"):
        WhisperTranscriber(tmp_path)


@pytest.fixture(scope="module")
def tiny_whisper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Whisper of a few thousand random weights, with a tokenizer of bytes, made here."""
    pytest.importorskip("faster_whisper")
    pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    from ctranslate2.converters import TransformersConverter
    from tokenizers import AddedToken, Tokenizer, decoders, pre_tokenizers
    from tokenizers.models import BPE

    folder = tmp_path_factory.mktemp("whisper")
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(BPE({letter: i for i, letter in enumerate(letters)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    words = (
        "endoftext startoftranscript en translate transcribe startoflm startofprev nospeech "
        "notimestamps"
    )
    tokenizer.add_special_tokens([AddedToken(f"<|{w}|>", special=True) for w in words.split()])
    end = tokenizer.token_to_id("<|endoftext|>")
    transformers.set_seed(0)
    config = transformers.WhisperConfig(
        vocab_size=tokenizer.get_vocab_size() + 1501,
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        pad_token_id=end,
        bos_token_id=end,
        eos_token_id=end,
        decoder_start_token_id=end + 1,
    )
    model = transformers.WhisperForConditionalGeneration(config)
    model.generation_config.suppress_tokens = []
    model.generation_config.begin_suppress_tokens = [end]
    model.save_pretrained(folder / "hf")
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="<|endoftext|>",
        bos_token="<|endoftext|>",
        eos_token="<|endoftext|>",
    ).save_pretrained(folder / "hf")
    transformers.WhisperFeatureExtractor(feature_size=80).save_pretrained(folder / "hf")
    copied = ["tokenizer.json", "preprocessor_config.json"]
    TransformersConverter(str(folder / "hf"), copy_files=copied).convert(str(folder / "tiny"))
    return folder / "tiny"


def test_a_whisper_hears_a_video_end_to_end(tiny_whisper: Path):
    engine = find_transcriber(os.fspath(tiny_whisper))
    assert engine is not None
    video = Dark(talk(60, (10, 15), (40, 44)))
    found = hear(video, engine)
    assert found, "random weights say something"
    assert found == hear(video, engine)
    for said in found:
        assert said.text
        near = [Span(start=9.5, end=15.5), Span(start=39.5, end=44.5)]
        assert any(said.span.intersection(talk) == said.span for talk in near)


def test_a_whisper_is_named_after_its_weights(tiny_whisper: Path, tmp_path: Path):
    other = tmp_path / "tiny"
    shutil.copytree(tiny_whisper, other)
    same = WhisperTranscriber(other, device="cpu").name
    assert same == WhisperTranscriber(tiny_whisper, device="cpu").name
    weights = bytearray((other / "model.bin").read_bytes())
    weights[-1] ^= 1
    (other / "model.bin").write_bytes(weights)
    assert WhisperTranscriber(other, device="cpu").name != same


def test_a_whisper_refuses_another_rate(tiny_whisper: Path):
    with pytest.raises(ValueError, match="16000"):
        WhisperTranscriber(tiny_whisper, device="cpu").transcribe(np.zeros(10, np.float32), 8000)
