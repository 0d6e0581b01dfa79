"""Teaching a model to use the tools that it will be served with."""
