"""The loop: a policy thinks, tools act, evidence is kept, an answer comes within the budget."""
