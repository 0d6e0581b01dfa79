"""What ms-swift makes of an export: its data set and its template.

    ROOT_IMAGE_DIR=FOLDER python -m tests.training.read_swift FOLDER MODEL OUT

Runs under the Python that has ms-swift, and needs nothing of Playhead.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests.training.seen_pictures import brightness


def main(folder: str, model: str, out: str) -> None:
    """Write ids, labels, weights and the brightness of each picture, for each example."""
    from swift.dataset import load_dataset
    from swift.model import get_processor
    from swift.template import get_template

    processor = get_processor(model, model_type="qwen3_vl", download_model=False)
    template = get_template(processor, is_binary_loss_scale=False)
    template.set_mode("train")
    # ms-swift knows the ids of Qwen's vocabulary by heart, and that of the tiny model is its own
    template.image_token_id = template.tokenizer.convert_tokens_to_ids("<|image_pad|>")
    data, _ = load_dataset(f"{folder}/train.jsonl", strict=True)
    seen: list[dict[str, Any]] = []
    for example in data:
        made = template.encode(example)
        one = {"ids": made["input_ids"], "labels": made["labels"], "weights": made["loss_scale"]}
        seen.append({**one, "brightness": brightness(made)})
    Path(out).write_text(json.dumps(seen))


if __name__ == "__main__":
    main(*sys.argv[1:])
