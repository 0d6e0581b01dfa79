"""Eyes: what turns pictures and sound into vectors and words, with weights or without."""
