"""Takes chunks of events as bytes and asks for a decision only where one is needed."""
