"""What `test_served` runs in an environment with vLLM.

python -m tests.training.pocket.vllm_run OUT
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.training.pocket.test_served import VLLM, played, questions, said

if __name__ == "__main__":
    records = played(VLLM, questions(3), max_pictures=18, max_model_len=4096, enforce_eager=True)
    Path(sys.argv[1]).write_text(json.dumps(said(records)))
