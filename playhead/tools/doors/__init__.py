"""Doors: our tools as other people's frameworks take them. One definition, identical schemas.

    openai      chat completions, vLLM: JSON schema, strict if wanted
    langchain   LangChain, LangGraph: `StructuredTool`
    mcp         Model Context Protocol: a server
    mcp_client  Model Context Protocol: tools of a server of somebody else's, for our agent
    trl         TRL: an environment class for reinforcement learning

A door changes how a tool is told of and how its result is packed, never what it does. Each loads
its world's library inside its functions.
"""
