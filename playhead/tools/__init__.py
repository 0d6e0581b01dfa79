"""What the model may call: one file per tool, a toolset, and doors to other people's frameworks."""
