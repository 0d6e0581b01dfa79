"""What LLaMA-Factory makes of an export: its data set, its template, its collator.

    python -m tests.training.read_llama_factory FOLDER MODEL OUT

Runs under the Python that has LLaMA-Factory, and needs nothing of Playhead.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests.training.seen_pictures import brightness


def main(folder: str, model: str, out: str) -> None:
    """Write ids, labels and the brightness of each picture, for each example."""
    from llamafactory.data import (
        SFTDataCollatorWith4DAttentionMask,
        get_dataset,
        get_template_and_fix_tokenizer,
    )
    from llamafactory.hparams import get_train_args
    from llamafactory.model import load_tokenizer

    given = {
        "model_name_or_path": model, "stage": "sft", "do_train": True, "finetuning_type": "full",
        "dataset": "playhead", "dataset_dir": folder, "media_dir": folder, "cutoff_len": 8192,
        "template": "qwen3_vl_nothink", "output_dir": f"{out}.run", "use_cpu": True,
        "report_to": "none",
    }  # fmt: skip
    model_args, data_args, training_args, *_ = get_train_args(given)
    words = load_tokenizer(model_args)
    template = get_template_and_fix_tokenizer(words["tokenizer"], data_args)
    data = get_dataset(template, model_args, data_args, training_args, stage="sft", **words)
    collate = SFTDataCollatorWith4DAttentionMask(template=template, model=None, **words)
    seen: list[dict[str, Any]] = []
    for example in data["train_dataset"]:
        ids, labels = example["input_ids"], example["labels"]
        seen.append({"ids": ids, "labels": labels, "brightness": brightness(collate([example]))})
    Path(out).write_text(json.dumps(seen))


if __name__ == "__main__":
    main(*sys.argv[1:])
